WITH ledger (oid) AS (
{ledgers}
), own AS (
  SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), extension AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), relation AS (
  SELECT c.*, quote_ident(own.nspname) || '.' || quote_ident(c.relname) AS name
  FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
  WHERE NOT EXISTS (SELECT FROM extension e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid)
    AND c.oid NOT IN (SELECT oid FROM ledger)
), routine AS (
  SELECT p.oid, p.prokind, quote_ident(own.nspname) || '.' || quote_ident(p.proname)
      || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' AS name
  FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM extension e WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid)
), kind AS (
  SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault,
    quote_ident(own.nspname) || '.' || quote_ident(t.typname) AS name
  FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
  WHERE NOT EXISTS (SELECT FROM extension e WHERE e.classid = 'pg_catalog.pg_type'::regclass AND e.objid = t.oid)
), object (kind, name, definition) AS (
  SELECT 'schema', quote_ident(nspname), '' FROM own
  UNION ALL
  SELECT 'extension', quote_ident(extname), extversion FROM pg_catalog.pg_extension
  UNION ALL
  SELECT 'table', name, concat_ws(' ', relpersistence::text, relkind::text,
      CASE WHEN relrowsecurity THEN 'row level security' END, pg_catalog.pg_get_partkeydef(oid),
      pg_catalog.pg_get_expr(relpartbound, oid))
    FROM relation WHERE relkind IN ('r', 'p', 'f')
  UNION ALL
  SELECT 'column', name || '.' || quote_ident(a.attname), concat_ws(' ',
      pg_catalog.format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN 'NOT NULL' END,
      CASE WHEN a.attidentity <> '' THEN 'IDENTITY ' || a.attidentity::text END,
      CASE WHEN a.attgenerated <> '' THEN 'GENERATED' END,
      'DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid))
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT 'constraint', name || ' ' || quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid)
    FROM relation r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid
    -- PostgreSQL 18 has them for NOT NULL, which the column says already.
    WHERE k.contype <> 'n'
  UNION ALL
  SELECT 'index', name, pg_catalog.pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
    FROM relation r JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid
  UNION ALL
  SELECT 'view', name, pg_catalog.pg_get_viewdef(oid) FROM relation WHERE relkind IN ('v', 'm')
  UNION ALL
  SELECT 'sequence', name, concat_ws(' ', pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
      s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
    FROM relation r JOIN pg_catalog.pg_sequence s ON s.seqrelid = r.oid
  UNION ALL
  SELECT 'trigger', name || ' ' || quote_ident(t.tgname), pg_catalog.pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
    FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT 'policy', name || ' ' || quote_ident(p.polname), concat_ws(' ', p.polcmd::text, p.polpermissive::text,
      'TO ' || (SELECT string_agg(coalesce(pg_catalog.quote_ident(a.rolname), 'public'), ', ' ORDER BY a.rolname)
        FROM pg_catalog.unnest(p.polroles) AS role LEFT JOIN pg_catalog.pg_roles a ON a.oid = role),
      'USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
      'WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM relation r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
  UNION ALL
  SELECT 'function', name, pg_catalog.pg_get_functiondef(oid) FROM routine WHERE prokind <> 'a'
  UNION ALL
  SELECT 'aggregate', name, '' FROM routine WHERE prokind = 'a'
  UNION ALL
  SELECT 'enum', name, (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
      FROM pg_catalog.pg_enum WHERE enumtypid = kind.oid)
    FROM kind WHERE typtype = 'e'
  UNION ALL
  SELECT 'domain', name, concat_ws(' ', pg_catalog.format_type(typbasetype, typtypmod),
      CASE WHEN typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || typdefault,
      (SELECT string_agg(pg_catalog.pg_get_constraintdef(oid), ' ' ORDER BY conname)
        FROM pg_catalog.pg_constraint WHERE contypid = kind.oid AND contype <> 'n'))
    FROM kind WHERE typtype = 'd'
)
SELECT coalesce(json_agg(json_build_array(kind, name, definition)), '[]') FROM object;
