//! The text that psql is given, step by step.
//! Pure, from escaped types; must not know how the text gets to psql or what it answers.

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use crate::connection::SESSION_MARK;
use crate::ledger::table::{Entry, Place};
use crate::sql::{Argument, Identifier, Literal};

/// How often the server looks whether psql is still there, so that a killed psql frees its locks.
const CONNECTION_CHECK: &str = "500ms";

/// What the server says, in whatever language, when a file has ended the transaction.
pub const TRANSACTION_ENDED: &str = "migrate: the transaction has ended, backend ";

/// psql's own state as every step expects it, whatever the file before has set.
const PSQL_STATE: &str = "\
\\set ECHO none
\\set ON_ERROR_STOP 1
\\set AUTOCOMMIT on
\\set ON_ERROR_ROLLBACK off
\\set SINGLELINE off
\\set SINGLESTEP off
\\set ECHO_HIDDEN off
\\set HIDE_TABLEAM off
\\set HIDE_TOAST_COMPRESSION off
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
\\pset fieldsep '|'
\\pset title
\\pset numericlocale off
";

/// What holds for the session beside the server's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Can the server look whether psql is still there?
    pub checks_connection: bool,
    /// How long a statement may wait for a lock; zero is for ever.
    pub lock_timeout: Duration,
    /// How long a statement may take; zero is for ever.
    pub statement_timeout: Duration,
    /// Can what leaves our transaction only read? So it is in a rehearsal.
    pub is_read_only_outside: bool,
}

impl Limits {
    fn statements(&self) -> Vec<String> {
        let mut statements = vec![
            "SET client_encoding = 'UTF8'".to_owned(),
            set_timeout("lock_timeout", self.lock_timeout),
            set_timeout("statement_timeout", self.statement_timeout),
        ];
        if self.is_read_only_outside {
            statements.push("SET default_transaction_read_only = on".to_owned());
        }
        if self.checks_connection {
            statements.push(format!(
                "SET client_connection_check_interval = '{CONNECTION_CHECK}'"
            ));
        }
        statements
    }
}

fn set_timeout(name: &str, timeout: Duration) -> String {
    format!("SET {name} = '{}ms'", timeout.as_millis())
}

/// Lists psql's variables.
pub fn list_variables() -> String {
    "\\set\n".to_owned()
}

/// Forgets variables, and gives environment variables their value back.
pub fn forget<'a>(
    variables: impl Iterator<Item = &'a String>,
    environment: impl Iterator<Item = (&'a String, Option<&'a String>)>,
) -> String {
    let variables: String = variables.map(|name| format!("\\unset {name}\n")).collect();
    let environment: String = environment
        .map(|(name, value)| {
            let value = value.map(|value| Argument(value).to_string());
            format!(
                "\\setenv {} {}\n",
                Argument(name),
                value.unwrap_or_default()
            )
        })
        .collect();
    variables + &environment
}

/// What the server says when ledger rows are gone at the end of their transaction.
pub const ROWS_GONE: &str = "migrate: ledger rows are gone, backend ";

/// First words to a server: asks for the facts of [`crate::server::Server`].
pub fn hello(schema: Option<&str>, mark: Option<&str>) -> String {
    let is_marked = mark.map_or_else(
        || "true".to_owned(),
        |mark| {
            format!(
                "pg_catalog.current_setting({}, true) IS NOT DISTINCT FROM {}",
                Literal(SESSION_MARK),
                Literal(mark)
            )
        },
    );
    let schema = schema.map_or_else(
        || "pg_catalog.current_schema()".to_owned(),
        |schema| Literal(schema).to_string(),
    );
    format!(
        // Not every server knows the parameter (PostgreSQL 14), and not every system can use it.
        "SELECT json_build_object(\n  \
           'database', pg_catalog.current_database(),\n  \
           'version', pg_catalog.current_setting('server_version_num')::int,\n  \
           'schema', {schema},\n  \
           'schema_exists', EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {schema}),\n  \
           'read_only', pg_catalog.pg_is_in_recovery()\n    \
             OR pg_catalog.current_setting('transaction_read_only')::bool,\n  \
           'encoding', pg_catalog.current_setting('client_encoding'),\n  \
           'is_whole', {is_marked},\n  \
           'host', :'HOST', 'port', :'PORT', 'user', :'USER',\n  \
           'backend', pg_catalog.pg_backend_pid());\n\
         \\encoding UTF8\n"
    )
}

/// Lets the server look whether psql is still there, and asks whether it can (`t`): not every
/// server knows the parameter (PostgreSQL 14), and not every system can use it.
pub fn watch_connection() -> String {
    format!(
        "\\set ON_ERROR_STOP 0\n\
         SELECT pg_catalog.set_config('client_connection_check_interval', '{CONNECTION_CHECK}', false)\n  \
         WHERE pg_catalog.current_setting('server_version_num')::int >= 140000 \\g /dev/null\n\
         \\set ON_ERROR_STOP 1\n\
         SELECT pg_catalog.current_setting('client_connection_check_interval', true)\n  \
         IS NOT DISTINCT FROM '{CONNECTION_CHECK}';\n"
    )
}

/// Begins a group's transaction and asks for the facts of [`Transaction`].
pub fn begin(limits: &Limits, ensure_ledgers: &str) -> String {
    format!(
        "{};\nBEGIN READ WRITE;\n{ensure_ledgers}\
         SELECT json_build_object('backend', pg_catalog.pg_backend_pid(),\n  \
         'id', pg_catalog.txid_current()::text, 'now', pg_catalog.clock_timestamp());\n",
        limits.statements().join("\\; ")
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

/// A file that psql is to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Include<'a> {
    /// The file.
    pub file: &'a Path,
    /// Where psql is to stand.
    pub folder: &'a Path,
    /// The file's encoding, where it is not UTF-8.
    pub encoding: Option<&'a str>,
    /// The file's own limit on waiting for a lock.
    pub lock_timeout: Option<Duration>,
    /// The file's own limit on a statement.
    pub statement_timeout: Option<Duration>,
    /// The variables that it finds set.
    pub variables: &'a [(String, String)],
}

impl Include<'_> {
    /// Runs the file. Absolute paths make psql's errors carry the file and the line.
    pub fn text(&self) -> String {
        let own = [
            self.encoding
                .map(|encoding| format!("SET client_encoding = {}", Literal(encoding))),
            self.lock_timeout
                .map(|timeout| set_timeout("lock_timeout", timeout)),
            self.statement_timeout
                .map(|timeout| set_timeout("statement_timeout", timeout)),
        ];
        let own: String = own
            .into_iter()
            .flatten()
            .map(|set| format!("{set};\n"))
            .collect();
        let variables: String = self
            .variables
            .iter()
            .map(|(name, value)| format!("\\set {name} {}\n", Argument(value)))
            .collect();
        format!(
            "{variables}\\cd {}\n{own}\\i {}\n{PSQL_STATE}",
            Argument(&self.folder.to_string_lossy()),
            Argument(&self.file.to_string_lossy())
        )
    }
}

/// Leaves the session as a new one would be, then records the file in the same transaction.
///
/// One message to the server. Deferred constraints are checked here, so that a violation is
/// blamed on the file that made it and pending checks do not stop the next file's DDL.
pub fn record(
    place: &Place,
    entry: &Entry<'_>,
    transaction: &Transaction,
    limits: &Limits,
) -> String {
    let mut statements = vec![transaction.guard()];
    // From the second file on, what is deferrable may be checked a little later than in a
    // session of its own, never not at all.
    statements.extend(
        [
            "SET CONSTRAINTS ALL IMMEDIATE",
            "SET CONSTRAINTS ALL DEFERRED",
        ]
        .map(str::to_owned),
    );
    statements.extend(clean_session(limits));
    in_one_message(&statements, &place.record(entry))
}

/// What a file may have left in the session. RESET comes first: constraints are checked by the
/// session's own user.
fn clean_session(limits: &Limits) -> Vec<String> {
    let mut statements = [
        "RESET SESSION AUTHORIZATION",
        "RESET ALL",
        "CLOSE ALL",
        "DISCARD TEMP",
        "DEALLOCATE ALL",
        "UNLISTEN *",
    ]
    .map(str::to_owned)
    .to_vec();
    statements.extend(limits.statements());
    statements
}

fn in_one_message(statements: &[String], last: &str) -> String {
    // The server decodes a message as a whole before RESET ALL in it can undo the encoding that
    // a file has set.
    let encoding = if last.is_ascii() {
        ""
    } else {
        "\\encoding UTF8\n"
    };
    format!("{encoding}{}\\;\n{last}", statements.join("\\; "))
}

/// Before a file that runs alone: its row, committed, and the indexes that are invalid already.
/// Answers with the server's clock and those indexes.
pub fn begin_alone(
    place: &Place,
    entry: &Entry<'_>,
    limits: &Limits,
    ensure_ledger: &str,
) -> String {
    format!(
        "{};\n{ensure_ledger}{}SELECT json_build_object('now', pg_catalog.clock_timestamp(), \
         'invalid_indexes', {INVALID_INDEXES});\n",
        limits.statements().join("\\; "),
        place.record_running(entry),
    )
}

/// After it: did it leave a transaction open, and which indexes are invalid now?
pub fn check_alone() -> String {
    // Outside of a transaction, every statement is one of its own and begins with it.
    format!(
        "SELECT json_build_object('transaction_open',\n  \
         pg_catalog.transaction_timestamp() <> pg_catalog.statement_timestamp(),\n  \
         'invalid_indexes', {INVALID_INDEXES});\n"
    )
}

/// The names of all invalid indexes, as a JSON array.
const INVALID_INDEXES: &str =
    "(SELECT coalesce(json_agg(indexrelid::regclass::text ORDER BY 1), '[]')
  FROM pg_catalog.pg_index WHERE NOT indisvalid)";

/// Asks for the names of all invalid indexes alone.
pub fn invalid_indexes() -> String {
    format!("SELECT {INVALID_INDEXES};\n")
}

/// At its good end: the row says applied. Answers with what was recorded.
pub fn finish_alone(place: &Place, entry: &Entry<'_>, limits: &Limits) -> String {
    in_one_message(&clean_session(limits), &place.record_finished(entry))
}

/// What a question of a check runs in, so that it can only read and leaves nothing behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bracket {
    /// A part of the run's transaction.
    Savepoint,
    /// A transaction of its own.
    Transaction,
}

/// Runs the text in a file for a check, with what it prints written to another file. An error in it
/// is an answer, too.
pub fn question(bracket: Bracket, file: &Path, answer: &Path, patience: Duration) -> String {
    // Nobody can guess the name, and so nobody else can end what it began.
    let name = format!("migrate_{}", Uuid::new_v4().simple());
    let (open, close) = match bracket {
        Bracket::Savepoint => (
            format!("SAVEPOINT {name};\nSET TRANSACTION READ ONLY;"),
            format!("ROLLBACK TO SAVEPOINT {name};\nRELEASE SAVEPOINT {name};"),
        ),
        Bracket::Transaction => ("BEGIN READ ONLY;".to_owned(), "ROLLBACK;".to_owned()),
    };
    format!(
        "{open}\nSET LOCAL statement_timeout = '{}ms';\n\\set ON_ERROR_STOP 0\n\\o {}\n\\i {}\n{PSQL_STATE}{close}\n",
        patience.as_millis().max(1),
        Argument(&answer.to_string_lossy()),
        Argument(&file.to_string_lossy()),
    )
}

/// Ends a rehearsal.
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

/// What the server says to a COMMIT in a rehearsal.
const NEVER_COMMITTED: &str = "migrate: a rehearsal is never committed, backend ";

/// Asks for a [`crate::rehearsal::Look`].
pub fn look() -> String {
    // The statistics are those of the transaction's first look, unless that is forgotten.
    "SELECT FROM (SELECT 1) AS once WHERE pg_catalog.pg_stat_clear_snapshot() IS NULL;
WITH relation AS (
  SELECT c.oid, c.relkind, c.relfilenode
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'i', 'I', 'S', 'm', 'v')
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
), lock AS (
  SELECT relation, mode, pid, granted FROM pg_catalog.pg_locks
  WHERE locktype = 'relation' AND database = (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)
SELECT json_build_object(
  'relations', (SELECT coalesce(json_object_agg(oid, json_build_object('name', oid::regclass::text,
    'kind', relkind, 'storage', relfilenode::bigint)), '{}') FROM relation),
  'locks', (SELECT coalesce(json_agg(json_build_array(relation::bigint, mode)), '[]') FROM lock
    WHERE pid = pg_catalog.pg_backend_pid() AND granted),
  'in_use', (SELECT coalesce(json_agg(DISTINCT relation::bigint), '[]') FROM lock
    WHERE pid <> pg_catalog.pg_backend_pid()),
  'rows', (SELECT coalesce(json_object_agg(relid, n_tup_ins + n_tup_upd + n_tup_del), '{}')
    FROM pg_catalog.pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0),
  'traffic', (SELECT coalesce(json_object_agg(relid, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)
    + n_tup_ins + n_tup_upd + n_tup_del), '{}') FROM pg_catalog.pg_stat_user_tables));
"
    .to_owned()
}

/// Asks for all objects of the schemas that people made: an array of kind, name and definition.
pub fn catalog() -> &'static str {
    include_str!("catalog.sql")
}

/// Makes a database that nothing was added to, with the encoding and the locale of the present one.
pub fn create_database(name: &str) -> String {
    format!(
        "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', {},\n  \
           pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype)\n\
         FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database() \\gexec\n",
        Literal(name)
    )
}

/// Removes it.
pub fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {};\n", Identifier(name))
}

/// Commits, if all ledger rows of the group are still there, and asks what became of it: without
/// this receipt nothing counts as applied.
pub fn commit(transaction: &Transaction, rows: &str, expected: usize) -> String {
    format!(
        "SELECT FROM (SELECT 1) AS once WHERE CASE WHEN ({rows}) = {expected}\n  \
         THEN false ELSE ({} || pg_catalog.pg_backend_pid())::bool END;\nCOMMIT;\n{}",
        Literal(ROWS_GONE),
        fate(transaction)
    )
}

/// Asks what became of a transaction: `committed`, `aborted`, `in progress` or nothing.
pub fn fate(transaction: &Transaction) -> String {
    format!(
        "SELECT pg_catalog.txid_status({}::bigint);\n",
        Literal(&transaction.id)
    )
}

/// Runs statements, all or nothing.
pub fn in_transaction(statements: &str) -> String {
    format!("BEGIN;\n{statements}COMMIT;\n")
}

/// Tries to take the lock that admits one run at a time; never blocks inside the server, where a
/// waiter would deadlock with `CREATE INDEX CONCURRENTLY`. Answers also with the server process.
pub fn try_lock(key: i64) -> String {
    format!(
        "SELECT json_build_array(pg_catalog.pg_try_advisory_lock({key}), \
         pg_catalog.pg_backend_pid());\n"
    )
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
    use std::collections::BTreeMap;

    fn transaction() -> Transaction {
        Transaction {
            backend: 42,
            id: "739".to_owned(),
            now: "2024-01-01".to_owned(),
        }
    }

    fn include() -> Include<'static> {
        Include {
            file: Path::new(""),
            folder: Path::new(""),
            encoding: None,
            lock_timeout: None,
            statement_timeout: None,
            variables: &[],
        }
    }

    fn limits() -> Limits {
        Limits {
            checks_connection: true,
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::ZERO,
            is_read_only_outside: false,
        }
    }

    #[test]
    fn a_path_cannot_become_a_command() {
        let text = Include {
            file: Path::new("/it's 100%/ü\\a.sql"),
            folder: Path::new("/it's 100%"),
            ..include()
        }
        .text();
        assert!(
            text.starts_with("\\cd '/it''s 100%'\n\\i '/it''s 100%/ü\\\\a.sql'\n"),
            "{text}"
        );
    }

    #[test]
    fn a_value_cannot_become_a_command() {
        let variables = [("v".to_owned(), "it's\n\\! :x `date`".to_owned())];
        let text = Include {
            variables: &variables,
            ..include()
        }
        .text();
        assert!(
            text.starts_with("\\set v 'it''s\\n\\\\! :x `date`'\n\\cd"),
            "{text}"
        );
    }

    #[test]
    fn what_a_file_alone_asks_for_comes_before_it() {
        let text = Include {
            encoding: Some("LATIN1"),
            lock_timeout: Some(Duration::from_millis(500)),
            ..include()
        }
        .text();
        let expected =
            "\\cd ''\nSET client_encoding = 'LATIN1';\nSET lock_timeout = '500ms';\n\\i ''\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn limits_are_set_in_one_message() {
        let text = begin(&limits(), "");
        assert!(
            text.starts_with(
                "SET client_encoding = 'UTF8'\\; SET lock_timeout = '5000ms'\\; SET statement_timeout = '0ms'\\; \
                 SET client_connection_check_interval = '500ms';\nBEGIN READ WRITE;\n"
            ),
            "{text}"
        );
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
            validation: Some(Duration::from_millis(7)),
            parts: &BTreeMap::new(),
        };
        let text = record(&place, &entry, &transaction(), &limits());
        assert!(
            text.starts_with("\\encoding UTF8\nSELECT FROM (SELECT 1)"),
            "{text}"
        );
        assert!(text.contains("pg_backend_pid() = 42 AND pg_catalog.txid_current()::text = '739'"));
    }

    #[test]
    fn a_commit_asks_for_its_receipt() {
        assert_eq!(
            commit(&transaction(), "SELECT 2", 2)
                .split_once("COMMIT")
                .map(|(_, end)| end),
            Some(";\nSELECT pg_catalog.txid_status('739'::bigint);\n")
        );
    }
}
