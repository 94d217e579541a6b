-- {{title}}
--
-- A constant default needs no rewrite of the table. The check is NOT VALID, so no old row is read while
-- the table is locked. Validate it in a migration of its own.
-- migrate: lock-timeout 2sec

-- Put the name of your table for `example`, and remove this line:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

ALTER TABLE example
    ADD COLUMN {{identifier}} text NOT NULL DEFAULT 'none',
    ADD CONSTRAINT {{identifier}}_check CHECK ({{identifier}} <> '') NOT VALID;

-- In the next migration, where writers need not wait for it:
-- ALTER TABLE example VALIDATE CONSTRAINT {{identifier}}_check;
