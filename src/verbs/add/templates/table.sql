-- {{title}}
--
-- An identity column needs no GRANT on its sequence. timestamptz is the same moment in every time zone.
-- The comment is part of the schema: psql's \d+ and pg_dump show it.

CREATE TABLE {{identifier}} (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE {{identifier}} IS :'migration_description';
