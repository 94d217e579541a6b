-- Which objects the lines of an error's detail begin with, in whatever language: the server describes
-- them here with the same words. A view stands in the way by its rule.
WITH own AS (
  SELECT oid, quote_ident(nspname) || '.' AS prefix FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), object (class, id, whole_class, whole, prefix) AS (
  SELECT w.tableoid, w.oid, CASE w.rulename WHEN '_RETURN' THEN c.tableoid ELSE w.tableoid END,
      CASE w.rulename WHEN '_RETURN' THEN c.oid ELSE w.oid END, own.prefix
    FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN own ON own.oid = c.relnamespace
  UNION ALL
  SELECT c.tableoid, c.oid, c.tableoid, c.oid, own.prefix FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
  UNION ALL
  SELECT p.tableoid, p.oid, p.tableoid, p.oid, own.prefix FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
  UNION ALL
  SELECT t.tableoid, t.oid, t.tableoid, t.oid, own.prefix FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE t.typrelid = 0 AND t.typcategory <> 'A'
  UNION ALL
  SELECT t.tableoid, t.oid, t.tableoid, t.oid, own.prefix
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN own ON own.oid = c.relnamespace
    WHERE NOT t.tgisinternal
  UNION ALL
  SELECT p.tableoid, p.oid, p.tableoid, p.oid, own.prefix
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN own ON own.oid = c.relnamespace
  UNION ALL
  SELECT k.tableoid, k.oid, k.tableoid, k.oid, own.prefix
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN own ON own.oid = c.relnamespace
), line AS (
  SELECT number, text FROM pg_catalog.unnest(pg_catalog.string_to_array({detail}, E'\n')) WITH ORDINALITY AS line (text, number)
), described AS MATERIALIZED (
  SELECT whole_class, whole, prefix, pg_catalog.pg_describe_object(class, id, 0) AS words FROM object
), found AS (
  SELECT l.number, d.whole_class, d.whole, length(d.words) AS size FROM line l JOIN described d
    ON starts_with(l.text, d.words) AND substr(l.text, length(d.words) + 1, 1) !~ '\w'
  UNION ALL
  -- A file may have set a search path of its own.
  SELECT l.number, d.whole_class, d.whole, length(d.short) FROM line l
    JOIN (SELECT *, replace(words, prefix, '') AS short FROM described WHERE {is_stripped}) AS d
    ON starts_with(l.text, d.short) AND substr(l.text, length(d.short) + 1, 1) !~ '[\w.]'
), longest AS (
  SELECT number, whole_class, whole FROM found f WHERE size = (SELECT max(size) FROM found WHERE found.number = f.number)
), clear AS (
  SELECT min(whole_class) AS class, min(whole) AS id FROM longest
  GROUP BY number HAVING count(DISTINCT (whole_class, whole)) = 1
), beside AS (
  -- Other views of a column that the detail names: they are in the way as well.
  SELECT DISTINCT 'pg_catalog.pg_class'::regclass::oid AS class, w.ev_class AS id
  FROM clear JOIN pg_catalog.pg_rewrite own_rule ON own_rule.ev_class = clear.id AND clear.class = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = own_rule.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.refobjid <> clear.id
  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    AND {detail} ~ ('(^|\W)' || pg_catalog.regexp_replace(a.attname, '(\W)', '\\\1', 'g') || '(\W|$)')
  JOIN pg_catalog.pg_depend o ON o.classid = d.classid AND o.refclassid = d.refclassid
    AND o.refobjid = d.refobjid AND o.refobjsubid = d.refobjsubid
  JOIN pg_catalog.pg_rewrite w ON w.oid = o.objid AND w.rulename = '_RETURN'
  WHERE {is_one}
)
SELECT json_build_object(
  'named', (SELECT coalesce(json_agg(DISTINCT concat_ws(' ', class::oid, id, 0)), '[]') FROM clear),
  'beside', (SELECT coalesce(json_agg(DISTINCT concat_ws(' ', class, id, 0)), '[]') FROM beside
    WHERE NOT EXISTS (SELECT FROM clear WHERE clear.class = beside.class AND clear.id = beside.id)));
