-- The table without indexes: it is faster to build an index once than to insert each row into it.

CREATE TABLE reading (
    id       bigint NOT NULL,
    sensor   text NOT NULL,
    taken_at timestamptz NOT NULL,
    value    numeric(10, 3) NOT NULL
);
