-- {{title}}
--
-- \gset makes a psql variable of each column of the query. \if takes the branch if the variable is t.
-- :{?name} is true if the user has given a value to the variable, with --set or in the settings.

CREATE TABLE {{identifier}} (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text
);

SELECT current_setting('server_version_num')::int >= 150000 AS knows_nulls_not_distinct \gset
\if :knows_nulls_not_distinct
    ALTER TABLE {{identifier}} ADD UNIQUE NULLS NOT DISTINCT (number);
\else
    CREATE UNIQUE INDEX ON {{identifier}} ((coalesce(number, '')));
\endif

-- migrate run ./db --set { demo_data: true }
\if :{?demo_data}
    \echo :migration_name loads demo data
    INSERT INTO {{identifier}} (number) VALUES ('demo');
\endif
