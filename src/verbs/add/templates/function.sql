-- {{title}}
--
-- A function in plain SQL can be made a part of the query that calls it; IMMUTABLE says that it depends
-- on its arguments alone. CREATE OR REPLACE keeps grants and what depends on it.

CREATE OR REPLACE FUNCTION {{identifier}}(amount numeric, percentage numeric DEFAULT 19)
RETURNS numeric
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
AS $$
    SELECT round(amount * percentage / 100, 2)
$$;

COMMENT ON FUNCTION {{identifier}}(numeric, numeric) IS :'migration_description';
