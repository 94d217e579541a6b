-- A program makes the rows. Each statement of this migration may take 30 minutes, even if the settings
-- have a shorter limit.
-- migrate: statement-timeout 30min

\copy reading FROM PROGRAM 'seq 1 100000 | awk ''{ printf "%d,s%d,2024-01-01 00:00:%02dZ,%d.5\n", $1, $1 % 50, $1 % 60, $1 % 1000 }''' WITH (FORMAT csv)

-- Gives the planner statistics now, before autovacuum does.
ANALYZE reading;
SELECT count(*) || ' readings of ' || count(DISTINCT sensor) || ' sensors' FROM reading;
