-- {{title}}
--
-- An extension needs its files on the server; without them the error says what to install, and nothing
-- of the run is applied. IF NOT EXISTS, because an administrator may have been faster.

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
