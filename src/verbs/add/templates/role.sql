-- {{title}}
--
-- A role belongs to the whole server, so it may exist already. This one cannot log in. It has the rights,
-- and users become its members. The default privileges are for tables that the same owner makes later.

SELECT to_regrole('{{identifier}}') IS NULL AS is_new \gset
\if :is_new
    CREATE ROLE {{identifier}} NOLOGIN;
\endif

SELECT current_schema() AS schema \gset
GRANT USAGE ON SCHEMA :"schema" TO {{identifier}};
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO {{identifier}};
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT SELECT ON TABLES TO {{identifier}};
