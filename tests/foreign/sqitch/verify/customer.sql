-- Verify erp:customer on pg

BEGIN;

-- XXX Add verifications here.

ROLLBACK;
