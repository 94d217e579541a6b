//! What a server is asked outside of a run, as SQL. Pure; must not know how it gets to psql.

use std::time::Duration;

use super::ledger::search::found_ledgers;
use crate::psql::connection::{Keepalives, SESSION_MARK};
use crate::sql::quote::Literal;

/// How often the server looks whether psql is still there, so that a killed psql frees its locks.
pub const CONNECTION_CHECK: &str = "500ms";

/// Does the server look so often? An expression.
pub const CHECKS_CONNECTION: &str = "pg_catalog.current_setting('client_connection_check_interval', true) IS NOT DISTINCT FROM '500ms'";

/// First words to a server: asks for the facts of [`crate::database::server::Server`]. Each catalogue
/// that a new session looks into costs it as much as a small query, so few are.
/// They also let the server notice that psql is out of reach, before anything can be lost.
pub fn hello(
    schema: Option<&str>,
    prefix: &str,
    mark: Option<&str>,
    keepalives: Option<Keepalives>,
) -> String {
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
    let set_schema = schema.map_or_else(
        || "NULL".to_owned(),
        |schema| {
            let schema = Literal(schema);
            format!("pg_catalog.to_regnamespace(pg_catalog.quote_ident({schema})) IS NOT NULL")
        },
    );
    format!(
        "SELECT json_build_object(\n  \
           'database', pg_catalog.current_database(),\n  \
           'version', pg_catalog.current_setting('server_version_num')::int,\n  \
           'path', pg_catalog.current_schemas(false),\n  \
           'current_schema', pg_catalog.current_schema(),\n  \
           'has_set_schema', {set_schema},\n  \
           'read_only', pg_catalog.pg_is_in_recovery()\n    \
             OR pg_catalog.current_setting('transaction_read_only')::bool,\n  \
           'encoding', pg_catalog.current_setting('client_encoding'),\n  \
           'is_whole', {is_marked},\n  \
           'is_citus', pg_catalog.to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL,\n  \
           'host', :'HOST', 'port', :'PORT', 'user', :'USER',\n  \
           'backend', pg_catalog.pg_backend_pid(),\n  \
           'timeouts', json_build_object({timeouts}),\n  \
           'is_kept_alive', {is_kept_alive},\n  \
           'ledgers', {ledgers});\n",
        timeouts = known_timeouts(),
        is_kept_alive = keepalives.map_or_else(|| "false".to_owned(), keep_alive),
        ledgers = found_ledgers(prefix),
    )
}

/// The first server with login triggers.
pub const LOGIN_TRIGGERS: u32 = 170_000;

/// Asks what a login trigger has set for the session: a JSON object. Transaction settings are no part
/// of it, and of what only a superuser may set nothing can be put back by another user.
pub fn login_settings() -> &'static str {
    "SELECT coalesce(CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtevent = 'login')
  THEN (SELECT json_object_agg(name, setting) FROM pg_catalog.pg_settings
    WHERE source = 'session' AND name !~ '^transaction_(isolation|read_only|deferrable)$'
      AND (context = 'user' OR pg_catalog.current_setting('is_superuser')::bool)) END, '{}');\n"
}

/// What ends a session or a transaction for its length alone. A run waits for checks, locks and large
/// tables, and so sets them to 0.
const SESSION_TIMEOUTS: [&str; 3] = [
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
];

/// Their names, and whether this server knows them, as the members of a JSON object.
fn known_timeouts() -> String {
    let members = SESSION_TIMEOUTS
        .map(|name| format!("'{name}', pg_catalog.current_setting('{name}', true) IS NOT NULL"));
    members.join(", ")
}

/// Statements that switch such timeouts off.
pub fn no_timeouts(names: &[String]) -> impl Iterator<Item = String> {
    names.iter().map(|name| format!("SET {name} = 0"))
}

/// The names and values of what lets the server notice that psql is out of reach.
fn kept_alive(keepalives: Keepalives) -> (String, String) {
    let (names, calls): (Vec<_>, Vec<_>) = keepalives
        .of_server()
        .map(|(name, value)| {
            let call = format!("pg_catalog.set_config('{name}', '{value}', false)");
            (format!("'{name}'"), call)
        })
        .into_iter()
        .unzip();
    (
        names.join(", "),
        format!("pg_catalog.num_nulls({}) = 0", calls.join(", ")),
    )
}

/// Linux's own values of it (tcp(7)), where nobody has set others.
const KERNELS_OWN: &str = "'{7200,75,9,0}'";

/// Lets the server notice that psql is out of reach, as an expression: whether it does, and NULL where
/// the values are not those of a usual system, so that somebody may have set them.
pub fn keep_alive(keepalives: Keepalives) -> String {
    let (_, set) = kept_alive(keepalives);
    let values: Vec<_> = keepalives
        .of_server()
        .map(|(name, _)| format!("pg_catalog.current_setting('{name}', true)"))
        .into();
    format!(
        "CASE WHEN pg_catalog.inet_client_addr() IS NULL THEN false\n    \
         WHEN ARRAY[{}] = {KERNELS_OWN} THEN {set} END",
        values.join(", ")
    )
}

/// The same where the values are others: what an administrator has set stays. Answers `t` or `f`.
pub fn keep_alive_unless_set(keepalives: Keepalives) -> String {
    let (names, set) = kept_alive(keepalives);
    format!(
        "SELECT CASE WHEN EXISTS (\n    \
           SELECT FROM pg_catalog.pg_settings\n    \
           WHERE name IN ({names}) AND source <> 'default') THEN false\n  \
         ELSE {set} END;\n"
    )
}

/// Lets the server look whether psql is still there. Not every server knows the parameter
/// (PostgreSQL 14), and not every system can use it, so the error is borne.
pub fn watch_connection(version: u32) -> String {
    if version < 140_000 {
        return String::new();
    }
    survived(&format!(
        "SET client_connection_check_interval = '{CONNECTION_CHECK}';\n"
    ))
}

/// How long a statement of our own may wait and take; zero is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub lock: Duration,
    pub statement: Duration,
}

impl Timeouts {
    /// A query within these limits, for which row level security is an error and not a filter. All of
    /// it is one message, and so one transaction, which sees one moment: nothing stays in the session, which
    /// may be a pooler's.
    pub fn reading(&self, query: &str) -> String {
        format!(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY\\; {}\\;\n{query}",
            self.limits()
        )
    }

    /// Statements that are tried within these limits, one by one; nothing of them stays.
    pub fn trying(&self, statements: &str) -> String {
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;\n{};\n{statements}ROLLBACK;\n",
            self.limits()
        )
    }

    /// Statements that change something within these limits, all or nothing.
    pub fn changing(&self, statements: &str) -> String {
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n{};\n{statements}COMMIT;\n",
            self.limits()
        )
    }

    fn limits(&self) -> String {
        format!(
            "SET LOCAL lock_timeout = '{}ms'\\; SET LOCAL statement_timeout = '{}ms'\\; \
             SET LOCAL row_security = off",
            self.lock.as_millis(),
            self.statement.as_millis()
        )
    }
}

/// Asks whether this is a worker of Citus (`t`): the coordinator is the group 0.
pub fn is_citus_worker() -> &'static str {
    "SELECT coalesce(bool_or(groupid <> 0), false) FROM pg_catalog.pg_dist_local_group;\n"
}

/// Asks what the user may do to the ledgers: an object with `may_create` and `unwritable`.
pub fn rights(schema: &str, tables: &[String]) -> String {
    let tables: Vec<_> = tables
        .iter()
        .map(|table| Literal(table).to_string())
        .collect();
    let may: Vec<_> = ["SELECT", "INSERT", "UPDATE", "DELETE"]
        .iter()
        .map(|right| format!("pg_catalog.has_table_privilege(name, '{right}')"))
        .collect();
    format!(
        "SELECT json_build_object(\n  \
           'may_create', pg_catalog.has_schema_privilege({}, 'CREATE'),\n  \
           'unwritable', (SELECT coalesce(json_agg(name), '[]')\n    \
             FROM unnest(ARRAY[{}]::text[]) AS name WHERE NOT ({})));\n",
        Literal(schema),
        tables.join(", "),
        may.join(" AND ")
    )
}

/// Asks what a session waits for, or how far it is: a sentence, or nothing.
pub fn activity(backend: i64, major: u32) -> String {
    // Not every server counts the rows of COPY (PostgreSQL 14).
    let copied = if major >= 14 {
        format!(
            "(SELECT pg_catalog.format('%s rows copied', tuples_processed)\n      \
               || CASE WHEN bytes_total > 0 THEN pg_catalog.format(', %s %%', 100 * bytes_processed / bytes_total)\n        \
                  ELSE '' END\n    \
               FROM pg_catalog.pg_stat_progress_copy WHERE pid = {backend} LIMIT 1),"
        )
    } else {
        String::new()
    };
    format!(
        "SELECT coalesce(\n  \
           (SELECT 'waits for a lock of ' || pg_catalog.concat_ws(', ', 'server process ' || pid,\n      \
               'user ' || usename, nullif(application_name, ''), state,\n      \
               'since ' || pg_catalog.date_trunc('second', xact_start))\n      \
             || coalesce(': ' || pg_catalog.left(pg_catalog.regexp_replace(query, '\\s+', ' ', 'g'), 70), '')\n    \
             FROM pg_catalog.pg_stat_activity\n    \
             WHERE pid = ANY (pg_catalog.pg_blocking_pids({backend}))\n    \
             ORDER BY xact_start LIMIT 1),\n  \
           (SELECT pg_catalog.format('index on %s: %s', relid::regclass, phase)\n      \
             || CASE WHEN blocks_total > 0 THEN pg_catalog.format(', %s %%', 100 * blocks_done / blocks_total)\n        \
                WHEN tuples_total > 0 THEN pg_catalog.format(', %s %%', 100 * tuples_done / tuples_total) ELSE '' END\n    \
             FROM pg_catalog.pg_stat_progress_create_index WHERE pid = {backend} LIMIT 1),\n  \
           {copied}\n  \
           (SELECT pg_catalog.format('waits for %s', wait_event)\n    \
             FROM pg_catalog.pg_stat_activity\n    \
             WHERE pid = {backend} AND wait_event_type NOT IN ('Client', 'Activity', 'IO')));\n"
    )
}

/// A text of which an error of the server's does not end psql, so that more can be asked.
pub fn survived(text: &str) -> String {
    format!("\\set ON_ERROR_STOP 0\n{text}\\set ON_ERROR_STOP 1\n")
}

/// Asks who has locked one of the ledgers against everybody: an array of objects.
pub fn ledger_holders(ledgers: &str) -> String {
    holders(&format!(
        "l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()\n    \
         AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')\n    \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database\n      \
           WHERE datname = pg_catalog.current_database())\n    \
         AND l.relation IN ({ledgers})"
    ))
}

/// Asks which sessions hold such locks: an array of [`crate::database::lock::Holder`].
pub fn holders(condition: &str) -> String {
    format!(
        "SELECT coalesce(json_agg(holder), '[]') FROM (\n  \
         SELECT a.pid, a.usename AS \"user\", a.application_name AS application,\n    \
           a.client_addr AS address, a.backend_start AS since,\n    \
           nullif(a.query, '<insufficient privilege>') AS query\n  \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid\n  \
         WHERE {condition}\n) AS holder;\n"
    )
}

/// Asks for the names of all invalid indexes alone.
pub fn invalid_indexes() -> String {
    format!("SELECT {INVALID_INDEXES};\n")
}

/// The names of all invalid indexes, as a JSON array. That of a partitioned table is none: it only
/// waits for the indexes of its partitions (`CREATE INDEX ... ON ONLY`).
pub const INVALID_INDEXES: &str =
    "(SELECT coalesce(json_agg(indexrelid::regclass::text ORDER BY 1), '[]')
  FROM pg_catalog.pg_index JOIN pg_catalog.pg_class c ON c.oid = indexrelid
  WHERE NOT indisvalid AND c.relkind = 'i')";
