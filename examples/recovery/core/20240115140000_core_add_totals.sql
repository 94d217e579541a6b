ALTER TABLE orders ADD total numeric(12, 2) NOT NULL DEFAULT 0;
