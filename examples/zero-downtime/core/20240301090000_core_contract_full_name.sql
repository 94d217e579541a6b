-- Step 4, contract, when no old program runs any more: drop the trigger, then the old column.
-- DROP COLUMN only changes the catalogue; the rows are not rewritten.
-- migrate: lock-timeout 2sec

DROP TRIGGER person_names ON person;
DROP FUNCTION person_names();
ALTER TABLE person DROP COLUMN full_name;
