-- Deploy erp:phone to pg
-- requires: customer

BEGIN;

ALTER TABLE customer ADD phone text;

COMMIT;
