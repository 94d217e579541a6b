, detail (kind, name, part_of, definition) AS (
  SELECT kind, name, part_of, definition FROM visible
  UNION ALL
  SELECT 'owner', kind || ' ' || name, coalesce(part_of, kind || ' ' || name),
      quote_ident(pg_catalog.pg_get_userbyid(owner))
    FROM visible WHERE owner IS NOT NULL AND part_of IS NULL
  UNION ALL
  SELECT 'grant', g.name, g.part_of, g.privileges FROM (
    SELECT v.kind || ' ' || v.name AS name, coalesce(v.part_of, v.kind || ' ' || v.name) AS part_of,
      (SELECT string_agg(CASE WHEN a.grantee = 0 THEN 'public' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
          || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
          ORDER BY a.grantee <> 0, pg_catalog.pg_get_userbyid(a.grantee), a.privilege_type)
        FROM pg_catalog.aclexplode(coalesce(v.acl, pg_catalog.acldefault(CASE v.kind WHEN 'sequence' THEN 's'
          WHEN 'schema' THEN 'n' WHEN 'function' THEN 'f' WHEN 'procedure' THEN 'f' WHEN 'aggregate' THEN 'f'
          WHEN 'language' THEN 'l' WHEN 'foreign data wrapper' THEN 'F' WHEN 'server' THEN 'S'
          WHEN 'enum' THEN 'T' WHEN 'domain' THEN 'T' WHEN 'type' THEN 'T' ELSE 'r' END::"char", v.owner))) AS a
        WHERE a.grantee <> v.owner) AS privileges
    FROM visible v
    WHERE v.owner IS NOT NULL AND (v.acl IS NOT NULL OR v.kind IN ('function', 'procedure', 'aggregate'))
    UNION ALL
    SELECT 'column ' || r.name || '.' || quote_ident(c.attname), r.kind || ' ' || r.name,
      (SELECT string_agg(CASE WHEN a.grantee = 0 THEN 'public' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
          || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
          ORDER BY a.grantee <> 0, pg_catalog.pg_get_userbyid(a.grantee), a.privilege_type)
        FROM pg_catalog.aclexplode(c.attacl) AS a)
    FROM relation r JOIN pg_catalog.pg_attribute c ON c.attrelid = r.oid
    WHERE c.attacl IS NOT NULL AND NOT c.attisdropped
  ) AS g WHERE g.privileges IS NOT NULL
  UNION ALL
  -- An owner has all rights, but for those that were revoked.
  SELECT 'revoked from owner', r.name, r.part_of, r.privileges FROM (
    SELECT v.kind || ' ' || v.name AS name, coalesce(v.part_of, v.kind || ' ' || v.name) AS part_of,
      (SELECT string_agg(usual.privilege_type, ', ' ORDER BY usual.privilege_type)
        FROM pg_catalog.aclexplode(pg_catalog.acldefault('r', v.owner)) AS usual
        WHERE usual.grantee = v.owner AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(v.acl) AS own
          WHERE own.grantee = v.owner AND own.privilege_type = usual.privilege_type)) AS privileges
    FROM visible v WHERE v.acl IS NOT NULL AND v.kind IN ('table', 'view', 'materialized view', 'foreign table')
    UNION ALL
    SELECT v.kind || ' ' || v.name, coalesce(v.part_of, v.kind || ' ' || v.name), 'EXECUTE'
    FROM visible v WHERE v.acl IS NOT NULL AND v.kind IN ('function', 'procedure', 'aggregate')
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(v.acl) AS own WHERE own.grantee = v.owner)
  ) AS r WHERE r.privileges IS NOT NULL
  UNION ALL
  SELECT 'comment', v.kind || ' ' || v.name, coalesce(v.part_of, v.kind || ' ' || v.name), d.description
    FROM visible v JOIN pg_catalog.pg_description d ON d.classoid = v.class AND d.objoid = v.id AND d.objsubid = 0
    WHERE v.sub = 0
  UNION ALL
  SELECT 'comment', 'column ' || r.name || '.' || quote_ident(a.attname), r.kind || ' ' || r.name, d.description
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass
      AND d.objoid = a.attrelid AND d.objsubid = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
)
