-- {{title}}
--
-- A new value can be used only after COMMIT. So the next migration runs in a transaction of its own.
-- A value cannot be removed again. If values come and go, use a table with a foreign key instead.

-- Put the name of your type for `example_state`, and remove this block:
DO $$
BEGIN
    IF to_regtype('example_state') IS NULL THEN
        CREATE TYPE example_state AS ENUM ('new', 'done');
    END IF;
END
$$;

ALTER TYPE example_state ADD VALUE IF NOT EXISTS '{{identifier}}' BEFORE 'done';
