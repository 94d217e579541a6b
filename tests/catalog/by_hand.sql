ALTER TABLE s.a ALTER n SET STATISTICS 7 -- column s.a.n: different; column s.kid.n: different
ALTER TABLE s.a ALTER e SET (n_distinct = 3) -- column s.a.e: different
ALTER TABLE s.a FORCE ROW LEVEL SECURITY -- table s.a: different
ALTER TABLE s.a ADD CONSTRAINT sane CHECK (e > 0) NOT VALID -- constraint s.a sane: only in target; constraint s.kid sane: only in target
ALTER TABLE s.p1 SET (fillfactor = 70) -- table s.p1: different
ALTER INDEX s.a_pkey RENAME TO key -- constraint s.a a_pkey: only in scratch; constraint s.a key: only in target; index s.a_pkey: only in scratch; index s.key: only in target
ALTER TABLE s.kid NO INHERIT s.a -- table s.kid: different
ALTER SEQUENCE s.free CYCLE -- sequence s.free: different
ALTER VIEW s.v SET (security_barrier) -- view s.v: different
CREATE INDEX mx ON s.m (x) -- index s.mx: only in target
ALTER TYPE s.comp ADD ATTRIBUTE z int -- column s.comp.z: only in target
ALTER TYPE s.mood ADD VALUE 'c' -- enum s.mood: different
ALTER DOMAIN s.positive RENAME CONSTRAINT above TO over -- domain s.positive: different
ALTER FUNCTION s.f COST 7 -- function s.f(integer, text): different
ALTER PROCEDURE s.pr SECURITY DEFINER -- procedure s.pr(): different
CREATE OR REPLACE AGGREGATE s.total(int) (sfunc = int4pl, stype = int, initcond = '1') -- aggregate s.total(integer): different
ALTER OPERATOR s.=== (s.comp, s.comp) SET (RESTRICT = eqsel) -- operator s.===(s.comp, s.comp): different
ALTER OPERATOR FAMILY s.oc USING hash ADD FUNCTION 1 (s.comp, s.comp) pg_catalog.hash_record(record) -- operator family s.oc hash: different
ALTER OPERATOR CLASS s.oc USING hash RENAME TO oc2 -- operator class s.oc hash: only in scratch; operator class s.oc2 hash: only in target
DROP CAST (s.comp AS text) -- cast s.comp AS text: only in scratch
CREATE CAST (s.comp AS varchar) WITH INOUT -- cast s.comp AS character varying: only in target
ALTER COLLATION s.german RENAME TO deutsch -- collation s.deutsch: only in target; collation s.german: only in scratch
ALTER STATISTICS s.st SET STATISTICS 9 -- statistics s.st: different
ALTER TABLE s.a DISABLE TRIGGER tr -- trigger s.a tr: different
ALTER TABLE s.kid DISABLE RULE ru -- rule s.kid ru: different
ALTER POLICY po ON s.a TO pg_monitor WITH CHECK (id > 2) -- policy s.a po: different
ALTER DEFAULT PRIVILEGES IN SCHEMA s REVOKE SELECT ON TABLES FROM public -- default privileges CURRENT_USER IN s ON TABLES: only in scratch
ALTER EVENT TRIGGER et DISABLE -- event trigger et: different
ALTER PUBLICATION pub SET (publish = 'insert') -- publication pub: different
ALTER SERVER sv OPTIONS (host 'h') -- server sv: different
ALTER USER MAPPING FOR CURRENT_USER SERVER sv OPTIONS (user 'u') -- user mapping CURRENT_USER sv: different
ALTER FOREIGN TABLE s.ft ALTER x OPTIONS (column_name 'y') -- column s.ft.x: different
ALTER FOREIGN TABLE s.ft OPTIONS (table_name 'y') -- foreign table s.ft: different
ALTER FOREIGN DATA WRAPPER fdw OPTIONS (debug 'true') -- foreign data wrapper fdw: different
ALTER TEXT SEARCH DICTIONARY s.di (accept = false) -- text search dictionary s.di: different
ALTER TEXT SEARCH CONFIGURATION s.tsc DROP MAPPING FOR url -- text search configuration s.tsc: different
CREATE TABLE s.migrations_notes (migration_name text) -- table s.migrations_notes: only in target; column s.migrations_notes.migration_name: only in target
