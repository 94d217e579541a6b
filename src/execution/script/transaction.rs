//! A group in one transaction: begin, include, record, commit, and the guard in between.

use std::path::Path;
use std::time::Duration;

use super::completion;
use super::constraints::Followed;
use super::objects::NEWEST;
use super::state::{Limits, PSQL_STATE, clean_session, in_one_message, set_timeout};
use crate::database::ledger::entry::Entry;
use crate::database::ledger::table::Place;
use crate::database::lock::is_held;
use crate::sql::quote::{Argument, Literal, set_variables};

/// What the server says, in whatever language, when a file has ended the transaction.
pub const TRANSACTION_ENDED: &str = "migrate: the transaction has ended, backend ";

/// Begins a group's transaction and asks for the facts of [`Transaction`].
///
/// The limits come in a message before it, or a ROLLBACK in a file would take them back.
pub fn begin(limits: &Limits, place: &Place, ensure_ledgers: &[String]) -> String {
    let facts = format!(
        "SELECT json_build_object('backend', pg_catalog.pg_backend_pid(),\n  \
         'id', pg_catalog.txid_current(), 'now', pg_catalog.clock_timestamp(),\n  \
         'has_deferrable', EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgdeferrable),\n  'holds_lock', {},\n  \
         'newest', {NEWEST})",
        is_held(place)
    );
    let mut statements = vec!["BEGIN READ WRITE".to_owned()];
    statements.extend_from_slice(ensure_ledgers);
    statements.push(facts);
    let apart = if limits.is_citus { ";\n" } else { "\\;\n" };
    format!(
        "{};\n{};\n",
        limits.statements().join("\\; "),
        statements.join(apart)
    )
}

/// Which transaction a group runs in, to notice when a file has ended it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Transaction {
    pub backend: i64,
    /// The transaction's number, as `txid_status` takes it.
    pub id: u64,
    /// The server's clock at its beginning.
    pub now: String,
    /// Has the database a deferrable constraint?
    pub has_deferrable: bool,
    /// Did the session still hold the run's lock?
    pub holds_lock: bool,
    /// The number of the newest object before it.
    pub newest: i64,
}

impl Transaction {
    /// A statement that says nothing in this transaction and fails in any other. What it fails
    /// with must depend on the session, or the planner would work it out beforehand.
    fn guard(&self) -> String {
        format!(
            "SELECT FROM (SELECT 1) AS once WHERE CASE WHEN\n  \
             pg_catalog.pg_backend_pid() = {} AND pg_catalog.txid_current() = {}\n  \
             THEN false ELSE pg_catalog.concat({}, pg_catalog.pg_backend_pid())::bool END",
            self.backend,
            self.id,
            Literal(TRANSACTION_ENDED)
        )
    }
}

/// A file that psql is to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Include<'a> {
    pub file: &'a Path,
    pub folder: &'a Path,
    /// What its track's settings ask for.
    pub own: &'a [String],
    /// The file's encoding, where it is not UTF-8.
    pub encoding: Option<&'a str>,
    /// The file's own limit on waiting for a lock.
    pub lock_timeout: Option<Duration>,
    /// The file's own limit on a statement.
    pub statement_timeout: Option<Duration>,
    /// The variables that it finds set, or unset.
    pub variables: &'a [(String, Option<String>)],
}

impl Include<'_> {
    /// Runs the file. Absolute paths make psql's errors carry the file and the line.
    pub fn text(&self) -> String {
        format!("{}{}{PSQL_STATE}", self.before(), self.run())
    }

    /// The same for a file that is SQL alone: it finds nothing in psql and leaves nothing there.
    pub fn text_plain(&self) -> String {
        self.limits() + &self.run()
    }

    fn run(&self) -> String {
        completion::run(&self.file.to_string_lossy())
    }

    /// What the file finds in psql, and its limits.
    fn before(&self) -> String {
        let variables = set_variables(self.variables);
        let folder = Argument(&self.folder.to_string_lossy()).to_string();
        format!("{variables}\\cd {folder}\n{}", self.limits())
    }

    fn limits(&self) -> String {
        let limits = [
            self.encoding
                .map(|encoding| format!("SET client_encoding = {}", Literal(encoding))),
            self.lock_timeout
                .map(|timeout| set_timeout("lock_timeout", timeout)),
            self.statement_timeout
                .map(|timeout| set_timeout("statement_timeout", timeout)),
        ];
        self.own
            .iter()
            .cloned()
            .chain(limits.into_iter().flatten())
            .map(|set| format!("{set};\n"))
            .collect()
    }
}

/// Leaves the session as a new one would be, then records the file in the same transaction.
///
/// One message to the server. Deferred constraints are checked here.
pub fn record(
    place: &Place,
    entry: &Entry<'_>,
    transaction: &Transaction,
    limits: &Limits,
    followed: Followed<'_>,
) -> String {
    let mut statements = vec![transaction.guard()];
    statements.extend(limits.constraints(followed).map(str::to_owned));
    statements.extend(clean_session(limits));
    let row = place.record(entry);
    let row = match followed {
        Followed::ByAnother => row,
        Followed::ByCommit(query) => format!("{}\\;\n{query}", row.trim_end_matches(";\n")),
    };
    in_one_message(&statements, limits, &row)
}

/// Ends psql where the file before did not come to its end.
pub fn stop_unless_done() -> String {
    format!("\\if :{{?{}}}\n\\else\n\\q\n\\endif\n", completion::DONE)
}

/// Commits, and asks the same session whether all ledger rows of the group are there: without this
/// receipt nothing counts as applied.
pub fn commit(transaction: &Transaction, rows: &str, expected: usize, limits: &Limits) -> String {
    let apart = if limits.is_citus { ";\n" } else { "\\;\n" };
    format!(
        "COMMIT{apart}\
         SELECT CASE WHEN pg_catalog.pg_backend_pid() = {} AND ({rows}) = {expected}\n  \
         THEN '{COMMITTED}' END;\n",
        transaction.backend
    )
}

/// What a commit answers when it is done.
pub const COMMITTED: &str = "committed";

/// Asks under which name a transaction was prepared, if it was.
pub fn prepared_as(transaction: &Transaction) -> String {
    format!(
        "SELECT gid FROM pg_catalog.pg_prepared_xacts\n\
         WHERE database = pg_catalog.current_database()\n  \
           AND transaction::text::bigint = {}::bigint & 4294967295;\n",
        transaction.id
    )
}

/// Asks what became of a transaction: `committed`, `aborted`, `in progress` or nothing. After a crash
/// the number may not have been given yet, which is an error.
pub fn transaction_status(transaction: &Transaction) -> String {
    format!(
        "\\set ON_ERROR_STOP 0\nSELECT pg_catalog.txid_status({}::bigint);\n\\set ON_ERROR_STOP 1\n",
        transaction.id
    )
}
