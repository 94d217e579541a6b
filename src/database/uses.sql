, named AS MATERIALIZED (
  SELECT kind, name, part_of, class, id, sub FROM visible
), edge AS (
  SELECT p.classid, p.objid, p.refclassid, p.refobjid, p.refobjsubid,
    CASE WHEN w.oid IS NOT NULL OR a.oid IS NOT NULL THEN 'pg_catalog.pg_class'::regclass ELSE p.classid END AS class,
    coalesce(w.ev_class, a.adrelid, p.objid) AS id,
    CASE WHEN t.typrelid <> 0 OR e.typrelid <> 0 THEN 'pg_catalog.pg_class'::regclass
      WHEN e.oid IS NOT NULL THEN 'pg_catalog.pg_type'::regclass ELSE p.refclassid END AS of_class,
    coalesce(nullif(t.typrelid, 0), nullif(e.typrelid, 0), e.oid, p.refobjid) AS of_id
  FROM pg_catalog.pg_depend p
  LEFT JOIN pg_catalog.pg_rewrite w ON p.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = p.objid AND w.rulename = '_RETURN'
  LEFT JOIN pg_catalog.pg_attrdef a ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND a.oid = p.objid
  LEFT JOIN pg_catalog.pg_type t ON p.refclassid = 'pg_catalog.pg_type'::regclass AND t.oid = p.refobjid
  LEFT JOIN pg_catalog.pg_type e ON t.typelem = e.oid AND e.typarray = t.oid
  WHERE p.deptype IN ('n', 'a') AND p.refclassid <> 'pg_catalog.pg_namespace'::regclass
), met AS (
  -- Of a column, its own maker counts.
  SELECT DISTINCT ON (edge.class, edge.id, edge.refclassid, edge.refobjid, edge.refobjsubid)
    d.kind, d.name, d.part_of, r.kind AS of_kind, r.name AS of_name, r.part_of AS of_part
  FROM edge JOIN named d ON d.class = edge.class AND d.id = edge.id AND d.sub = 0
  JOIN named r ON r.class = edge.of_class AND r.id = edge.of_id AND (r.sub = edge.refobjsubid OR r.sub = 0)
  WHERE (edge.class, edge.id) IS DISTINCT FROM (edge.of_class, edge.of_id)
  ORDER BY edge.class, edge.id, edge.refclassid, edge.refobjid, edge.refobjsubid, r.sub DESC
)
SELECT coalesce(json_agg(DISTINCT jsonb_build_array(kind, name, part_of, of_kind, of_name, of_part)), '[]') FROM met;
