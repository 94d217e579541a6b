-- One COMMENT for each partition that exists. format() quotes: %I an identifier, %L a value.

SELECT format(
    'COMMENT ON TABLE %s IS %L',
    inhrelid::regclass,
    'a month of ' || inhparent::regclass || ', by ' || :'migration_name'
)
FROM pg_inherits
WHERE inhparent = 'measurement'::regclass
ORDER BY inhrelid::regclass::text
\gexec

SELECT count(*) || ' comments' FROM pg_description WHERE description LIKE 'a month of %';
