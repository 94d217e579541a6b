//! What is asked of every server first: who and where are we, and can this work?
//! Pure; must not speak to psql itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Error;
use crate::psql;
use crate::psql::connection::Reached;

/// The oldest supported server, in the server's own numbering.
pub const OLDEST: u32 = 120_000;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Server {
    pub database: String,
    /// The server's version, such as 150018 for 15.18.
    pub version: u32,
    /// The schema of the ledgers: the `schema` setting, else `current_schema()`.
    pub schema: Option<String>,
    pub schema_exists: bool,
    /// A standby, or a session that is read-only by default.
    pub read_only: bool,
    /// Has the database Citus?
    pub is_citus: bool,
    /// Is the session one server process from beginning to end, as far as was asked?
    pub is_whole: bool,
    /// The encoding that the caller chose, for its files.
    pub encoding: String,
    /// The host as psql reached it, or the folder of its socket.
    pub host: String,
    pub port: String,
    /// The user that psql named.
    pub user: String,
    /// The server process of the session.
    pub backend: i64,
    /// What a login trigger has set for the session (PostgreSQL 17).
    pub login_settings: BTreeMap<String, String>,
    /// The settings that it knows and that would end a session or a transaction for its length.
    pub session_timeouts: Vec<String>,
    /// May the user write DO blocks in PL/pgSQL?
    pub has_plpgsql: bool,
}

impl Server {
    /// The major version, such as 15.
    pub fn major(&self) -> u32 {
        self.version / 10_000
    }

    pub fn reached(&self) -> Reached {
        Reached {
            host: self.host.clone(),
            port: self.port.clone(),
            user: self.user.clone(),
            database: self.database.clone(),
        }
    }

    /// The schema of the ledgers.
    ///
    /// # Errors
    /// The server is too old, or the schema does not exist.
    pub fn ledger_schema(&self) -> Result<&str, Error> {
        if self.version < OLDEST {
            return Err(Error::ServerTooOld {
                version: self.version,
            });
        }
        match &self.schema {
            Some(schema) if self.schema_exists => Ok(schema),
            schema => Err(Error::SchemaMissing {
                schema: schema.clone(),
                database: self.database.clone(),
            }),
        }
    }

    /// Refuses a server that cannot be written to, and a pooler in between: it would keep our lock
    /// in a process that serves somebody else next.
    pub fn require_writable(&self) -> Result<(), Error> {
        if !self.is_whole {
            return Err(psql::Error::Pooled.into());
        }
        if self.read_only {
            Err(Error::ServerReadOnly {
                database: self.database.clone(),
            })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server {
            database: "erp".to_owned(),
            version: 150_018,
            schema: Some("public".to_owned()),
            schema_exists: true,
            read_only: false,
            is_citus: false,
            is_whole: true,
            encoding: "UTF8".to_owned(),
            host: "/run".to_owned(),
            port: "5432".to_owned(),
            user: "me".to_owned(),
            backend: 42,
            login_settings: BTreeMap::new(),
            session_timeouts: vec![],
            has_plpgsql: true,
        }
    }

    #[test]
    fn an_old_server_a_missing_schema_and_a_standby_are_refused() {
        assert_eq!(server().ledger_schema().unwrap(), "public");
        assert!(server().require_writable().is_ok());

        let old = Server {
            version: 110_022,
            ..server()
        };
        assert!(matches!(
            old.ledger_schema(),
            Err(Error::ServerTooOld { version: 110_022 })
        ));
        for schema in [None, Some("typo".to_owned())] {
            let missing = Server {
                schema,
                schema_exists: false,
                ..server()
            };
            assert!(matches!(
                missing.ledger_schema(),
                Err(Error::SchemaMissing { .. })
            ));
        }
        let pooled = Server {
            is_whole: false,
            ..server()
        };
        assert!(matches!(
            pooled.require_writable(),
            Err(Error::Psql(psql::Error::Pooled))
        ));
        let standby = Server {
            read_only: true,
            ..server()
        };
        assert!(matches!(
            standby.require_writable(),
            Err(Error::ServerReadOnly { .. })
        ));
    }
}
