-- migrate: no-transaction
-- {{title}}
--
-- With CONCURRENTLY, others can write while the index is built. It cannot run in a transaction.
-- DROP INDEX removes what a failed attempt has left. So `migrate repair --retry` is enough after one.

-- Put the name of your table for `example`, and remove this line:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

DROP INDEX CONCURRENTLY IF EXISTS {{identifier}};
CREATE INDEX CONCURRENTLY {{identifier}} ON example (id);
