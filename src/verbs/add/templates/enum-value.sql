-- {{title}}
--
-- A new value can only be used after its transaction: the next migration begins a new one by itself.
-- It cannot be removed again; where values come and go, a table with a foreign key is the better type.

-- Put the name of your type for `example_state`, and remove this block:
DO $$
BEGIN
    IF to_regtype('example_state') IS NULL THEN
        CREATE TYPE example_state AS ENUM ('new', 'done');
    END IF;
END
$$;

ALTER TYPE example_state ADD VALUE IF NOT EXISTS '{{identifier}}' BEFORE 'done';
