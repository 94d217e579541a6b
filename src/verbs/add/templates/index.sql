-- migrate: no-transaction
-- {{title}}
--
-- CONCURRENTLY lets everybody write while the index is built, and cannot run in a transaction.
-- What an attempt that failed has left is dropped first, so that `migrate repair --retry` suffices.

-- Put the name of your table for `example`, and remove this line:
CREATE TABLE IF NOT EXISTS example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

DROP INDEX CONCURRENTLY IF EXISTS {{identifier}};
CREATE INDEX CONCURRENTLY {{identifier}} ON example (id);
