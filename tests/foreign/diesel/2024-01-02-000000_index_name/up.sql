CREATE INDEX CONCURRENTLY customer_name ON customer (name);
