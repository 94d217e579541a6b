-- migrate: no-transaction
-- {{title}}
--
-- Each batch has a COMMIT of its own. So locks are short, and VACUUM can clean up between batches. After
-- a stop, the next attempt goes on with the rows that are left.

-- Put the names of your table and column for these, and remove them:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
ALTER TABLE example ADD COLUMN IF NOT EXISTS {{identifier}} text;

DO $$
DECLARE
    batch   CONSTANT bigint := 10000;
    at      bigint := (SELECT min(id) FROM example);
    last_id bigint := (SELECT max(id) FROM example);
BEGIN
    WHILE at <= last_id LOOP
        UPDATE example
        SET {{identifier}} = 'value ' || id
        WHERE id >= at AND id < at + batch AND {{identifier}} IS NULL;
        COMMIT;
        RAISE NOTICE 'done up to %', least(at + batch - 1, last_id);
        at := at + batch;
    END LOOP;
END
$$;
