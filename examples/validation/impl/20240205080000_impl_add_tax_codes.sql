-- migrate: requires core/20240108090000
-- Tax codes, by the implementor.
CREATE TABLE tax_code (
    code       text PRIMARY KEY,
    percentage numeric(5, 2) NOT NULL
);
ALTER TABLE customer ADD COLUMN tax_code text REFERENCES tax_code;
