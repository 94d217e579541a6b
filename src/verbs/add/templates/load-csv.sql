-- {{title}}
--
-- \copy reads the file on this computer, beside this migration, and it is a part of the migration's
-- checksum. The rows go through a temporary table, so that those that are there already are updated.

CREATE TABLE IF NOT EXISTS {{identifier}} (
    code text PRIMARY KEY,
    name text NOT NULL
);

CREATE TEMPORARY TABLE loaded (LIKE {{identifier}});
\copy loaded FROM '{{stem}}.csv' WITH (FORMAT csv, HEADER)

INSERT INTO {{identifier}}
SELECT code, name FROM loaded
ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name;
