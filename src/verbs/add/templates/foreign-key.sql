-- migrate: no-transaction
-- {{title}}
--
-- ADD CONSTRAINT ... NOT VALID checks only new rows, and holds its lock only briefly. VALIDATE then
-- checks the old rows, and others can write. In one transaction, the lock would be held until both
-- are done.

-- Put the names of your tables for these, and remove them:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE TABLE IF NOT EXISTS example_item (example_id bigint NOT NULL);

ALTER TABLE example_item DROP CONSTRAINT IF EXISTS {{identifier}};
ALTER TABLE example_item ADD CONSTRAINT {{identifier}}
    FOREIGN KEY (example_id) REFERENCES example NOT VALID;
ALTER TABLE example_item VALIDATE CONSTRAINT {{identifier}};
