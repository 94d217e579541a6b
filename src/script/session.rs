//! The first words to a server, its lock, and what is asked between runs.

use super::alone::INVALID_INDEXES;
use crate::connection::SESSION_MARK;
use crate::sql::{Identifier, Literal};

/// How often the server looks whether psql is still there, so that a killed psql frees its locks.
pub(super) const CONNECTION_CHECK: &str = "500ms";

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

/// Asks for the names of all invalid indexes alone.
pub fn invalid_indexes() -> String {
    format!("SELECT {INVALID_INDEXES};\n")
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
