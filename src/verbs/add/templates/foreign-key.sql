-- migrate: no-transaction
-- {{title}}
--
-- NOT VALID checks new rows from now on, with a lock for a moment; VALIDATE then reads the old rows
-- without stopping writers. In one transaction the first lock would be held through the second.

-- Put the names of your tables for these, and remove them:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE TABLE IF NOT EXISTS example_item (example_id bigint NOT NULL);

ALTER TABLE example_item DROP CONSTRAINT IF EXISTS {{identifier}};
ALTER TABLE example_item ADD CONSTRAINT {{identifier}}
    FOREIGN KEY (example_id) REFERENCES example NOT VALID;
ALTER TABLE example_item VALIDATE CONSTRAINT {{identifier}};
