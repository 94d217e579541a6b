//! What a rehearsal adds to a run: COMMIT fails, a look at locks and relations, the rollback.

use super::state::{Limits, clean_session, joined};
use crate::database::ledger::search::relations;
use crate::database::ledger::table::Place;
use crate::sql::quote::Literal;

pub fn rollback() -> String {
    "ROLLBACK;\n".to_owned()
}

/// A file with a trap before it: COMMIT runs the query of a cursor that is to outlive it, and this
/// query fails. (A deferred trigger would do the same, but has to be made, and SET CONSTRAINTS
/// springs it.) The cursor is closed with all others behind the file.
pub fn trapped(include: &str) -> String {
    format!(
        "DECLARE migrate_rehearsal CURSOR WITH HOLD FOR\n  \
           SELECT ({} || pg_catalog.pg_backend_pid())::int;\n{include}",
        Literal(NEVER_COMMITTED)
    )
}

/// A file whose errors are to be undone, so that others can follow.
pub fn attempted(include: &str) -> String {
    format!("SAVEPOINT migrate_attempt;\n{include}")
}

/// Keeps what was attempted.
pub const KEEP_ATTEMPT: &str = "RELEASE SAVEPOINT migrate_attempt;\n";

/// Undoes it, with what a savepoint does not cover: what it prepared, what it holds on.
pub fn undo_attempt(limits: &Limits) -> String {
    format!(
        "ROLLBACK TO SAVEPOINT migrate_attempt;\nRELEASE SAVEPOINT migrate_attempt;\n{};\n",
        joined(&clean_session(limits), limits)
    )
}

/// What the server says to a COMMIT in a rehearsal.
const NEVER_COMMITTED: &str = "migrate: a rehearsal is never committed, backend ";

/// Asks for a [`crate::execution::effects::Look`].
pub fn look(place: &Place) -> String {
    let ledgers = relations(&place.prefix);
    // The statistics are those of the transaction's first look, unless that is forgotten.
    format!(
        "SELECT FROM (SELECT 1) AS once WHERE pg_catalog.pg_stat_clear_snapshot() IS NULL;
WITH relation AS (
  SELECT c.oid, c.relkind, c.relfilenode, c.oid IN ({ledgers}) AS is_ledger
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'i', 'I', 'S', 'm', 'v')
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
), lock AS (
  SELECT relation, mode, pid, granted FROM pg_catalog.pg_locks
  WHERE locktype = 'relation' AND mode <> 'SIReadLock' AND database = (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)
SELECT json_build_object(
  'relations', (SELECT coalesce(json_object_agg(oid, json_build_object('name', oid::regclass::text,
    'kind', relkind, 'storage', relfilenode::bigint, 'is_ledger', is_ledger)), '{{}}') FROM relation),
  'locks', (SELECT coalesce(json_agg(json_build_array(relation::bigint, mode)), '[]') FROM lock
    WHERE pid = pg_catalog.pg_backend_pid() AND granted),
  'in_use', (SELECT coalesce(json_agg(DISTINCT relation::bigint), '[]') FROM lock
    WHERE pid <> pg_catalog.pg_backend_pid()),
  'rows', (SELECT coalesce(json_object_agg(relid, n_tup_ins + n_tup_upd + n_tup_del), '{{}}')
    FROM pg_catalog.pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0),
  'traffic', (SELECT coalesce(json_object_agg(relid, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)
    + n_tup_ins + n_tup_upd + n_tup_del), '{{}}') FROM pg_catalog.pg_stat_user_tables));
"
    )
}
