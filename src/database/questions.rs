//! What a server is asked outside of a run, as SQL. Pure; must not know how it gets to psql.

use crate::psql::connection::SESSION_MARK;
use crate::sql::quote::Literal;

/// How often the server looks whether psql is still there, so that a killed psql frees its locks.
pub const CONNECTION_CHECK: &str = "500ms";

/// First words to a server: asks for the facts of [`crate::database::server::Server`].
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

/// The names of all invalid indexes, as a JSON array.
pub const INVALID_INDEXES: &str =
    "(SELECT coalesce(json_agg(indexrelid::regclass::text ORDER BY 1), '[]')
  FROM pg_catalog.pg_index WHERE NOT indisvalid)";
