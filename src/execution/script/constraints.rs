//! Deferrable constraints between two files of a transaction.

/// What comes after a file in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed<'a> {
    ByAnother,
    /// And before it by this query.
    ByCommit(&'a str),
}

/// Before COMMIT there is nothing to put back.
pub(super) const CHECK: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// Checks what a file has deferred, so that a violation is blamed on the file that made it and
/// pending checks do not stop the next file's DDL; then every constraint is again as it was made.
/// A statement for a server with PL/pgSQL.
///
/// `SET CONSTRAINTS ALL` would also hold for what is initially of the other kind, and for what
/// later files make; so each is named, unless all are initially deferred: there may be thousands,
/// and naming them takes the server a while. Constraints of one schema can share a name; where one
/// of them is not deferrable, the name cannot be used.
///
/// Every deferrable constraint has a trigger. Where there is none, all of this is one look at
/// `pg_trigger` (0.04 ms instead of 0.45); as a text of its own, the rest is not even parsed.
pub(super) const CHECK_AND_RESET: &str = "DO $migrate$ BEGIN
IF EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgdeferrable) THEN EXECUTE $deferrable$DO $reset$
DECLARE every text; later text; at_once boolean;
BEGIN
  SELECT pg_catalog.string_agg(name, ', '), pg_catalog.string_agg(name, ', ') FILTER (WHERE is_later),
    pg_catalog.bool_or(NOT is_later) INTO every, later, at_once
  FROM (
    SELECT pg_catalog.format('%I.%I', n.nspname, c.conname) AS name,
      pg_catalog.bool_or(c.condeferred) AS is_later
    FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
    WHERE c.condeferrable AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND (n.nspname !~ '^pg_temp_' OR n.oid = pg_catalog.pg_my_temp_schema())
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conname = c.conname
        AND o.connamespace = c.connamespace AND NOT o.condeferrable)
    GROUP BY 1
  ) AS found;
  IF every IS NULL THEN RETURN; END IF;
  IF NOT at_once THEN every := 'ALL'; later := 'ALL'; END IF;
  EXECUTE 'SET CONSTRAINTS ' || every || ' IMMEDIATE';
  IF later IS NOT NULL THEN EXECUTE 'SET CONSTRAINTS ' || later || ' DEFERRED'; END IF;
END $reset$$deferrable$; END IF;
END $migrate$";

/// The same where there is no PL/pgSQL: from the second file on, what is deferrable may be checked
/// a little later than in a session of its own, never not at all.
pub(super) const CHECK_AND_DEFER: &str =
    "SET CONSTRAINTS ALL IMMEDIATE\\; SET CONSTRAINTS ALL DEFERRED";
