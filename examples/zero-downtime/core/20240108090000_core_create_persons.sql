-- Before the change: one column for the whole name.

CREATE TABLE person (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    full_name text NOT NULL
);
INSERT INTO person (full_name) SELECT 'Given' || n || ' Family' || n FROM generate_series(1, 25000) AS n;
