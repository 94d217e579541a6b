-- {{title}}
--
-- The files of the extension must be on the server. If they are not, the run is rolled back, and the
-- error names the extension. IF NOT EXISTS accepts an extension that an administrator has made.

\set extension pgcrypto

SELECT EXISTS (
    SELECT FROM pg_catalog.pg_available_extensions WHERE name = :'extension'
) AS is_available \gset
\if :is_available
    CREATE EXTENSION IF NOT EXISTS :"extension";
\else
    DO $$
    BEGIN
        RAISE EXCEPTION 'the extension is not available'
            USING HINT = 'install its files on the server, often a package postgresql-contrib';
    END
    $$;
\endif
