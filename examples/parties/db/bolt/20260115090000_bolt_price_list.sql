-- The customer bolt has made its view once, in a versioned migration.
CREATE VIEW bolt_price_list AS SELECT * FROM price;
