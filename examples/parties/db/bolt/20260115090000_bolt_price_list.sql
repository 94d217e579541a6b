-- The view of the customer bolt, in a versioned migration.
CREATE VIEW bolt_price_list AS SELECT * FROM price;
