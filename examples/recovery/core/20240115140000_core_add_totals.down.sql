ALTER TABLE orders DROP total;
