-- {{title}}
--
-- With the WHEN clause, the function is called only for rows that have changed. From PostgreSQL 14 on,
-- CREATE OR REPLACE TRIGGER does the same as DROP and CREATE here.

-- Put the name of your table for `example`, and remove these lines:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
ALTER TABLE example ADD COLUMN IF NOT EXISTS updated_at timestamptz;

CREATE OR REPLACE FUNCTION {{identifier}}() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS {{identifier}} ON example;
CREATE TRIGGER {{identifier}}
    BEFORE UPDATE ON example
    FOR EACH ROW
    WHEN (OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION {{identifier}}();
