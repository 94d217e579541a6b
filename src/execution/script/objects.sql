-- What each file of a group has done to the schema: rows of the catalogue were written by the command
-- that stands before the file's ledger row.
WITH recorded (ledger, id, written, name) AS MATERIALIZED (
{recorded}
), ends AS MATERIALIZED (
  SELECT array_agg(written ORDER BY written) AS written FROM recorded
), hidden (id) AS MATERIALIZED (
{ledgers}
), own AS MATERIALIZED (
  SELECT oid, quote_ident(nspname) AS name FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), affected (id) AS MATERIALIZED (
{affected}
), relation AS MATERIALIZED (
  SELECT c.oid, own.name || '.' || quote_ident(c.relname) AS name, pg_catalog.age(c.xmin) AS age, c.xmin, c.cmin, c.relkind,
    {kind:pg_class} AS kind
  FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
  WHERE c.oid = ANY (ARRAY(SELECT id FROM affected)) AND c.relkind <> 't' AND c.oid NOT IN (SELECT id FROM hidden)
), touched (class, id, part_of, kind, name, age, cmin, is_row, attnum) AS (
{touched}
){lost}, placed AS MATERIALIZED (
  SELECT t.*, t.id > {newest}::oid AND t.attnum IS DISTINCT FROM 0 AS is_new,
    -- What came behind the last file of a transaction is that one's, too.
    least(pg_catalog.width_bucket(at.moment, ends.written), pg_catalog.width_bucket((((at.moment >> 32) + 1) << 32), ends.written) - 1) AS file
  FROM touched t CROSS JOIN ends CROSS JOIN LATERAL (SELECT ({index:t.age} << 32) + t.cmin::text::bigint AS moment) AS at
  WHERE {is_ours}
), made AS MATERIALIZED (
  -- Where a table was made, and then altered, only its parts still tell by which file.
  SELECT relation.oid AS id, min(p.file) AS file
  FROM placed p JOIN relation ON relation.oid = coalesce(p.part_of, CASE WHEN p.class = 'pg_catalog.pg_class'::regclass THEN p.id END)
  WHERE relation.oid > {newest}::oid GROUP BY relation.oid
), news AS MATERIALIZED (
  -- What came with its table, in the same file, is none.
  SELECT p.class, p.id, p.part_of, p.kind, p.name, p.is_row, p.file,
    coalesce(p.is_new, false) OR p.attnum IS NOT NULL AND {is_new_column} AS is_new
  FROM placed p CROSS JOIN ends LEFT JOIN relation r ON r.oid = p.part_of
  LEFT JOIN made m ON m.id = coalesce(p.part_of, p.id) AND m.file = p.file
  WHERE m.id IS NULL OR p.part_of IS NOT NULL AND p.kind NOT IN ('column', 'constraint') AND p.name IS NOT NULL
    OR p.class <> 'pg_catalog.pg_class'::regclass AND p.part_of IS NULL
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, r.oid, NULL, r.kind, r.name, false, m.file, true
  FROM made m JOIN relation r ON r.oid = m.id
), told AS (
  SELECT n.file, n.kind, n.name, max(n.id) AS id, max(n.part_of) AS part_of,
    CASE WHEN bool_or(n.is_new) AND n.file = min(min(n.file)) OVER (PARTITION BY n.kind, n.name) THEN 'created' ELSE 'altered' END AS action
  FROM news n LEFT JOIN (SELECT DISTINCT part_of, file FROM news WHERE part_of IS NOT NULL) AS part
    ON n.is_row AND part.part_of = n.id AND part.file = n.file
  CROSS JOIN (SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE pg_catalog.age(xmin) <= {since}) AS extensions) AS has
  WHERE n.name IS NOT NULL
    -- A table's row that was written because of a part of it is none, either.
    AND part.part_of IS NULL
    -- Nor what a constraint or a column has made for itself, or an extension.
    AND NOT (n.kind IN ('index', 'sequence') AND EXISTS (
      SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = n.id
        AND (n.kind = 'index' AND d.deptype = 'i' OR n.kind = 'sequence' AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)))
    AND NOT (n.id IS NOT NULL AND has.extensions AND EXISTS (
      SELECT FROM pg_catalog.pg_depend d WHERE d.classid = n.class AND d.objid = n.id AND d.deptype = 'e'))
    -- Nor the functions and the cast that a range has made.
    AND NOT (n.kind IN ('function', 'cast') AND EXISTS (
      SELECT FROM pg_catalog.pg_depend d WHERE d.classid = n.class AND d.objid = n.id AND d.deptype = 'i'))
  GROUP BY n.file, n.kind, n.name
){gone}, told_of AS MATERIALIZED (
  SELECT r.ledger, r.id, r.name, json_agg(json_build_array(t.action, t.kind, t.name, t.id::bigint, t.part_of::bigint)
      ORDER BY t.action = 'dropped' DESC, t.kind, t.name)::jsonb AS objects
  FROM (SELECT ledger, id, name, row_number() OVER (ORDER BY written) - 1 AS file FROM recorded) AS r
  JOIN (
    SELECT file, action, kind, name, id, coalesce(part_of, CASE WHEN kind = 'index' THEN (
      SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = told.id) END) AS part_of
    FROM {told}
  ) AS t ON t.file = r.file GROUP BY r.ledger, r.id, r.name
){updates}
SELECT json_build_object('{done}', (SELECT coalesce(json_agg(json_build_array(ledger, name, objects)), '[]') FROM told_of));
