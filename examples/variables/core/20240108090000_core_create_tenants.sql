-- The tenant of an installation comes from a variable, because each installation has another tenant.

CREATE TABLE tenant (
    code     text PRIMARY KEY,
    name     text NOT NULL,
    added_by text NOT NULL
);

-- :'name' inserts the value as a quoted text, whatever it contains. :name inserts it unquoted.
INSERT INTO tenant VALUES (:'tenant', :'tenant_name', :'migration_name');

-- :"name" inserts the value as a quoted identifier.
CREATE SCHEMA :"tenant";

\echo track :track_name knows the tenant :tenant
