//! A no-transaction file, with its ledger row written before and after it.

use super::objects::NEWEST;
use super::state::{Limits, clean_session, in_one_message, joined};
use crate::database::kinds;
use crate::database::ledger::entry::Entry;
use crate::database::ledger::table::Place;
use crate::database::lock::is_held;
use crate::database::questions::INVALID_INDEXES;

/// Before a no-transaction file: its row, committed if the session still holds the run's lock.
/// Answers with the server's clock.
pub fn begin_outside(
    place: &Place,
    entry: &Entry<'_>,
    limits: &Limits,
    ensure_ledger: &str,
) -> String {
    let holds_lock = is_held(place);
    let restricted = kinds::ALONE.iter().filter(|it| it.is_restricted);
    let restricted: Vec<_> = restricted.map(|it| it.number.to_string()).collect();
    format!(
        "{};\n{ensure_ledger}{}SELECT json_build_object('now', pg_catalog.clock_timestamp(), \
         'holds_lock', {holds_lock}, 'id', pg_catalog.txid_current()::text, 'newest', {NEWEST}, \
         'reads_all', (SELECT bool_and(pg_catalog.has_table_privilege(class, 'SELECT')) FROM pg_catalog.unnest(ARRAY[{}]::oid[]) AS class));\n",
        limits.statements().join("\\; "),
        place.record_running(entry, &holds_lock),
        restricted.join(", ")
    )
}

/// After it: did it leave a transaction open, and which indexes are invalid now?
pub fn check_outside() -> String {
    // Outside of a transaction, every statement is one of its own and begins with it.
    // A notification that psql prints is no part of the answer.
    format!(
        "\\o /dev/null\nUNLISTEN *;\n\\o\n\
         SELECT json_build_object('transaction_open',\n  \
         pg_catalog.transaction_timestamp() <> pg_catalog.statement_timestamp(),\n  \
         'invalid_indexes', {INVALID_INDEXES});\n"
    )
}

/// Before the checks behind it: the session as a new one would be.
pub fn clean_outside(limits: &Limits) -> String {
    format!("{};\n", joined(&clean_session(limits), limits))
}

/// At its good end: the row says applied. Answers with what was recorded.
pub fn finish_outside(place: &Place, entry: &Entry<'_>, limits: &Limits) -> String {
    // The message has begun its transaction by what the file has set.
    let mut statements = vec!["SET TRANSACTION READ WRITE".to_owned()];
    statements.extend(clean_session(limits));
    in_one_message(&statements, limits, &place.record_finished(entry))
}
