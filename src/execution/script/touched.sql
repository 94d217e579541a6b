-- The rows of each catalogue that were written. A heading names the catalogue, its column with the relation that
-- a row belongs to, and which rows do.
=== pg_class oid
  SELECT 'pg_catalog.pg_class'::regclass, oid, NULL::oid, kind, name, age, cmin, true, NULL::int2 FROM relation WHERE age <= {since}
=== pg_type typrelid
  -- A table's row type is written anew when the table gets another name, schema or owner.
  SELECT 'pg_catalog.pg_class'::regclass, r.oid, NULL, r.kind, r.name, pg_catalog.age(t.xmin), t.cmin, false, NULL::int2
    FROM pg_catalog.pg_type t JOIN relation r ON r.oid = t.typrelid WHERE pg_catalog.age(t.xmin) <= {since}
=== pg_attribute attrelid attnum > 0
  SELECT 'pg_catalog.pg_class'::regclass, CASE WHEN a.attisdropped THEN r.oid ELSE a.attnum::int::oid END,
      CASE WHEN NOT a.attisdropped THEN r.oid END, CASE WHEN a.attisdropped THEN r.kind ELSE 'column' END,
      CASE WHEN a.attisdropped THEN r.name ELSE r.name || '.' || quote_ident(a.attname) END, pg_catalog.age(a.xmin), a.cmin, false, CASE WHEN NOT a.attisdropped THEN a.attnum END
    FROM pg_catalog.pg_attribute a JOIN relation r ON r.oid = a.attrelid
    WHERE a.attnum > 0 AND pg_catalog.age(a.xmin) <= {since} AND r.relkind IN ('r', 'p', 'f', 'c')
=== pg_attrdef adrelid
  SELECT 'pg_catalog.pg_class'::regclass, a.attnum::int::oid, r.oid, 'column', r.name || '.' || quote_ident(a.attname), pg_catalog.age(d.xmin), d.cmin, false, NULL::int2
    FROM pg_catalog.pg_attrdef d JOIN relation r ON r.oid = d.adrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE pg_catalog.age(d.xmin) <= {since}
=== pg_constraint conrelid
  SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, r.oid, 'constraint', r.name || ' ' || quote_ident(k.conname), pg_catalog.age(k.xmin), k.cmin, false, NULL::int2
    FROM pg_catalog.pg_constraint k JOIN relation r ON r.oid = k.conrelid
    WHERE pg_catalog.age(k.xmin) <= {since} AND k.contype <> 'n'
  UNION ALL
  SELECT 'pg_catalog.pg_type'::regclass, t.oid, NULL, 'domain', own.name || '.' || quote_ident(t.typname), pg_catalog.age(k.xmin), k.cmin, false, NULL::int2
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN own ON own.oid = t.typnamespace
    WHERE k.conrelid = 0 AND pg_catalog.age(k.xmin) <= {since}
=== pg_trigger tgrelid
  -- The triggers of a foreign key have no name here: they only tell why their tables' rows were written.
  SELECT 'pg_catalog.pg_trigger'::regclass, t.oid, r.oid, 'trigger',
      CASE WHEN NOT t.tgisinternal THEN r.name || ' ' || quote_ident(t.tgname) END, pg_catalog.age(t.xmin), t.cmin, false, NULL::int2
    FROM pg_catalog.pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE pg_catalog.age(t.xmin) <= {since}
=== pg_inherits inhparent
  SELECT 'pg_catalog.pg_inherits'::regclass, NULL, r.oid, 'partition', NULL, pg_catalog.age(i.xmin), i.cmin, false, NULL::int2
    FROM pg_catalog.pg_inherits i JOIN relation r ON r.oid = i.inhparent WHERE pg_catalog.age(i.xmin) <= {since}
=== pg_policy polrelid
  SELECT 'pg_catalog.pg_policy'::regclass, p.oid, r.oid, 'policy', r.name || ' ' || quote_ident(p.polname), pg_catalog.age(p.xmin), p.cmin, false, NULL::int2
    FROM pg_catalog.pg_policy p JOIN relation r ON r.oid = p.polrelid WHERE pg_catalog.age(p.xmin) <= {since}
=== pg_rewrite ev_class
  SELECT CASE w.rulename WHEN '_RETURN' THEN 'pg_catalog.pg_class'::regclass ELSE 'pg_catalog.pg_rewrite'::regclass END,
      CASE w.rulename WHEN '_RETURN' THEN r.oid ELSE w.oid END, CASE w.rulename WHEN '_RETURN' THEN NULL ELSE r.oid END,
      CASE w.rulename WHEN '_RETURN' THEN r.kind ELSE 'rule' END,
      CASE w.rulename WHEN '_RETURN' THEN r.name ELSE r.name || ' ' || quote_ident(w.rulename) END,
      pg_catalog.age(w.xmin), w.cmin, false, NULL::int2
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE pg_catalog.age(w.xmin) <= {since}
=== pg_proc
  SELECT 'pg_catalog.pg_proc'::regclass, p.oid, NULL,
      {kind:pg_proc},
      {name:pg_proc}, pg_catalog.age(p.xmin), p.cmin, false, NULL::int2
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace WHERE pg_catalog.age(p.xmin) <= {since}
=== pg_type
  SELECT 'pg_catalog.pg_type'::regclass, t.oid, NULL,
      {kind:pg_type}, own.name || '.' || quote_ident(t.typname),
      pg_catalog.age(t.xmin), t.cmin, false, NULL::int2
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE pg_catalog.age(t.xmin) <= {since} AND {rows:pg_type}
=== pg_foreign_table ftrelid
  SELECT 'pg_catalog.pg_class'::regclass, r.oid, NULL, r.kind, r.name, pg_catalog.age(f.xmin), f.cmin, false, NULL::int2
    FROM pg_catalog.pg_foreign_table f JOIN relation r ON r.oid = f.ftrelid WHERE pg_catalog.age(f.xmin) <= {since}
=== pg_enum
  SELECT 'pg_catalog.pg_type'::regclass, t.oid, NULL, 'enum', own.name || '.' || quote_ident(t.typname), pg_catalog.age(e.xmin), e.cmin, false, NULL::int2
    FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid JOIN own ON own.oid = t.typnamespace
    WHERE pg_catalog.age(e.xmin) <= {since}
=== pg_namespace
  SELECT 'pg_catalog.pg_namespace'::regclass, n.oid, NULL, 'schema', own.name, pg_catalog.age(n.xmin), n.cmin, false, NULL::int2
    FROM pg_catalog.pg_namespace n JOIN own ON own.oid = n.oid WHERE pg_catalog.age(n.xmin) <= {since}
=== pg_extension
  SELECT 'pg_catalog.pg_extension'::regclass, oid, NULL, 'extension', quote_ident(extname), pg_catalog.age(xmin), cmin, false, NULL::int2
    FROM pg_catalog.pg_extension WHERE pg_catalog.age(xmin) <= {since}
