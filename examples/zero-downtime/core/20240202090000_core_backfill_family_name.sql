-- migrate: no-transaction
-- Step 2, migrate: fill the new column of the old rows. Each batch is committed by itself.

DO $$
DECLARE
    batch   CONSTANT bigint := 10000;
    at      bigint := (SELECT min(id) FROM person);
    last_id bigint := (SELECT max(id) FROM person);
BEGIN
    WHILE at <= last_id LOOP
        UPDATE person SET family_name = split_part(full_name, ' ', 2)
        WHERE id >= at AND id < at + batch AND family_name IS NULL;
        COMMIT;
        RAISE NOTICE 'done up to %', least(at + batch - 1, last_id);
        at := at + batch;
    END LOOP;
END
$$;
