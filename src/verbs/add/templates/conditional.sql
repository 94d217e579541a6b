-- {{title}}
--
-- \gset makes a variable of each column, and \if takes one that is t or f: the server is asked, psql
-- decides. :{?name} asks whether the user has given a variable at all, with --set or in the settings.

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
