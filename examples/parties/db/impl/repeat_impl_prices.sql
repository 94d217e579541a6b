-- The implementor's view of all that the core knows of a price.
CREATE OR REPLACE VIEW prices AS SELECT * FROM price;
