-- {{title}}
--
-- \copy reads the CSV file beside this migration, on the computer where psql runs. The checksum of the
-- migration includes this file. The rows are first loaded into a temporary table. INSERT then adds new
-- rows and updates existing ones.

CREATE TABLE IF NOT EXISTS {{identifier}} (
    code text PRIMARY KEY,
    name text NOT NULL
);

CREATE TEMPORARY TABLE loaded (LIKE {{identifier}});
\copy loaded FROM '{{stem}}.csv' WITH (FORMAT csv, HEADER)

INSERT INTO {{identifier}}
SELECT code, name FROM loaded
ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name;
