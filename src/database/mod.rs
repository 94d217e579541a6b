//! One connected database: what it is asked, and its answers as data.
//! Sends SQL through a `psql` session; must not decide anything.

mod address;
pub mod catalog;
pub mod error;
pub mod ledger;
pub mod lock;
pub mod questions;
mod scratch;
pub mod server;
pub mod throwaway;

use serde::de::DeserializeOwned;

use crate::error::Interrupted;
use crate::psql::connection::Connection;
use crate::psql::message::decisive_error;
use crate::psql::{self, Ending, Output, Session};
use crate::tree::{Migration, Track};
pub use address::Address;
pub use error::Error;
use ledger::table::{Place, Table};
use ledger::{Row, legacy, parse_rows};
use server::Server;

pub struct Database {
    pub session: Session,
    pub connection: Connection,
    pub server: Server,
    pub place: Place,
    /// Does the server notice that psql is gone? Known once the lock is taken.
    pub checks_connection: bool,
    /// Did the user say where, or does the search path?
    is_schema_set: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Ledgers {
    pub tables: Vec<Table>,
    pub rows: Vec<Row>,
}

impl Database {
    /// Reads the ledgers of some tracks, with the predecessor's hashes made comparable to these files.
    pub fn ledgers(
        &mut self,
        migrations: &[Migration],
        wanted: impl Fn(&Track) -> bool,
    ) -> Result<Ledgers, Error> {
        let mut ledgers = self.recorded(wanted)?;
        legacy::translate(&mut ledgers.rows, migrations)?;
        Ok(ledgers)
    }

    /// Reads the ledgers of some tracks as they are, track by track and oldest first. All tables
    /// are named, those that nobody asked for without their rows.
    pub fn recorded(&mut self, wanted: impl Fn(&Track) -> bool) -> Result<Ledgers, Error> {
        let tables = self.ask(&self.place.tables_query())?;
        let tables = self.place.parse_tables(&tables, self.is_schema_set)?;
        let readable: Vec<_> = tables
            .iter()
            .filter(|table| wanted(&table.track))
            .cloned()
            .collect();
        let rows = self
            .session
            .ask(&self.place.rows_query(&readable))
            .map_err(unreadable)?;
        let rows = rows.stdout.join("\n");
        let mut rows = parse_rows(&rows)?;
        rows.sort_by(|one, other| one.track.cmp(&other.track));
        Ok(Ledgers { tables, rows })
    }

    /// The names of all indexes that no query can use.
    pub fn invalid_indexes(&mut self) -> Result<Vec<String>, psql::Error> {
        self.ask_json(&questions::invalid_indexes())
    }

    /// The answer to a question that is one JSON value.
    pub fn ask_json<T: DeserializeOwned>(&mut self, text: &str) -> Result<T, psql::Error> {
        serde_json::from_str(&self.ask(text)?).map_err(|error| psql::Error::Confused {
            problem: error.to_string(),
        })
    }

    /// The answer to a question, as text.
    pub fn ask(&mut self, text: &str) -> Result<String, psql::Error> {
        self.session
            .ask(text)
            .map_err(unexpected)
            .map(|output| output.stdout.join("\n"))
    }
}

/// The error for a ledger that the server would not read.
fn unreadable(ending: Ending) -> Error {
    let error = match &ending {
        Ending::Exited { output, .. } => decisive_error(output.stderr.iter().map(String::as_str)),
        Ending::Interrupted | Ending::Overdue => None,
    };
    match error {
        Some(error) => Error::LedgerUnreadable {
            problem: error.message,
        },
        None => unexpected(ending).into(),
    }
}

/// The error for a psql that ended between a run's steps.
fn unexpected(ending: Ending) -> psql::Error {
    match ending {
        Ending::Interrupted | Ending::Overdue => Interrupted.into(),
        Ending::Exited { output, .. } => psql::Error::Ended {
            detail: output.stderr.join("\n"),
        },
    }
}

/// Reads an answer that is one JSON value.
pub fn parse<T: DeserializeOwned>(output: &Output) -> Result<T, psql::Error> {
    serde_json::from_str(&output.stdout.join("\n")).map_err(|error| psql::Error::Confused {
        problem: error.to_string(),
    })
}
