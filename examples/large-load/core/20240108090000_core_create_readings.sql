-- The table only: its index comes after the data, because one build is faster than many insertions.

CREATE TABLE reading (
    id       bigint NOT NULL,
    sensor   text NOT NULL,
    taken_at timestamptz NOT NULL,
    value    numeric(10, 3) NOT NULL
);
