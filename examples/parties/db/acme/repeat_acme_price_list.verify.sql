-- No article may get lost on the way.
SELECT count(*) = (SELECT count(*) FROM price) FROM acme_price_list;
SELECT * FROM acme_price_list WHERE gross <= 0;
