, named AS (
  SELECT kind, name, part_of, class, id, sub FROM visible
  UNION ALL
  SELECT 'column', r.name || '.' || quote_ident(a.attname), r.kind || ' ' || r.name, 'pg_catalog.pg_class'::regclass, r.oid, a.attnum
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
    WHERE r.relkind IN ('v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
), path AS (
  SELECT quote_ident(name) || '.' AS name FROM pg_catalog.unnest(ARRAY[{path}]::text[]) AS name
), wanted (word, class, id, sub) AS (
  SELECT w.word, n.class, n.id, n.sub
  FROM pg_catalog.unnest(ARRAY[{names}]::text[]) AS w (word) JOIN named n
    ON n.name = w.word OR n.kind || ' ' || n.name = w.word
      OR EXISTS (SELECT FROM path WHERE starts_with(n.name, path.name)
        AND w.word IN (substr(n.name, length(path.name) + 1), n.kind || ' ' || substr(n.name, length(path.name) + 1)))
      OR concat_ws(' ', n.class::oid, n.id, n.sub) = w.word
      OR n.kind IN ('function', 'procedure', 'aggregate') AND (split_part(n.name, '(', 1) = w.word
        OR split_part(n.name, '(', 1) IN (SELECT path.name || w.word FROM path))
), edge (class, id, sub, certain, from_class, from_id, from_sub) AS (
  SELECT DISTINCT class, id, sub, true, NULL::regclass, NULL::oid, NULL::int FROM wanted
  UNION
  SELECT d.class, d.id, d.sub, d.certain, e.class, e.id, e.sub
  FROM edge e CROSS JOIN LATERAL (
    -- What depends on it. A view depends by its rule, and what uses a table's rows by their type.
    SELECT CASE WHEN w.oid IS NOT NULL OR t.typrelid <> 0 OR i.typrelid <> 0 THEN 'pg_catalog.pg_class'::regclass
        ELSE p.classid END AS class,
      coalesce(w.ev_class, nullif(i.typrelid, 0), nullif(t.typrelid, 0), i.oid, p.objid) AS id,
      CASE WHEN w.oid IS NULL THEN p.objsubid ELSE 0 END AS sub, true AS certain
    FROM (
      SELECT e.class AS class, e.id AS id
      UNION ALL
      SELECT 'pg_catalog.pg_type'::regclass, t.oid FROM pg_catalog.pg_type t
        WHERE e.class = 'pg_catalog.pg_class'::regclass AND e.sub = 0 AND t.typrelid = e.id AND e.id <> 0
      UNION ALL
      SELECT 'pg_catalog.pg_type'::regclass, t.typarray FROM pg_catalog.pg_type t
        WHERE e.class = 'pg_catalog.pg_class'::regclass AND e.sub = 0 AND t.typrelid = e.id AND e.id <> 0 AND t.typarray <> 0
      UNION ALL
      SELECT 'pg_catalog.pg_type'::regclass, t.typarray FROM pg_catalog.pg_type t
        WHERE e.class = 'pg_catalog.pg_type'::regclass AND t.oid = e.id AND t.typarray <> 0
    ) AS address JOIN pg_catalog.pg_depend p ON p.refclassid = address.class AND p.refobjid = address.id
    LEFT JOIN pg_catalog.pg_rewrite w ON p.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = p.objid
      AND w.rulename = '_RETURN'
    LEFT JOIN pg_catalog.pg_type t ON p.classid = 'pg_catalog.pg_type'::regclass AND t.oid = p.objid
    LEFT JOIN pg_catalog.pg_type i ON i.oid = t.typelem AND i.typarray = t.oid
    WHERE e.sub = 0 OR p.refobjsubid = e.sub
    UNION ALL
    -- A function's body is a text to the server: that it names it as a word is a guess.
    SELECT 'pg_catalog.pg_proc'::regclass, f.oid, 0, false
    FROM (
      SELECT c.relname::text AS word, NULL::text AS field FROM pg_catalog.pg_class c
        WHERE e.class = 'pg_catalog.pg_class'::regclass AND e.sub = 0 AND c.oid = e.id AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL
      SELECT c.relname, a.attname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        WHERE e.class = 'pg_catalog.pg_class'::regclass AND e.sub > 0 AND c.oid = e.id AND a.attnum = e.sub
      UNION ALL
      SELECT proname, NULL FROM pg_catalog.pg_proc WHERE e.class = 'pg_catalog.pg_proc'::regclass AND oid = e.id
      UNION ALL
      SELECT typname, NULL FROM pg_catalog.pg_type WHERE e.class = 'pg_catalog.pg_type'::regclass AND oid = e.id
    ) AS named_as JOIN (SELECT r.oid, p.prosrc FROM routine r JOIN pg_catalog.pg_proc p ON p.oid = r.oid) AS f
      ON pg_catalog.strpos(lower(f.prosrc), lower(named_as.word)) > 0
      AND pg_catalog.regexp_replace(named_as.word, '\W', '', 'g') <> ''
      AND f.prosrc ~* ('(^|\W)' || pg_catalog.regexp_replace(named_as.word, '(\W)', '\\\1', 'g') || '(\W|$)')
      AND (named_as.field IS NULL OR f.prosrc ~* ('(^|\W)' || pg_catalog.regexp_replace(named_as.field, '(\W)', '\\\1', 'g') || '(\W|$)'))
  ) AS d
  WHERE (d.class, d.id, d.sub) IS DISTINCT FROM (e.class, e.id, e.sub)
)
SELECT json_build_object(
  'found', (SELECT coalesce(json_agg(DISTINCT word), '[]') FROM wanted),
  'edges', (SELECT coalesce(json_agg(json_build_array(n.kind, n.name, n.part_of, e.certain,
      concat_ws(' ', e.class::oid, e.id, e.sub),
      CASE WHEN e.from_class IS NOT NULL THEN concat_ws(' ', e.from_class::oid, e.from_id, e.from_sub) END)), '[]')
    FROM edge e LEFT JOIN LATERAL (
      SELECT named.kind, named.name, named.part_of FROM named
      WHERE named.class = e.class AND named.id = e.id AND named.sub = e.sub
      UNION ALL
      SELECT 'default', r.name || '.' || quote_ident(a.attname), r.kind || ' ' || r.name
      FROM pg_catalog.pg_attrdef d JOIN relation r ON r.oid = d.adrelid
      JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
      WHERE e.class = 'pg_catalog.pg_attrdef'::regclass AND d.oid = e.id
    ) AS n ON true));
