-- The query returns one CREATE TABLE for each month of the year. \gexec executes them.

CREATE TABLE measurement (
    moment timestamptz NOT NULL,
    value  double precision NOT NULL
) PARTITION BY RANGE (moment);

SELECT format(
    'CREATE TABLE %I PARTITION OF measurement FOR VALUES FROM (%L) TO (%L)',
    'measurement_' || to_char(month, 'YYYY_MM'),
    month,
    month + interval '1 month'
)
FROM generate_series(timestamp '2024-01-01', '2024-12-01', '1 month') AS month
ORDER BY month
\gexec
