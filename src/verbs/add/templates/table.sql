-- {{title}}
--
-- An identity column needs no sequence to be named or granted; timestamptz is a moment, whatever
-- time zone a client is in. The comment travels with the database.

CREATE TABLE {{identifier}} (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE {{identifier}} IS :'migration_description';
