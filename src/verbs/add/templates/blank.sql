-- {{title}}
--
-- Runs in one transaction with its ledger row: leave out BEGIN and COMMIT.
-- psql runs it, so \if, \gset, \ir and \copy work; once applied, it must not change.

