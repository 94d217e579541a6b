, lost (class, id, sub, part_of, kind, name, moment, written) AS MATERIALIZED (
  SELECT (it ->> 0)::oid, (it ->> 1)::oid, (it ->> 2)::int, (it ->> 3)::oid, it ->> 4, it ->> 5, (it ->> 6)::bigint, (it ->> 7)::bigint
  FROM pg_catalog.json_array_elements({rows}::json) AS it
)