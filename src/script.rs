//! The text that psql is given, step by step.
//! Pure, from escaped types; must not know how the text gets to psql or what it answers.

use std::path::Path;

use crate::ledger::table::{Entry, Place};
use crate::sql::{Argument, Literal};

/// How often the server looks whether psql is still there, so that a killed psql frees its locks.
const CONNECTION_CHECK: &str = "500ms";

/// What the server says, in whatever language, when a file has ended the transaction.
pub const TRANSACTION_ENDED: &str = "migrate: the transaction has ended, backend ";

/// psql's own state as every step expects it, whatever the file before has set.
const PSQL_STATE: &str = "\
\\set ON_ERROR_STOP 1
\\set AUTOCOMMIT on
\\set ON_ERROR_ROLLBACK off
\\set SINGLELINE off
\\set SINGLESTEP off
\\set ECHO none
\\set ECHO_HIDDEN off
\\set QUIET on
\\set VERBOSITY verbose
\\set SHOW_CONTEXT errors
\\set SHOW_ALL_RESULTS on
\\unset FETCH_COUNT
\\timing off
\\o
\\pset format unaligned
\\pset tuples_only on
\\pset expanded off
\\pset pager off
\\pset null ''
\\pset recordsep '\\n'
";

/// First words to a server: asks for the facts of [`crate::server::Server`].
pub fn hello(schema: Option<&str>) -> String {
    let schema = schema.map_or_else(
        || "pg_catalog.current_schema()".to_owned(),
        |schema| Literal(schema).to_string(),
    );
    format!(
        // Not every server knows the parameter (PostgreSQL 14), and not every system can use it.
        "\\set ON_ERROR_STOP 0\n\
         SELECT set_config('client_connection_check_interval', '{CONNECTION_CHECK}', false)\n  \
         WHERE current_setting('server_version_num')::int >= 140000 \\g /dev/null\n\
         \\set ON_ERROR_STOP 1\n\
         SELECT json_build_object(\n  \
           'database', pg_catalog.current_database(),\n  \
           'version', pg_catalog.current_setting('server_version_num')::int,\n  \
           'schema', {schema},\n  \
           'schema_exists', EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {schema}),\n  \
           'read_only', pg_catalog.pg_is_in_recovery()\n    \
             OR pg_catalog.current_setting('transaction_read_only')::bool,\n  \
           'checks_connection',\n    \
             pg_catalog.current_setting('client_connection_check_interval', true) IS DISTINCT FROM NULL\n    \
             AND pg_catalog.current_setting('client_connection_check_interval', true) <> '0');\n"
    )
}

/// Begins a group's transaction and asks for the facts of [`Transaction`].
pub fn begin(ensure_ledgers: &str) -> String {
    format!(
        "BEGIN;\n{ensure_ledgers}\
         SELECT json_build_object('backend', pg_catalog.pg_backend_pid(),\n  \
         'id', pg_catalog.txid_current()::text, 'now', pg_catalog.clock_timestamp());\n"
    )
}

/// Which transaction a group runs in, to notice when a file has ended it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Transaction {
    /// The server process.
    pub backend: i64,
    /// The transaction's number, as `txid_status` takes it.
    pub id: String,
    /// The server's clock at its beginning.
    pub now: String,
}

impl Transaction {
    /// A statement that says nothing in this transaction and fails in any other. What it fails
    /// with must depend on the session, or the planner would work it out beforehand.
    fn guard(&self) -> String {
        format!(
            "SELECT FROM (SELECT 1) AS once WHERE CASE WHEN\n  \
             pg_catalog.pg_backend_pid() = {} AND pg_catalog.txid_current()::text = {}\n  \
             THEN false ELSE ({} || pg_catalog.pg_backend_pid())::bool END",
            self.backend,
            Literal(&self.id),
            Literal(TRANSACTION_ENDED)
        )
    }
}

/// Runs a file. Absolute paths make psql's errors carry the file and the line.
pub fn include(file: &Path, folder: &Path, encoding: Option<&str>) -> String {
    let encoding = encoding.map_or_else(String::new, |encoding| {
        format!("SET client_encoding = {};\n", Literal(encoding))
    });
    format!(
        "\\cd {}\n{encoding}\\i {}\n{PSQL_STATE}",
        Argument(&folder.to_string_lossy()),
        Argument(&file.to_string_lossy())
    )
}

/// Leaves the session as a new one would be, then records the file in the same transaction.
///
/// One message to the server. Deferred constraints are checked here, so that a violation is
/// blamed on the file that made it and pending checks do not stop the next file's DDL.
pub fn record(
    place: &Place,
    entry: &Entry<'_>,
    transaction: &Transaction,
    checks_connection: bool,
) -> String {
    let guard = transaction.guard();
    let mut statements = vec![
        guard.as_str(),
        "RESET SESSION AUTHORIZATION",
        "RESET ALL",
        "SET CONSTRAINTS ALL IMMEDIATE",
        // From here on checked at the end of each file: what is deferrable by declaration may
        // be checked a little later than in a session of its own, never not at all.
        "SET CONSTRAINTS ALL DEFERRED",
        "CLOSE ALL",
        "DISCARD TEMP",
        "DEALLOCATE ALL",
        "UNLISTEN *",
    ];
    let check = format!("SET client_connection_check_interval = '{CONNECTION_CHECK}'");
    if checks_connection {
        statements.push(&check);
    }
    let record = place.record(entry);
    // The server decodes a message as a whole before RESET ALL in it can undo the encoding that
    // a file has set.
    let encoding = if record.is_ascii() {
        ""
    } else {
        "\\encoding UTF8\n"
    };
    format!("{encoding}{}\\;\n{record}", statements.join("\\; "))
}

/// Commits, and asks what became of it: without this receipt nothing counts as applied.
pub fn commit(transaction: &Transaction) -> String {
    format!("COMMIT;\n{}", fate(transaction))
}

/// Asks what became of a transaction: `committed`, `aborted`, `in progress` or nothing.
pub fn fate(transaction: &Transaction) -> String {
    format!(
        "SELECT pg_catalog.txid_status({}::bigint);\n",
        Literal(&transaction.id)
    )
}

/// Tries to take the lock that admits one run at a time; never blocks inside the server, where a
/// waiter would deadlock with `CREATE INDEX CONCURRENTLY`.
pub fn try_lock(key: i64) -> String {
    format!("SELECT pg_catalog.pg_try_advisory_lock({key});\n")
}

/// Asks who holds that lock: an array of one object, or of none.
pub fn lock_holder(key: i64) -> String {
    format!(
        "SELECT coalesce(json_agg(holder), '[]') FROM (\n  \
         SELECT a.pid, a.usename AS \"user\", a.application_name AS application,\n    \
           a.client_addr AS address, a.backend_start AS since,\n    \
           nullif(a.query, '<insufficient privilege>') AS query\n  \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid\n  \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1\n    \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database\n      \
             WHERE datname = pg_catalog.current_database())\n    \
           AND l.classid::bigint = ({key}::bigint >> 32) & 4294967295\n    \
           AND l.objid::bigint = {key}::bigint & 4294967295\n) AS holder;\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction() -> Transaction {
        Transaction {
            backend: 42,
            id: "739".to_owned(),
            now: "2024-01-01".to_owned(),
        }
    }

    #[test]
    fn a_path_cannot_become_a_command() {
        let text = include(
            Path::new("/it's 100%/ü\\a.sql"),
            Path::new("/it's 100%"),
            None,
        );
        assert!(
            text.starts_with("\\cd '/it''s 100%'\n\\i '/it''s 100%/ü\\\\a.sql'\n"),
            "{text}"
        );
    }

    #[test]
    fn a_caller_with_another_encoding_gets_it_for_the_file_alone() {
        let text = include(Path::new("/a.sql"), Path::new("/"), Some("LATIN1"));
        assert!(text.starts_with("\\cd '/'\nSET client_encoding = 'LATIN1';\n\\i '/a.sql'\n"));
    }

    #[test]
    fn the_guard_comes_first_and_names_the_backend_and_the_transaction() {
        let place = Place {
            schema: "public".to_owned(),
            prefix: "m_".to_owned(),
        };
        let name = crate::discovery::name::parse_recorded("20240101000000_core_ü.sql").unwrap();
        let entry = Entry {
            name: &name,
            hash: "h",
            started: "s",
            execution_id: "e",
        };
        let text = record(&place, &entry, &transaction(), false);
        assert!(
            text.starts_with("\\encoding UTF8\nSELECT FROM (SELECT 1)"),
            "{text}"
        );
        assert!(text.contains("pg_backend_pid() = 42 AND pg_catalog.txid_current()::text = '739'"));
    }

    #[test]
    fn a_commit_asks_for_its_receipt() {
        assert_eq!(
            commit(&transaction()),
            "COMMIT;\nSELECT pg_catalog.txid_status('739'::bigint);\n"
        );
    }
}
