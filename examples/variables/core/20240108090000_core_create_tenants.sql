-- Values from outside: one installation has one home tenant, and every one has another.

CREATE TABLE tenant (
    code     text PRIMARY KEY,
    name     text NOT NULL,
    added_by text NOT NULL
);

-- :'name' is a text with its quotes, whatever the value holds; :number is put in as it is.
INSERT INTO tenant VALUES (:'tenant', :'tenant_name', :'migration_name');

-- :"name" is an identifier with its quotes.
CREATE SCHEMA :"tenant";

\echo track :track_name knows the tenant :tenant
