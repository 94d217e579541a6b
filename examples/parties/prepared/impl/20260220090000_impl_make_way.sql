-- migrate: before core/20260226120000
-- The core will alter a column below these views. They come back from their files.
DROP VIEW IF EXISTS prices CASCADE;
