-- Each article of the table must be in the view.
SELECT count(*) = (SELECT count(*) FROM price) FROM acme_price_list;
SELECT * FROM acme_price_list WHERE gross <= 0;
