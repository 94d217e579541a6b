, gone AS MATERIALIZED (
  SELECT * FROM lost WHERE NOT CASE
    WHEN sub > 0 THEN EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = lost.id AND a.attnum = lost.sub AND NOT a.attisdropped)
    WHEN class = 'pg_catalog.pg_class'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_constraint'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_trigger'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_policy'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_policy WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_rewrite'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_proc'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_type'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_namespace'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_extension'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid = lost.id)
{alone}    ELSE true END
), dropped AS (
  SELECT DISTINCT g.file, CASE WHEN g.sub < 0 THEN 'altered' ELSE 'dropped' END AS action, g.kind, g.name,
    CASE WHEN g.sub > 0 THEN g.sub::oid WHEN g.sub < 0 THEN g.part_of ELSE g.id END, CASE WHEN g.sub >= 0 THEN g.part_of END AS part_of
  FROM (
    SELECT gone.*, least(pg_catalog.width_bucket(moment, ends.written), pg_catalog.width_bucket((((moment >> 32) + 1) << 32), ends.written) - 1) AS file
    FROM gone CROSS JOIN ends
  ) AS g
  -- What was part of it goes with it, and is no news.
  WHERE NOT EXISTS (SELECT FROM gone w WHERE w.class = 'pg_catalog.pg_class'::regclass AND w.sub = 0 AND w.id = g.part_of)
    -- Of a part, what it is part of is told: once for each file, and not if that is new or gone as well.
    AND NOT (g.sub < 0 AND (EXISTS (SELECT FROM gone w WHERE w.sub = 0 AND w.kind = g.kind AND w.id = g.part_of)
      OR EXISTS (SELECT FROM told t WHERE t.kind = g.kind AND t.name = g.name AND t.file = g.file)))
    AND NOT EXISTS (SELECT FROM told t WHERE t.kind = g.kind AND t.name = g.name AND {is_rebuilt})
), changed AS (
  SELECT file, CASE WHEN {is_rebuilt} AND EXISTS (SELECT FROM gone g WHERE g.kind = t.kind AND g.name = t.name)
    THEN 'altered' ELSE action END AS action, kind, name, id, part_of FROM told t
)
