//! What is asked of every server first: who and where are we, and can this work?
//! Pure; must not speak to psql itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Error;
use super::ledger::search::{Found, schema_on_path};
use crate::psql;
use crate::psql::connection::Reached;

/// The oldest supported server, in the server's own numbering.
pub const OLDEST: u32 = 120_000;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Server {
    pub database: String,
    /// The server's version, such as 150018 for 15.18.
    pub version: u32,
    /// The schemas of the search path that exist.
    pub path: Vec<String>,
    /// Where new tables go to.
    pub current_schema: Option<String>,
    /// Does the schema of the setting exist? `None` without the setting.
    pub has_set_schema: Option<bool>,
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
    /// The settings that would end a session or a transaction for its length; does it know them?
    timeouts: BTreeMap<String, bool>,
    /// Does it notice that psql is out of reach? `None` where others may have set when.
    pub is_kept_alive: Option<bool>,
    /// The ledgers in any schema.
    pub ledgers: Vec<Found>,
    /// What a login trigger has set for the session (PostgreSQL 17). Asked for by itself.
    #[serde(skip)]
    pub login_settings: BTreeMap<String, String>,
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

    /// The settings that it knows and that would end a session or a transaction for its length.
    pub fn session_timeouts(&self) -> Vec<String> {
        let known = self.timeouts.iter().filter(|(_, is_known)| **is_known);
        known.map(|(name, _)| name.clone()).collect()
    }

    /// The schema of the ledgers: the `schema` setting, else where the search path leads.
    ///
    /// # Errors
    /// The server is too old, or the schema does not exist.
    pub fn ledger_schema<'a>(
        &'a self,
        setting: Option<&'a str>,
        prefix: &str,
    ) -> Result<&'a str, Error> {
        if self.version < OLDEST {
            return Err(Error::ServerTooOld {
                version: self.version,
            });
        }
        let on_path = || schema_on_path(&self.path, &self.ledgers, prefix);
        let schema = match setting {
            Some(setting) => self.has_set_schema.unwrap_or_default().then_some(setting),
            None => on_path()
                .or(self.current_schema.as_ref())
                .map(String::as_str),
        };
        schema.ok_or_else(|| Error::SchemaMissing {
            schema: setting.map(str::to_owned),
            database: self.database.clone(),
        })
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
            path: vec!["public".to_owned()],
            current_schema: Some("public".to_owned()),
            has_set_schema: None,
            read_only: false,
            is_citus: false,
            is_whole: true,
            encoding: "UTF8".to_owned(),
            host: "/run".to_owned(),
            port: "5432".to_owned(),
            user: "me".to_owned(),
            backend: 42,
            timeouts: BTreeMap::new(),
            is_kept_alive: Some(false),
            ledgers: vec![],
            login_settings: BTreeMap::new(),
        }
    }

    #[test]
    fn an_old_server_a_missing_schema_and_a_standby_are_refused() {
        let place = |server: &Server, setting| {
            server
                .ledger_schema(setting, "migrations_")
                .map(str::to_owned)
        };
        assert_eq!(place(&server(), None).unwrap(), "public");
        assert!(server().require_writable().is_ok());

        let old = Server {
            version: 110_022,
            ..server()
        };
        assert!(matches!(
            place(&old, None),
            Err(Error::ServerTooOld { version: 110_022 })
        ));
        for (setting, has_set_schema) in [(None, None), (Some("typo"), Some(false))] {
            let missing = Server {
                current_schema: None,
                has_set_schema,
                ..server()
            };
            assert!(matches!(
                place(&missing, setting),
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
