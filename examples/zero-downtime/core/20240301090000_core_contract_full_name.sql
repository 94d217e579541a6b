-- Step 4, contract, when no old program is left: the trigger goes, and then the old column, which is
-- only a note in the catalogue.
-- migrate: lock-timeout 2sec

DROP TRIGGER person_names ON person;
DROP FUNCTION person_names();
ALTER TABLE person DROP COLUMN full_name;
