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
    WHEN class = 'pg_catalog.pg_event_trigger'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_publication'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_publication WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_foreign_server'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_foreign_server WHERE oid = lost.id)
    WHEN class = 'pg_catalog.pg_statistic_ext'::regclass THEN EXISTS (SELECT FROM pg_catalog.pg_statistic_ext WHERE oid = lost.id)
    ELSE true END
), dropped AS (
  SELECT least(pg_catalog.width_bucket(g.moment, ends.written), pg_catalog.width_bucket((((g.moment >> 32) + 1) << 32), ends.written) - 1) AS file, 'dropped' AS action,
    g.kind, g.name, CASE WHEN g.sub > 0 THEN g.sub::oid ELSE g.id END, g.part_of
  FROM gone g CROSS JOIN ends
  -- What was part of it goes with it, and is no news.
  WHERE NOT EXISTS (SELECT FROM gone w WHERE w.class = 'pg_catalog.pg_class'::regclass AND w.sub = 0 AND w.id = g.part_of)
    AND NOT EXISTS (SELECT FROM told t WHERE t.kind = g.kind AND t.name = g.name AND {is_rebuilt})
), changed AS (
  SELECT file, CASE WHEN {is_rebuilt} AND EXISTS (SELECT FROM gone g WHERE g.kind = t.kind AND g.name = t.name)
    THEN 'altered' ELSE action END AS action, kind, name, id, part_of FROM told t
)
