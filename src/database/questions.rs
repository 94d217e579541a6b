//! What a server is asked outside of a run, as SQL. Pure; must not know how it gets to psql.

use std::time::Duration;

use super::ledger::search::schema_on_path;
use crate::psql::connection::{Keepalives, SESSION_MARK};
use crate::sql::quote::Literal;

/// How often the server looks whether psql is still there, so that a killed psql frees its locks.
pub const CONNECTION_CHECK: &str = "500ms";

/// First words to a server: asks for the facts of [`crate::database::server::Server`].
pub fn hello(schema: Option<&str>, prefix: &str, mark: Option<&str>) -> String {
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
        || schema_on_path(prefix),
        |schema| Literal(schema).to_string(),
    );
    format!(
        // Not every server knows the parameter (PostgreSQL 14), and not every system can use it.
        "SELECT json_build_object(\n  \
           'database', pg_catalog.current_database(),\n  \
           'version', pg_catalog.current_setting('server_version_num')::int,\n  \
           'schema', ledgers.schema,\n  \
           'schema_exists', EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ledgers.schema),\n  \
           'read_only', pg_catalog.pg_is_in_recovery()\n    \
             OR pg_catalog.current_setting('transaction_read_only')::bool,\n  \
           'encoding', pg_catalog.current_setting('client_encoding'),\n  \
           'is_whole', {is_marked},\n  \
           'is_citus', pg_catalog.to_regclass('pg_catalog.pg_dist_local_group') IS NOT NULL,\n  \
           'host', :'HOST', 'port', :'PORT', 'user', :'USER',\n  \
           'backend', pg_catalog.pg_backend_pid(),\n  \
           'login_settings', coalesce({LOGIN_SETTINGS}, '{{}}'),\n  \
           'session_timeouts', {SESSION_TIMEOUTS},\n  \
           'has_plpgsql', EXISTS (SELECT FROM pg_catalog.pg_language\n    \
             WHERE lanname = 'plpgsql' AND pg_catalog.has_language_privilege(oid, 'USAGE')))\n\
         FROM (SELECT {schema} AS schema) AS ledgers;\n\
         \\encoding UTF8\n"
    )
}

/// What a login trigger has set for the session, as a JSON object. Transaction settings are no part
/// of it, and of what only a superuser may set nothing can be put back by another user.
const LOGIN_SETTINGS: &str =
    "CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtevent = 'login')
  THEN (SELECT json_object_agg(name, setting) FROM pg_catalog.pg_settings
    WHERE source = 'session' AND name !~ '^transaction_(isolation|read_only|deferrable)$'
      AND (context = 'user' OR pg_catalog.current_setting('is_superuser')::bool)) END";

/// What ends a session or a transaction for its length alone, of which not every server knows every
/// one: a JSON array of the names that this server knows. A run waits for checks, locks and large
/// tables, and so sets them to 0.
const SESSION_TIMEOUTS: &str =
    "(SELECT coalesce(json_agg(name), '[]') FROM (VALUES ('idle_in_transaction_session_timeout'),
    ('idle_session_timeout'), ('transaction_timeout')) AS timeout (name)
  WHERE pg_catalog.current_setting(name, true) IS NOT NULL)";

/// Statements that switch such timeouts off.
pub fn no_timeouts(names: &[String]) -> impl Iterator<Item = String> {
    names.iter().map(|name| format!("SET {name} = 0"))
}

/// Lets the server notice that psql is out of reach, and asks whether it does (`t`). What an
/// administrator has set stays.
pub fn keep_alive(keepalives: Keepalives) -> String {
    let (names, calls): (Vec<_>, Vec<_>) = keepalives
        .of_server()
        .map(|(name, value)| {
            let call = format!("pg_catalog.set_config('{name}', '{value}', false)");
            (format!("'{name}'"), call)
        })
        .into_iter()
        .unzip();
    format!(
        "SELECT CASE WHEN pg_catalog.inet_client_addr() IS NULL OR EXISTS (\n    \
           SELECT FROM pg_catalog.pg_settings\n    \
           WHERE name IN ({}) AND source <> 'default') THEN false\n  \
         ELSE pg_catalog.num_nulls({}) = 0 END;\n",
        names.join(", "),
        calls.join(", ")
    )
}

/// Lets the server look whether psql is still there: not every server knows the parameter
/// (PostgreSQL 14), and not every system can use it.
pub fn watch_connection(session_timeouts: &[String]) -> String {
    let timeouts: Vec<_> = no_timeouts(session_timeouts).collect();
    let timeouts = timeouts.join("\\; ");
    format!(
        "{timeouts};\n\\set ON_ERROR_STOP 0\n\
         SELECT pg_catalog.set_config('client_connection_check_interval', '{CONNECTION_CHECK}', false)\n  \
         WHERE pg_catalog.current_setting('server_version_num')::int >= 140000 \\g /dev/null\n\
         \\set ON_ERROR_STOP 1\n"
    )
}

/// How long a statement of our own may wait and take; zero is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub lock: Duration,
    pub statement: Duration,
}

impl Timeouts {
    /// A query within these limits, for which row level security is an error and not a filter.
    /// Nothing of it stays in the session, which may be a pooler's.
    pub fn reading(&self, query: &str) -> String {
        format!("{}{query}ROLLBACK;\n", self.begin("READ ONLY"))
    }

    /// The same for statements that change something, all or nothing.
    pub fn changing(&self, statements: &str) -> String {
        format!("{}{statements}COMMIT;\n", self.begin("READ WRITE"))
    }

    fn begin(&self, mode: &str) -> String {
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED {mode};\n\
             SET LOCAL lock_timeout = '{}ms'\\; SET LOCAL statement_timeout = '{}ms'\\; \
             SET LOCAL row_security = off;\n",
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
            "(SELECT pg_catalog.format('%s rows copied', tuples_processed)\n    \
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
           (SELECT pg_catalog.format('index %s: %s', index_relid::regclass, phase)\n      \
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
