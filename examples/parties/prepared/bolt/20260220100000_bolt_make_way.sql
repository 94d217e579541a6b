-- migrate: before core/20260226120000
DROP VIEW bolt_price_list;
