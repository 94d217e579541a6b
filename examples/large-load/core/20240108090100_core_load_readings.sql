-- The rows come from a file beside this one, made when it is needed; a statement may take its time here,
-- whatever limit the settings have.
-- migrate: statement-timeout 30min

\copy reading FROM PROGRAM 'seq 1 100000 | awk ''{ printf "%d,s%d,2024-01-01 00:00:%02dZ,%d.5\n", $1, $1 % 50, $1 % 60, $1 % 1000 }''' WITH (FORMAT csv)

-- Known to the planner at once, not only when autovacuum comes around.
ANALYZE reading;
SELECT count(*) || ' readings of ' || count(DISTINCT sensor) || ' sensors' FROM reading;
