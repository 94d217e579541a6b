-- {{title}}
--
-- PostgreSQL can put the body of a SQL function into the query that calls it. IMMUTABLE: the result
-- depends on the arguments alone. CREATE OR REPLACE keeps grants and the objects that depend on it.

CREATE OR REPLACE FUNCTION {{identifier}}(amount numeric, percentage numeric DEFAULT 19)
RETURNS numeric
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
AS $$
    SELECT round(amount * percentage / 100, 2)
$$;

COMMENT ON FUNCTION {{identifier}}(numeric, numeric) IS :'migration_description';
