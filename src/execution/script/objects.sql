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
), relation AS MATERIALIZED (
  SELECT c.oid, own.name || '.' || quote_ident(c.relname) AS name, pg_catalog.age(c.xmin) AS age, c.xmin, c.cmin, c.relkind,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
      WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END AS kind
  FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
  WHERE c.relkind <> 't' AND c.oid NOT IN (SELECT id FROM hidden)
), touched (class, id, part_of, kind, name, age, cmin, is_row, attnum) AS (
  SELECT 'pg_catalog.pg_class'::regclass, oid, NULL::oid, kind, name, age, cmin, true, NULL::int2 FROM relation WHERE age <= {since}
  UNION ALL
  -- A table's row type is written anew when the table gets another name, schema or owner.
  SELECT 'pg_catalog.pg_class'::regclass, r.oid, NULL, r.kind, r.name, pg_catalog.age(t.xmin), t.cmin, false, NULL::int2
    FROM pg_catalog.pg_type t JOIN relation r ON r.oid = t.typrelid WHERE pg_catalog.age(t.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, NULL, r.oid, CASE WHEN a.attisdropped THEN r.kind ELSE 'column' END,
      CASE WHEN a.attisdropped THEN r.name ELSE r.name || '.' || quote_ident(a.attname) END, pg_catalog.age(a.xmin), a.cmin, false, CASE WHEN NOT a.attisdropped THEN a.attnum END
    FROM pg_catalog.pg_attribute a JOIN relation r ON r.oid = a.attrelid
    WHERE pg_catalog.age(a.xmin) <= {since} AND a.attnum > 0 AND r.relkind IN ('r', 'p', 'f', 'c')
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, NULL, r.oid, 'column', r.name || '.' || quote_ident(a.attname), pg_catalog.age(d.xmin), d.cmin, false, NULL::int2
    FROM pg_catalog.pg_attrdef d JOIN relation r ON r.oid = d.adrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE pg_catalog.age(d.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, r.oid, 'constraint', r.name || ' ' || quote_ident(k.conname), pg_catalog.age(k.xmin), k.cmin, false, NULL::int2
    FROM pg_catalog.pg_constraint k JOIN relation r ON r.oid = k.conrelid
    WHERE pg_catalog.age(k.xmin) <= {since} AND k.contype <> 'n'
  UNION ALL
  -- The triggers of a foreign key have no name here: they only tell why their tables' rows were written.
  SELECT 'pg_catalog.pg_trigger'::regclass, t.oid, r.oid, 'trigger',
      CASE WHEN NOT t.tgisinternal THEN r.name || ' ' || quote_ident(t.tgname) END, pg_catalog.age(t.xmin), t.cmin, false, NULL::int2
    FROM pg_catalog.pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE pg_catalog.age(t.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_inherits'::regclass, NULL, r.oid, 'partition', NULL, pg_catalog.age(i.xmin), i.cmin, false, NULL::int2
    FROM pg_catalog.pg_inherits i JOIN relation r ON r.oid = i.inhparent WHERE pg_catalog.age(i.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_policy'::regclass, p.oid, r.oid, 'policy', r.name || ' ' || quote_ident(p.polname), pg_catalog.age(p.xmin), p.cmin, false, NULL::int2
    FROM pg_catalog.pg_policy p JOIN relation r ON r.oid = p.polrelid WHERE pg_catalog.age(p.xmin) <= {since}
  UNION ALL
  SELECT CASE w.rulename WHEN '_RETURN' THEN 'pg_catalog.pg_class'::regclass ELSE 'pg_catalog.pg_rewrite'::regclass END,
      CASE w.rulename WHEN '_RETURN' THEN r.oid ELSE w.oid END, CASE w.rulename WHEN '_RETURN' THEN NULL ELSE r.oid END,
      CASE w.rulename WHEN '_RETURN' THEN r.kind ELSE 'rule' END,
      CASE w.rulename WHEN '_RETURN' THEN r.name ELSE r.name || ' ' || quote_ident(w.rulename) END,
      pg_catalog.age(w.xmin), w.cmin, false, NULL::int2
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE pg_catalog.age(w.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::regclass, p.oid, NULL,
      CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
      own.name || '.' || quote_ident(p.proname) || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')', pg_catalog.age(p.xmin), p.cmin, false, NULL::int2
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace WHERE pg_catalog.age(p.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_type'::regclass, t.oid, NULL,
      CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END, own.name || '.' || quote_ident(t.typname),
      pg_catalog.age(t.xmin), t.cmin, false, NULL::int2
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE pg_catalog.age(t.xmin) <= {since} AND t.typtype IN ('e', 'd', 'r')
  UNION ALL
  SELECT 'pg_catalog.pg_type'::regclass, t.oid, NULL, 'enum', own.name || '.' || quote_ident(t.typname), pg_catalog.age(e.xmin), e.cmin, false, NULL::int2
    FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid JOIN own ON own.oid = t.typnamespace
    WHERE pg_catalog.age(e.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_namespace'::regclass, n.oid, NULL, 'schema', own.name, pg_catalog.age(n.xmin), n.cmin, false, NULL::int2
    FROM pg_catalog.pg_namespace n JOIN own ON own.oid = n.oid WHERE pg_catalog.age(n.xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_extension'::regclass, oid, NULL, 'extension', quote_ident(extname), pg_catalog.age(xmin), cmin, false, NULL::int2
    FROM pg_catalog.pg_extension WHERE pg_catalog.age(xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_event_trigger'::regclass, oid, NULL, 'event trigger', quote_ident(evtname), pg_catalog.age(xmin), cmin, false, NULL::int2
    FROM pg_catalog.pg_event_trigger WHERE pg_catalog.age(xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_publication'::regclass, oid, NULL, 'publication', quote_ident(pubname), pg_catalog.age(xmin), cmin, false, NULL::int2
    FROM pg_catalog.pg_publication WHERE pg_catalog.age(xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_foreign_server'::regclass, oid, NULL, 'server', quote_ident(srvname), pg_catalog.age(xmin), cmin, false, NULL::int2
    FROM pg_catalog.pg_foreign_server WHERE pg_catalog.age(xmin) <= {since}
  UNION ALL
  SELECT 'pg_catalog.pg_statistic_ext'::regclass, s.oid, NULL, 'statistics', own.name || '.' || quote_ident(s.stxname), pg_catalog.age(s.xmin), s.cmin, false, NULL::int2
    FROM pg_catalog.pg_statistic_ext s JOIN own ON own.oid = s.stxnamespace WHERE pg_catalog.age(s.xmin) <= {since}
), placed AS MATERIALIZED (
  SELECT t.*, t.id > {newest}::oid AS is_new,
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
    coalesce(p.is_new, false) OR p.attnum IS NOT NULL AND r.age <= {since} AND p.attnum > coalesce((
      -- A column is new that stands behind all that were there before its file.
      SELECT max(b.attnum) FROM pg_catalog.pg_attribute b WHERE b.attrelid = p.part_of
        AND (pg_catalog.age(b.xmin) > {since} OR ({index:pg_catalog.age(b.xmin)} << 32) + b.cmin::text::bigint < ends.written[p.file])), 0) AS is_new
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
