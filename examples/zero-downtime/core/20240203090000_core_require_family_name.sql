-- migrate: no-transaction
-- Step 3: NOT NULL without a long lock. VALIDATE CONSTRAINT reads all rows while others can write.
-- SET NOT NULL then relies on the valid constraint and reads no rows (PostgreSQL 12 and later).

ALTER TABLE person DROP CONSTRAINT IF EXISTS person_family_name_check;
ALTER TABLE person ADD CONSTRAINT person_family_name_check CHECK (family_name IS NOT NULL) NOT VALID;
ALTER TABLE person VALIDATE CONSTRAINT person_family_name_check;
ALTER TABLE person ALTER COLUMN family_name SET NOT NULL;
ALTER TABLE person DROP CONSTRAINT person_family_name_check;
