-- Rows of the catalogue that are about to go, or all that are there: what each describes.
WITH hidden (id) AS MATERIALIZED (
{ledgers}
), own AS MATERIALIZED (
  SELECT oid, quote_ident(nspname) AS name FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), relation AS MATERIALIZED (
  SELECT c.oid, own.name || '.' || quote_ident(c.relname) AS name, c.relkind, {row:c} AS goes, {moment:c} AS moment, c.xmin AS written,
    {kind:pg_class} AS kind
  FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
  WHERE c.relkind <> 't' AND c.oid NOT IN (SELECT id FROM hidden)
), thing (class, id, sub, part_of, kind, name, moment, written) AS (
  SELECT 'pg_catalog.pg_class'::regclass, r.oid, 0, (SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = r.oid),
      r.kind, r.name, r.moment, r.written
    FROM relation r WHERE r.goes
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, r.oid, a.attnum, r.oid, 'column', r.name || '.' || quote_ident(a.attname), {moment:a}, a.xmin
    FROM pg_catalog.pg_attribute a JOIN relation r ON r.oid = a.attrelid
    WHERE {row:a} AND a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'f', 'c')
  UNION ALL
  SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, 0, r.oid, 'constraint', r.name || ' ' || quote_ident(k.conname), {moment:k}, k.xmin
    FROM pg_catalog.pg_constraint k JOIN relation r ON r.oid = k.conrelid WHERE {row:k} AND k.contype <> 'n'
  UNION ALL
  SELECT 'pg_catalog.pg_trigger'::regclass, t.oid, 0, r.oid, 'trigger', r.name || ' ' || quote_ident(t.tgname), {moment:t}, t.xmin
    FROM pg_catalog.pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE {row:t} AND NOT t.tgisinternal
  UNION ALL
  SELECT 'pg_catalog.pg_policy'::regclass, p.oid, 0, r.oid, 'policy', r.name || ' ' || quote_ident(p.polname), {moment:p}, p.xmin
    FROM pg_catalog.pg_policy p JOIN relation r ON r.oid = p.polrelid WHERE {row:p}
  UNION ALL
  SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid, 0, r.oid, 'rule', r.name || ' ' || quote_ident(w.rulename), {moment:w}, w.xmin
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE {row:w} AND w.rulename <> '_RETURN'
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::regclass, p.oid, 0, NULL,
      {kind:pg_proc},
      {name:pg_proc}, {moment:p}, p.xmin
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace WHERE {row:p}
  UNION ALL
  SELECT 'pg_catalog.pg_type'::regclass, t.oid, 0, NULL,
      {kind:pg_type}, own.name || '.' || quote_ident(t.typname), {moment:t}, t.xmin
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace WHERE {row:t} AND {rows:pg_type}
  UNION ALL
  SELECT 'pg_catalog.pg_namespace'::regclass, n.oid, 0, NULL, 'schema', own.name, {moment:n}, n.xmin
    FROM pg_catalog.pg_namespace n JOIN own ON own.oid = n.oid WHERE {row:n}
  UNION ALL
  SELECT 'pg_catalog.pg_extension'::regclass, e.oid, 0, NULL, 'extension', quote_ident(e.extname), {moment:e}, e.xmin
    FROM pg_catalog.pg_extension e WHERE {row:e}
  UNION ALL
  SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, -1, t.oid, 'domain', own.name || '.' || quote_ident(t.typname), {moment:k}, k.xmin
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN own ON own.oid = t.typnamespace
    WHERE k.conrelid = 0 AND {row:k}
{alone})
SELECT coalesce(json_agg(json_build_array(class::oid::bigint, id::bigint, sub, part_of::bigint, kind, name,
    greatest(moment, {gone_with}), written::text::bigint)), '[]')
FROM thing
-- Not what a constraint or a column had made for itself, nor what is an extension's.
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_depend d WHERE d.classid = thing.class AND d.objid = thing.id AND d.objsubid = 0
    AND (d.deptype = 'e' OR thing.kind IN ('function', 'cast') AND d.deptype = 'i' OR thing.kind = 'index' AND d.deptype = 'i'
      OR thing.kind = 'sequence' AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0));
