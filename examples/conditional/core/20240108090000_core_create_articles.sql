-- The constraint depends on the server's version. Demo data is inserted only if demo_data is set.

CREATE TABLE article (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text,
    name   text NOT NULL
);

-- The server gives its version, and psql decides. psql does not send the other branch.
SELECT current_setting('server_version_num')::int >= 150000 AS knows_nulls_not_distinct \gset
\if :knows_nulls_not_distinct
    ALTER TABLE article ADD CONSTRAINT article_number_key UNIQUE NULLS NOT DISTINCT (number);
\else
    CREATE UNIQUE INDEX article_number_key ON article ((coalesce(number, '')));
\endif

-- :{?name} tests whether the variable is set.
\if :{?demo_data}
    \ir ../demo/articles.psql
\endif
