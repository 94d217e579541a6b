-- Verify erp:phone on pg

BEGIN;

-- XXX Add verifications here.

ROLLBACK;
