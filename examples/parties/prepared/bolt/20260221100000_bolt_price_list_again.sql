-- migrate: requires core/20260226120000
CREATE VIEW bolt_price_list AS SELECT * FROM price;
