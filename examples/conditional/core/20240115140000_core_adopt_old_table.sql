-- Some installations have this table from the time before migrations. There, the table is renamed and
-- gets a new column. Elsewhere, it is created. Afterwards, all installations have the same table.

SELECT to_regclass('legacy_price') IS NOT NULL AS has_old_table \gset
\if :has_old_table
    ALTER TABLE legacy_price RENAME TO price;
    ALTER TABLE price ADD COLUMN IF NOT EXISTS valid_from date NOT NULL DEFAULT '2000-01-01';
    \echo took the old table over
\else
    CREATE TABLE price (
        article_id bigint NOT NULL,
        amount     numeric(12, 2) NOT NULL,
        valid_from date NOT NULL DEFAULT '2000-01-01'
    );
    \echo made a new table
\endif
