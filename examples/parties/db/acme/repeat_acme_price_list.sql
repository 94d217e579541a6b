-- The view of the customer acme uses the implementor's view.
CREATE OR REPLACE VIEW acme_price_list AS
SELECT article, net * 1.2 AS gross FROM prices;
