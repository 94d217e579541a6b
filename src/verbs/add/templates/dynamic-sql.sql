-- {{title}}
--
-- The query gives one statement per row, and \gexec runs them. format() quotes: %I for names, %L for
-- values. Do not put a name into SQL in any other way.

CREATE TABLE {{identifier}} (
    moment  timestamptz NOT NULL,
    payload jsonb NOT NULL
) PARTITION BY RANGE (moment);

SELECT format(
    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
    '{{identifier}}_' || to_char(month, 'YYYY_MM'),
    '{{identifier}}',
    month,
    month + interval '1 month'
)
FROM generate_series(timestamptz '2024-01-01 00:00:00Z', '2024-12-01 00:00:00Z', '1 month') AS month
ORDER BY month
\gexec
