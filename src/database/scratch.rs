//! A temporary database on the same server: made and removed.
//! Must not know what it is for.

use super::Database;
use crate::psql;
use crate::sql::quote::{Identifier, Literal};

/// The first server that ends other sessions for DROP DATABASE.
const WITH_FORCE: u32 = 130_000;

impl Database {
    /// Makes a database that nothing was added to, with the encoding and the locale of this one.
    pub fn create_database(&mut self, name: &str) -> Result<(), psql::Error> {
        self.ask(&create_database(name)).map(drop)
    }

    /// Removes it, and ends the sessions in it.
    pub fn drop_database(&mut self, name: &str) -> Result<(), psql::Error> {
        let database = Identifier(name);
        let statements = match self.server.version {
            WITH_FORCE.. => format!("DROP DATABASE IF EXISTS {database} WITH (FORCE);\n"),
            // DROP DATABASE waits some seconds for sessions that are about to end.
            _ => format!(
                "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity\n  \
                 WHERE datname = {};\nDROP DATABASE IF EXISTS {database};\n",
                Literal(name)
            ),
        };
        self.ask(&statements).map(drop)
    }

    /// Removes from this database what would keep it from being dropped.
    pub fn untie(&mut self) -> Result<(), psql::Error> {
        self.ask(UNTIE).map(drop)
    }

    /// All roles of the server but PostgreSQL's own.
    pub fn roles(&mut self) -> Result<Vec<String>, psql::Error> {
        self.ask_json(
            "SELECT coalesce(json_agg(rolname), '[]') FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_';\n",
        )
    }

    /// Makes roles of these names that can do nothing, where there are none.
    pub fn create_roles(&mut self, names: &[String]) -> Result<(), psql::Error> {
        let names: Vec<_> = names.iter().map(|name| Literal(name).to_string()).collect();
        self.ask(&format!(
            "SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY[{}]::text[]) AS name\n  \
             WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) \\gexec\n",
            names.join(", ")
        ))
        .map(drop)
    }

    /// Makes the schema of the ledgers.
    pub fn create_schema(&mut self, name: &str) -> Result<(), psql::Error> {
        self.ask(&format!(
            "CREATE SCHEMA IF NOT EXISTS {};\n",
            Identifier(name)
        ))
        .map(drop)
    }
}

fn create_database(name: &str) -> String {
    format!(
        "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', {},\n  \
           pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype)\n\
         FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database() \\gexec\n",
        Literal(name)
    )
}

/// Prepared transactions, subscriptions (without their slot on the other server, which they may not
/// reach) and replication slots. Where one cannot be removed, the others still are.
const UNTIE: &str = "\
\\set ON_ERROR_STOP 0
SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_catalog.pg_prepared_xacts
  WHERE database = pg_catalog.current_database() \\gexec
SELECT format(command, subname) FROM pg_catalog.pg_subscription,
  unnest(ARRAY['ALTER SUBSCRIPTION %I DISABLE', 'ALTER SUBSCRIPTION %I SET (slot_name = NONE)',
    'DROP SUBSCRIPTION %I']) WITH ORDINALITY AS step (command, place)
  WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  ORDER BY subname, place \\gexec
SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots
  WHERE database = pg_catalog.current_database() \\g /dev/null
\\set ON_ERROR_STOP 1
";
