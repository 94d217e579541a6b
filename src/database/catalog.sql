-- Every object of the schemas that people made; its definition, if that is wanted. A line that ends with "-- from N" is for servers of
-- that major version and later.
WITH RECURSIVE ledger (oid) AS (
{ledgers}
), hidden (class, id) AS (
  -- What extensions brought, and what a type made for itself: the functions and the cast of a range.
  SELECT classid, objid FROM pg_catalog.pg_depend
  WHERE deptype = 'e' OR deptype = 'i' AND classid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_cast'::regclass)
  UNION ALL
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid FROM ledger
), own AS (
  SELECT n.oid, quote_ident(n.nspname) AS name, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.class = 'pg_catalog.pg_namespace'::regclass AND h.id = n.oid)
), relation AS (
  SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relpartbound,
    c.relispartition, c.reloptions, c.relreplident, c.relam, c.reltablespace, c.reloftype, c.relowner, c.relacl,
    own.name || '.' || quote_ident(c.relname) AS name,
    {kind:pg_class} AS kind
  FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
  WHERE c.relkind <> 't'
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.class = 'pg_catalog.pg_class'::regclass AND h.id = c.oid)
), routine AS (
  SELECT p.oid, p.prokind, p.proowner, p.proacl, {kind:pg_proc} AS kind, {name:pg_proc} AS name
  FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.class = 'pg_catalog.pg_proc'::regclass AND h.id = p.oid)
), kind AS (
  SELECT t.*, {kind:pg_type} AS kind, own.name || '.' || quote_ident(t.typname) AS name
  FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
  WHERE {rows:pg_type}
    AND NOT EXISTS (SELECT FROM hidden h WHERE h.class = 'pg_catalog.pg_type'::regclass AND h.id = t.oid)
), object (kind, name, part_of, class, id, sub, owner, acl, definition) AS (
  SELECT 'schema', name, NULL, 'pg_catalog.pg_namespace'::regclass, oid, 0, nspowner, nspacl, '' FROM own
  UNION ALL
  SELECT 'extension', quote_ident(extname), NULL, 'pg_catalog.pg_extension'::regclass, oid, 0, extowner, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', extversion, 'SCHEMA ' || extnamespace::regnamespace) END
    FROM pg_catalog.pg_extension
  UNION ALL
  SELECT kind, name, NULL, 'pg_catalog.pg_class'::regclass, oid, 0, relowner, relacl, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE relpersistence WHEN 'u' THEN 'UNLOGGED' WHEN 't' THEN 'TEMPORARY' END,
      'OF ' || pg_catalog.format_type(nullif(reloftype, 0), NULL),
      (SELECT CASE WHEN relispartition THEN 'PARTITION OF ' ELSE 'INHERITS ' END
          || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
        FROM pg_catalog.pg_inherits i WHERE i.inhrelid = relation.oid),
      pg_catalog.pg_get_expr(relpartbound, oid),
      'PARTITION BY ' || pg_catalog.pg_get_partkeydef(oid),
      'USING ' || (SELECT quote_ident(a.amname) FROM pg_catalog.pg_am a WHERE a.oid = relam AND a.amname <> 'heap'),
      'WITH (' || array_to_string(reloptions, ', ') || ')',
      'TABLESPACE ' || (SELECT quote_ident(s.spcname) FROM pg_catalog.pg_tablespace s WHERE s.oid = reltablespace),
      (SELECT 'SERVER ' || quote_ident(s.srvname) || coalesce(' OPTIONS (' || array_to_string(f.ftoptions, ', ') || ')', '')
        FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
        WHERE f.ftrelid = relation.oid),
      CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
      CASE WHEN relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
      CASE relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN CASE kind WHEN 'table' THEN 'REPLICA IDENTITY NOTHING' END END) END
    FROM relation WHERE relkind IN ('r', 'p', 'f', 'c')
  UNION ALL
  SELECT 'column', r.name || '.' || quote_ident(a.attname), r.kind || ' ' || r.name,
      'pg_catalog.pg_class'::regclass, r.oid, a.attnum, NULL, a.attacl, CASE WHEN {is_wanted} THEN concat_ws(' ',
      pg_catalog.format_type(a.atttypid, a.atttypmod),
      'COLLATE ' || (SELECT nullif(a.attcollation, t.typcollation)::regcollation FROM pg_catalog.pg_type t -- from 13
        WHERE t.oid = a.atttypid AND a.attcollation <> 0), -- from 13
      CASE WHEN a.attnotnull THEN 'NOT NULL' END,
      CASE a.attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY BY DEFAULT' END,
      CASE a.attgenerated WHEN 's' THEN 'GENERATED STORED' WHEN 'v' THEN 'GENERATED VIRTUAL' END,
      CASE WHEN a.attgenerated = '' THEN 'DEFAULT ' ELSE 'AS ' END || pg_catalog.pg_get_expr(d.adbin, d.adrelid),
      'STATISTICS ' || nullif(a.attstattarget, -1),
      (SELECT 'STORAGE ' || a.attstorage::text FROM pg_catalog.pg_type t
        WHERE t.oid = a.atttypid AND t.typstorage <> a.attstorage),
      'COMPRESSION ' || nullif(a.attcompression::text, ''), -- from 14
      -- PostgreSQL 15.20 and its like write a number of their own, pg_attver, to every column.
      (SELECT 'SET (' || string_agg(o, ', ' ORDER BY n) || ')' FROM unnest(a.attoptions) WITH ORDINALITY AS option (o, n)
        WHERE o !~ '^pg_attver='),
      'OPTIONS (' || array_to_string(a.attfdwoptions, ', ') || ')') END
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND (r.relkind IN ('r', 'p', 'f', 'c') OR r.relkind = 'v' AND d.oid IS NOT NULL)
  UNION ALL
  SELECT 'constraint', r.name || ' ' || quote_ident(k.conname), r.kind || ' ' || r.name,
      'pg_catalog.pg_constraint'::regclass, k.oid, 0, NULL, NULL, CASE WHEN {is_wanted} THEN pg_catalog.pg_get_constraintdef(k.oid) END
    FROM relation r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid
    -- PostgreSQL 18 has them for NOT NULL, which the column says already.
    WHERE k.contype <> 'n' OR NOT k.convalidated
  UNION ALL
  SELECT 'index', r.name, t.kind || ' ' || t.name, 'pg_catalog.pg_class'::regclass, r.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', pg_catalog.pg_get_indexdef(i.indexrelid),
        CASE WHEN NOT i.indisvalid THEN 'INVALID' END,
        CASE WHEN i.indisclustered THEN 'CLUSTER' END,
        CASE WHEN i.indisreplident THEN 'REPLICA IDENTITY' END) END
    FROM relation r JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid JOIN relation t ON t.oid = i.indrelid
  UNION ALL
  SELECT kind, name, NULL, 'pg_catalog.pg_class'::regclass, oid, 0, relowner, relacl, CASE WHEN {is_wanted} THEN concat_ws(E'\n',
      'WITH (' || array_to_string(reloptions, ', ') || ')', pg_catalog.pg_get_viewdef(oid)) END
    FROM relation WHERE relkind IN ('v', 'm')
  UNION ALL
  SELECT 'sequence', r.name, t.kind || ' ' || t.name,
      'pg_catalog.pg_class'::regclass, r.oid, 0, r.relowner, r.relacl, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE WHEN r.relpersistence = 'u' THEN 'UNLOGGED' END,
      'AS ' || pg_catalog.format_type(s.seqtypid, NULL), 'START ' || s.seqstart, 'INCREMENT ' || s.seqincrement,
      'MINVALUE ' || s.seqmin, 'MAXVALUE ' || s.seqmax, 'CACHE ' || s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' END,
      'OWNED BY ' || t.name || '.' || quote_ident(a.attname)) END
    FROM relation r JOIN pg_catalog.pg_sequence s ON s.seqrelid = r.oid
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = r.oid
      AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LEFT JOIN relation t ON t.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  UNION ALL
  SELECT 'trigger', r.name || ' ' || quote_ident(t.tgname), r.kind || ' ' || r.name,
      'pg_catalog.pg_trigger'::regclass, t.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), CASE t.tgenabled WHEN 'D' THEN 'DISABLED'
        WHEN 'R' THEN 'ENABLED FOR REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END) END
    FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
  UNION ALL
  SELECT 'rule', r.name || ' ' || quote_ident(w.rulename), r.kind || ' ' || r.name,
      'pg_catalog.pg_rewrite'::regclass, w.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', pg_catalog.pg_get_ruledef(w.oid), CASE w.ev_enabled WHEN 'D' THEN 'DISABLED'
        WHEN 'R' THEN 'ENABLED FOR REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END) END
    FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
  UNION ALL
  SELECT 'policy', r.name || ' ' || quote_ident(p.polname), r.kind || ' ' || r.name,
      'pg_catalog.pg_policy'::regclass, p.oid, 0, NULL, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE p.polcmd WHEN 'r' THEN 'FOR SELECT' WHEN 'a' THEN 'FOR INSERT' WHEN 'w' THEN 'FOR UPDATE'
        WHEN 'd' THEN 'FOR DELETE' ELSE 'FOR ALL' END,
      'TO ' || (SELECT string_agg(coalesce(quote_ident(a.rolname), 'public'), ', ' ORDER BY a.rolname)
        FROM pg_catalog.unnest(p.polroles) AS role LEFT JOIN pg_catalog.pg_roles a ON a.oid = role),
      'USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
      'WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')') END
    FROM relation r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
  UNION ALL
  SELECT {kind:pg_statistic_ext}, {name:pg_statistic_ext}, NULL,
      'pg_catalog.pg_statistic_ext'::regclass, s.oid, 0, s.stxowner, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', pg_catalog.pg_get_statisticsobjdef(s.oid)
        , 'STATISTICS ' || nullif(s.stxstattarget, -1) -- from 13
      ) END
    FROM pg_catalog.pg_statistic_ext s JOIN own ON own.oid = s.stxnamespace
  UNION ALL
  SELECT kind, name, NULL,
      'pg_catalog.pg_proc'::regclass, oid, 0, proowner, proacl, CASE WHEN {is_wanted} THEN pg_catalog.pg_get_functiondef(oid) END
    FROM routine WHERE prokind <> 'a'
  UNION ALL
  SELECT kind, name, NULL, 'pg_catalog.pg_proc'::regclass, routine.oid, 0, proowner, proacl, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE a.aggkind WHEN 'o' THEN 'ORDERED-SET' WHEN 'h' THEN 'HYPOTHETICAL' END,
      'SFUNC = ' || a.aggtransfn, 'STYPE = ' || pg_catalog.format_type(a.aggtranstype, NULL),
      'SSPACE = ' || nullif(a.aggtransspace, 0), 'INITCOND = ' || quote_literal(a.agginitval),
      'FINALFUNC = ' || nullif(a.aggfinalfn::oid, 0)::regproc, CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
      'COMBINEFUNC = ' || nullif(a.aggcombinefn::oid, 0)::regproc, 'SERIALFUNC = ' || nullif(a.aggserialfn::oid, 0)::regproc,
      'DESERIALFUNC = ' || nullif(a.aggdeserialfn::oid, 0)::regproc, 'MSFUNC = ' || nullif(a.aggmtransfn::oid, 0)::regproc,
      'MINVFUNC = ' || nullif(a.aggminvtransfn::oid, 0)::regproc, 'MFINALFUNC = ' || nullif(a.aggmfinalfn::oid, 0)::regproc,
      'MSTYPE = ' || pg_catalog.format_type(nullif(a.aggmtranstype, 0), NULL),
      'MINITCOND = ' || quote_literal(a.aggminitval), 'SORTOP = ' || nullif(a.aggsortop, 0)::regoperator,
      (SELECT 'PARALLEL = ' || p.proparallel::text FROM pg_catalog.pg_proc p WHERE p.oid = routine.oid AND p.proparallel <> 'u')) END
    FROM routine JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = routine.oid
  UNION ALL
  SELECT kind, name, NULL, 'pg_catalog.pg_type'::regclass, oid, 0, typowner, typacl,
      CASE WHEN {is_wanted} THEN (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
        FROM pg_catalog.pg_enum WHERE enumtypid = kind.oid) END
    FROM kind WHERE typtype = 'e'
  UNION ALL
  SELECT kind, name, NULL, 'pg_catalog.pg_type'::regclass, oid, 0, typowner, typacl, CASE WHEN {is_wanted} THEN concat_ws(' ',
      pg_catalog.format_type(typbasetype, typtypmod),
      'COLLATE ' || (SELECT nullif(kind.typcollation, t.typcollation)::regcollation FROM pg_catalog.pg_type t -- from 13
        WHERE t.oid = kind.typbasetype AND kind.typcollation <> 0), -- from 13
      CASE WHEN typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || typdefault,
      (SELECT string_agg('CONSTRAINT ' || quote_ident(conname) || ' ' || pg_catalog.pg_get_constraintdef(oid), ' '
          ORDER BY conname)
        FROM pg_catalog.pg_constraint WHERE contypid = kind.oid AND contype <> 'n')) END
    FROM kind WHERE typtype = 'd'
  UNION ALL
  SELECT kind, name, NULL, 'pg_catalog.pg_type'::regclass, oid, 0, typowner, typacl, CASE WHEN {is_wanted} THEN concat_ws(' ',
      (SELECT concat_ws(' ', 'RANGE SUBTYPE = ' || pg_catalog.format_type(r.rngsubtype, NULL),
          'CANONICAL = ' || nullif(r.rngcanonical::oid, 0)::regproc, 'SUBTYPE_DIFF = ' || nullif(r.rngsubdiff::oid, 0)::regproc,
          'MULTIRANGE = ' || pg_catalog.format_type(r.rngmultitypid, NULL), -- from 14
          'OPCLASS = ' || (SELECT o.opcname FROM pg_catalog.pg_opclass o WHERE o.oid = r.rngsubopc))
        FROM pg_catalog.pg_range r WHERE r.rngtypid = kind.oid),
      CASE WHEN typtype = 'b' THEN CASE WHEN typisdefined THEN concat_ws(' ', 'INPUT = ' || typinput, 'OUTPUT = ' || typoutput,
        'RECEIVE = ' || nullif(typreceive::oid, 0)::regproc, 'SEND = ' || nullif(typsend::oid, 0)::regproc,
        'LENGTH = ' || typlen, 'ALIGN = ' || typalign::text, 'STORAGE = ' || typstorage::text) ELSE 'not defined' END END) END
    FROM kind WHERE typtype IN ('r', 'b')
  UNION ALL
  SELECT {kind:pg_operator}, {name:pg_operator}, NULL,
      'pg_catalog.pg_operator'::regclass, o.oid, 0, o.oprowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      'FUNCTION = ' || nullif(o.oprcode::oid, 0)::regproc, 'RESULT = ' || pg_catalog.format_type(nullif(o.oprresult, 0), NULL),
      'COMMUTATOR = ' || nullif(o.oprcom, 0)::regoperator, 'NEGATOR = ' || nullif(o.oprnegate, 0)::regoperator,
      'RESTRICT = ' || nullif(o.oprrest::oid, 0)::regproc, 'JOIN = ' || nullif(o.oprjoin::oid, 0)::regproc,
      CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END) END
    FROM pg_catalog.pg_operator o JOIN own ON own.oid = o.oprnamespace
  UNION ALL
  SELECT {kind:pg_opclass}, {name:pg_opclass}, NULL,
      'pg_catalog.pg_opclass'::regclass, c.oid, 0, c.opcowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE WHEN c.opcdefault THEN 'DEFAULT' END, 'FOR TYPE ' || pg_catalog.format_type(c.opcintype, NULL),
      'STORAGE ' || pg_catalog.format_type(nullif(c.opckeytype, 0), NULL)) END
    FROM pg_catalog.pg_opclass c JOIN own ON own.oid = c.opcnamespace JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod
  UNION ALL
  SELECT {kind:pg_opfamily}, {name:pg_opfamily}, NULL,
      'pg_catalog.pg_opfamily'::regclass, f.oid, 0, f.opfowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(', ',
      (SELECT string_agg('OPERATOR ' || o.amopstrategy || ' ' || o.amopopr::regoperator, ', '
          ORDER BY o.amopstrategy, o.amopopr::regoperator::text) FROM pg_catalog.pg_amop o WHERE o.amopfamily = f.oid),
      (SELECT string_agg('FUNCTION ' || p.amprocnum || ' ' || p.amproc::regprocedure, ', '
          ORDER BY p.amprocnum, p.amproc::regprocedure::text) FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = f.oid)) END
    FROM pg_catalog.pg_opfamily f JOIN own ON own.oid = f.opfnamespace JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod
  UNION ALL
  SELECT {kind:pg_cast}, {name:pg_cast}, NULL,
      'pg_catalog.pg_cast'::regclass, c.oid, 0, NULL, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE c.castmethod WHEN 'i' THEN 'WITH INOUT' WHEN 'b' THEN 'WITHOUT FUNCTION'
        ELSE 'WITH FUNCTION ' || c.castfunc::regprocedure END,
      CASE c.castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END) END
    FROM pg_catalog.pg_cast c WHERE c.oid >= {first_of_people}
  UNION ALL
  SELECT {kind:pg_collation}, {name:pg_collation}, NULL,
      'pg_catalog.pg_collation'::regclass, c.oid, 0, c.collowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      'PROVIDER ' || c.collprovider::text, 'LOCALE ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'),
      'LC_COLLATE ' || c.collcollate, 'LC_CTYPE ' || c.collctype, 'RULES ' || (to_jsonb(c) ->> 'collicurules'),
      CASE WHEN NOT c.collisdeterministic THEN 'NOT DETERMINISTIC' END) END
    FROM pg_catalog.pg_collation c JOIN own ON own.oid = c.collnamespace
  UNION ALL
  SELECT {kind:pg_conversion}, {name:pg_conversion}, NULL,
      'pg_catalog.pg_conversion'::regclass, c.oid, 0, c.conowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      CASE WHEN c.condefault THEN 'DEFAULT' END, pg_catalog.pg_encoding_to_char(c.conforencoding), 'TO',
      pg_catalog.pg_encoding_to_char(c.contoencoding), 'FROM ' || c.conproc) END
    FROM pg_catalog.pg_conversion c JOIN own ON own.oid = c.connamespace
  UNION ALL
  SELECT {kind:pg_ts_config}, {name:pg_ts_config}, NULL,
      'pg_catalog.pg_ts_config'::regclass, c.oid, 0, c.cfgowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      (SELECT 'PARSER ' || quote_ident(p.prsname) FROM pg_catalog.pg_ts_parser p WHERE p.oid = c.cfgparser),
      (SELECT string_agg(t.alias || ' ' || m.mapdict::regdictionary, ', ' ORDER BY t.alias, m.mapseqno)
        FROM pg_catalog.pg_ts_config_map m JOIN pg_catalog.ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype
        WHERE m.mapcfg = c.oid)) END
    FROM pg_catalog.pg_ts_config c JOIN own ON own.oid = c.cfgnamespace
  UNION ALL
  SELECT {kind:pg_ts_dict}, {name:pg_ts_dict}, NULL,
      'pg_catalog.pg_ts_dict'::regclass, d.oid, 0, d.dictowner, NULL, CASE WHEN {is_wanted} THEN concat_ws(' ',
      (SELECT 'TEMPLATE ' || quote_ident(t.tmplname) FROM pg_catalog.pg_ts_template t WHERE t.oid = d.dicttemplate),
      d.dictinitoption) END
    FROM pg_catalog.pg_ts_dict d JOIN own ON own.oid = d.dictnamespace
  UNION ALL
  SELECT {kind:pg_ts_parser}, {name:pg_ts_parser}, NULL, 'pg_catalog.pg_ts_parser'::regclass, p.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', 'START = ' || p.prsstart, 'GETTOKEN = ' || p.prstoken, 'END = ' || p.prsend,
        'HEADLINE = ' || nullif(p.prsheadline::oid, 0)::regproc, 'LEXTYPES = ' || p.prslextype) END
    FROM pg_catalog.pg_ts_parser p JOIN own ON own.oid = p.prsnamespace
  UNION ALL
  SELECT {kind:pg_ts_template}, {name:pg_ts_template}, NULL, 'pg_catalog.pg_ts_template'::regclass, t.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', 'INIT = ' || nullif(t.tmplinit::oid, 0)::regproc, 'LEXIZE = ' || t.tmpllexize) END
    FROM pg_catalog.pg_ts_template t JOIN own ON own.oid = t.tmplnamespace
  UNION ALL
  SELECT {kind:pg_language}, {name:pg_language}, NULL, 'pg_catalog.pg_language'::regclass, oid, 0, lanowner, lanacl,
      CASE WHEN {is_wanted} THEN concat_ws(' ', CASE WHEN lanpltrusted THEN 'TRUSTED' END, 'HANDLER ' || nullif(lanplcallfoid, 0)::regproc) END
    FROM pg_catalog.pg_language l WHERE oid >= {first_of_people}
  UNION ALL
  SELECT {kind:pg_am}, {name:pg_am}, NULL, 'pg_catalog.pg_am'::regclass, oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', amtype::text, amhandler::text) END
    FROM pg_catalog.pg_am a WHERE oid >= {first_of_people}
  UNION ALL
  SELECT {kind:pg_transform}, {name:pg_transform}, NULL,
      'pg_catalog.pg_transform'::regclass, f.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', 'FROM SQL ' || nullif(f.trffromsql::oid, 0)::regproc, 'TO SQL ' || nullif(f.trftosql::oid, 0)::regproc) END
    FROM pg_catalog.pg_transform f JOIN pg_catalog.pg_language l ON l.oid = f.trflang
  UNION ALL
  SELECT {kind:pg_foreign_data_wrapper}, {name:pg_foreign_data_wrapper}, NULL, 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, 0,
      fdwowner, fdwacl, CASE WHEN {is_wanted} THEN concat_ws(' ', 'HANDLER ' || nullif(fdwhandler, 0)::regproc, 'VALIDATOR ' || nullif(fdwvalidator, 0)::regproc,
        'OPTIONS (' || array_to_string(fdwoptions, ', ') || ')') END
    FROM pg_catalog.pg_foreign_data_wrapper w
  UNION ALL
  SELECT {kind:pg_foreign_server}, {name:pg_foreign_server}, NULL, 'pg_catalog.pg_foreign_server'::regclass, s.oid, 0, s.srvowner, s.srvacl,
      CASE WHEN {is_wanted} THEN concat_ws(' ', 'TYPE ' || quote_literal(s.srvtype), 'VERSION ' || quote_literal(s.srvversion),
        'FOREIGN DATA WRAPPER ' || quote_ident(w.fdwname), 'OPTIONS (' || array_to_string(s.srvoptions, ', ') || ')') END
    FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
  UNION ALL
  -- Their options hold passwords: only the names are told, and not every user may see them.
  SELECT {kind:pg_user_mapping}, {name:pg_user_mapping}, NULL,
      'pg_catalog.pg_user_mapping'::regclass, m.umid, 0, NULL, NULL, CASE WHEN {is_wanted} AND {sees_options} THEN coalesce((SELECT string_agg(split_part(o, '=', 1), ', ' ORDER BY o)
        FROM pg_catalog.unnest(m.umoptions) AS o), '') END
    FROM (SELECT umid, umuser, srvid AS umserver, umoptions FROM pg_catalog.pg_user_mappings) AS m
  UNION ALL
  SELECT {kind:pg_event_trigger}, {name:pg_event_trigger}, NULL, 'pg_catalog.pg_event_trigger'::regclass, oid, 0, evtowner, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', 'ON ' || evtevent, 'WHEN TAG IN (' || array_to_string(evttags, ', ') || ')', 'EXECUTE ' || evtfoid::regproc,
        CASE evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED FOR REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END) END
    FROM pg_catalog.pg_event_trigger e
  UNION ALL
  SELECT {kind:pg_publication}, {name:pg_publication}, NULL, 'pg_catalog.pg_publication'::regclass, p.oid, 0, p.pubowner, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', CASE WHEN p.puballtables THEN 'FOR ALL TABLES' END,
        (SELECT 'FOR TABLE ' || string_agg(concat_ws(' ', r.prrelid::regclass
            , (SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_catalog.pg_attribute a -- from 15
              WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) -- from 15
            , 'WHERE ' || pg_catalog.pg_get_expr(r.prqual, r.prrelid) -- from 15
            ), ', ' ORDER BY r.prrelid::regclass::text)
          FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid),
        (SELECT 'FOR TABLES IN SCHEMA ' || string_agg(s.pnnspid::regnamespace::text, ', ' ORDER BY s.pnnspid::regnamespace::text) -- from 15
          FROM pg_catalog.pg_publication_namespace s WHERE s.pnpubid = p.oid), -- from 15
        CASE WHEN p.pubviaroot THEN 'VIA ROOT' END, -- from 13
        'PUBLISH ' || concat_ws(' ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
          CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END)) END
    FROM pg_catalog.pg_publication p
  UNION ALL
  -- The connection holds a password, and is not read.
  -- An older server does not tell everybody its number.
  SELECT {kind:pg_subscription}, {name:pg_subscription}, NULL, 'pg_catalog.pg_subscription'::regclass, coalesce(
      s.oid, -- from 14
      0::oid), 0, s.subowner, NULL,
      CASE WHEN {is_wanted} THEN concat_ws(' ', 'PUBLICATION ' || array_to_string(s.subpublications, ', '), CASE WHEN NOT s.subenabled THEN 'DISABLED' END) END
    FROM pg_catalog.pg_subscription s
    WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  UNION ALL
  -- The user who asks is called so: a scratch database may be another user's.
  SELECT {kind:pg_default_acl}, {name:pg_default_acl}, NULL,
      'pg_catalog.pg_default_acl'::regclass, d.oid, 0, NULL, NULL,
      CASE WHEN {is_wanted} THEN (SELECT string_agg(CASE a.grantee WHEN 0 THEN 'public' WHEN d.defaclrole THEN 'the owner'
            ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
          || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
          ORDER BY a.grantee <> 0, pg_catalog.pg_get_userbyid(a.grantee), a.privilege_type)
        FROM pg_catalog.aclexplode(d.defaclacl) AS a) END
    FROM pg_catalog.pg_default_acl d
), visible AS (
  SELECT o.* FROM object o
  WHERE NOT EXISTS (SELECT FROM hidden h WHERE h.class = o.class AND h.id = o.id)
)
