-- migrate: before core/20260226120000
-- The core will alter a column of these views. Their repeatables create them again.
DROP VIEW IF EXISTS prices CASCADE;
