-- The implementor's view of all columns of the core's table.
CREATE OR REPLACE VIEW prices AS SELECT * FROM price;
