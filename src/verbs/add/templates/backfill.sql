-- migrate: no-transaction
-- {{title}}
--
-- Every batch is committed by itself: locks are short, dead rows can be cleaned up between, and an attempt
-- that was stopped goes on where it was, since rows that are done are not touched again.

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
