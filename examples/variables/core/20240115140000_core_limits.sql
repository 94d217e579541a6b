-- \gset turns each column of a query's row into a variable, for the rest of this file.

SELECT count(*) AS tenants, count(*) * :seats_per_tenant AS seats FROM tenant \gset

CREATE TABLE seat_limit AS SELECT :seats AS seats;
COMMENT ON TABLE seat_limit IS :'migration_description';
\echo :tenants tenant, :seats seats
