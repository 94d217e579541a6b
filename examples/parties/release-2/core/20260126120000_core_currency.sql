-- Release 2 of the core.
ALTER TABLE price ADD currency text NOT NULL DEFAULT 'EUR';
