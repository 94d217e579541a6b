-- add loyalty points, for one customer

ALTER TABLE customer ADD COLUMN loyalty_points integer NOT NULL DEFAULT 0;

DO $$
BEGIN
    RAISE NOTICE 'loyalty points start at 0 for % customers', (SELECT count(*) FROM customer);
END
$$;
