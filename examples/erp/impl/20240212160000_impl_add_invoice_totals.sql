-- add invoice totals

CREATE VIEW invoice_total AS
SELECT i.id,
       i.customer_id,
       sum(l.quantity * p.price) AS net,
       sum(l.quantity * p.price * (1 + t.rate)) AS gross
FROM invoice AS i
JOIN invoice_line AS l ON l.invoice_id = i.id
JOIN product AS p ON p.sku = l.sku
JOIN tax_code AS t ON t.code = p.tax_code
GROUP BY i.id;
