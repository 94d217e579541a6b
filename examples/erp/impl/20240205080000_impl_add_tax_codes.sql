-- add tax codes, for the implementor

CREATE TABLE tax_code (
    code text PRIMARY KEY,
    rate numeric(4, 3) NOT NULL
);

INSERT INTO tax_code VALUES ('standard', 0.190), ('reduced', 0.070);

ALTER TABLE product ADD COLUMN tax_code text NOT NULL DEFAULT 'standard' REFERENCES tax_code;
