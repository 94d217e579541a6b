-- The best that this server can do, and demo data only where somebody asks for it.

CREATE TABLE article (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number text,
    name   text NOT NULL
);

-- Ask the server, let psql decide. The branch that is not taken is not even sent.
SELECT current_setting('server_version_num')::int >= 150000 AS knows_nulls_not_distinct \gset
\if :knows_nulls_not_distinct
    ALTER TABLE article ADD CONSTRAINT article_number_key UNIQUE NULLS NOT DISTINCT (number);
\else
    CREATE UNIQUE INDEX article_number_key ON article ((coalesce(number, '')));
\endif

-- :{?name} asks whether there is such a variable at all.
\if :{?demo_data}
    \ir ../demo/articles.psql
\endif
