//! One connected database: what it is asked, and its answers as data.
//! Sends SQL through a `psql` session; must not decide anything.

mod address;
pub mod catalog;
pub mod dependents;
pub mod dump;
pub mod error;
pub mod identity;
pub mod in_the_way;
pub mod kinds;
pub mod ledger;
pub mod lock;
mod observer;
pub mod questions;
pub mod reconnect;
pub mod relations;
mod scratch;
pub mod server;
pub mod snapshot;
pub mod throwaway;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::Interrupted;
use crate::process::watch::Observe;
use crate::psql::connection::{Connection, Keepalives};
use crate::psql::kept::Way;
use crate::psql::message::{Diagnostic, decisive_error};
use crate::psql::process::CONNECTION_LOST;
use crate::psql::{self, Ending, Output, Session};
use crate::settings::tracks::TrackSettings;
use crate::tree::{Migration, Track};
pub use address::Address;
pub use error::Error;
use identity::Identity;
use ledger::guard::ROW_CHANGED;
use ledger::memory::{self, Asked};
use ledger::rows::parse_rows;
use ledger::search::{Found, relations};
use ledger::table::{Place, Table};
use ledger::{Row, legacy};
use lock::Holder;
use questions::Timeouts;
use server::Server;

pub struct Database {
    pub session: Session,
    psql: PathBuf,
    /// Made for the first step.
    observe: OnceCell<Observe>,
    pub connection: Connection,
    pub server: Server,
    pub place: Place,
    /// Does the server notice that psql is gone? Known once the lock is taken.
    pub checks_connection: bool,
    /// Which server and which of its processes; known to who changes something.
    pub identity: Option<Identity>,
    /// May the user write DO blocks? Known with the identity.
    pub has_plpgsql: bool,
    /// The ledgers in any schema, until somebody has looked at them: others may come.
    found: Option<Vec<Found>>,
    /// Ours; once the lock is taken, only if the server uses them.
    pub keepalives: Option<Keepalives>,
    /// Did the user say where, or does the search path?
    is_schema_set: bool,
    /// The limits of our own statements.
    timeouts: Timeouts,
    /// How the session was started and how long it may stay open, where it may.
    kept: Option<(Way, Duration)>,
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
        let tables = self.tables(&wanted)?;
        let readable: Vec<_> = tables
            .iter()
            .filter(|table| wanted(&table.track))
            .cloned()
            .collect();
        let mut rows = match readable.as_slice() {
            [] => vec![],
            tables => self.rows(tables)?,
        };
        rows.sort_by(|one, other| one.track.cmp(&other.track));
        Ok(Ledgers { tables, rows })
    }

    /// The rows of these ledgers: remembered ones, where nobody has written any since.
    fn rows(&mut self, tables: &[Table]) -> Result<Vec<Row>, Error> {
        let asked = Asked {
            database: self.server.reached(),
            query: self.place.rows_query(tables),
        };
        if memory::knows(&asked)
            && let Some(mark) = self.read_versions(&self.place.mark_query(tables))?
            && let Some(rows) = memory::recall(&asked, &mark)
        {
            return Ok(rows);
        }
        let query = self.place.marked_query(tables);
        let Some(answer) = self.read_versions(&query)? else {
            return parse_rows(&self.read(&asked.query)?);
        };
        let (mark, rows) = answer.split_once('\n').unwrap_or((&answer, ""));
        let rows = parse_rows(rows)?;
        memory::remember(asked, mark.to_owned(), rows.clone());
        Ok(rows)
    }

    /// The same for a query that tells versions of rows apart. Not every kind of table has them, and not
    /// everybody who may read rows may see them: `None`.
    fn read_versions(&mut self, query: &str) -> Result<Option<String>, Error> {
        match self.read(query) {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Psql(psql::Error::Refused { .. } | psql::Error::NotPermitted { .. })) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The ledgers here.
    fn tables(&mut self, wanted: impl Fn(&Track) -> bool) -> Result<Vec<Table>, Error> {
        let found = match self.found.take() {
            Some(found) => found,
            None => self.ask_json(&self.place.tables_query())?,
        };
        self.place.tables(found, self.is_schema_set, wanted)
    }

    /// Which database this is, for a person.
    pub fn whereabouts(&self) -> String {
        format!("{}, schema {}", self.server.reached(), self.place.schema)
    }

    /// The names of the repeatables that stand on what has changed since they were applied.
    pub fn due_by_dependency(&mut self, tracks: &[&Track]) -> Result<BTreeSet<String>, Error> {
        if tracks.is_empty() {
            return Ok(BTreeSet::new());
        }
        let query = self.place.dependency_query(tracks);
        Ok(parse_json(&self.read(&query)?)?)
    }

    /// The views of these tracks' repeatables that were written, or filled, since those have run.
    pub fn views_changed_since(&mut self, tracks: &[&Track]) -> Result<BTreeSet<String>, Error> {
        if tracks.is_empty() {
            return Ok(BTreeSet::new());
        }
        let query = self.place.changed_query(tracks);
        Ok(parse_json(&self.read(&query)?)?)
    }

    /// The names of all indexes that no query can use.
    pub fn invalid_indexes(&mut self) -> Result<Vec<String>, psql::Error> {
        self.ask_json(&questions::invalid_indexes())
    }

    /// The command is done. Keeps the session for the next one, if that is wished and nothing of this
    /// one can stay in it; else closes it. The command does not wait for that.
    pub fn close(mut self) {
        let is_as_new = self.server.is_whole
            && self.server.login_settings.is_empty()
            && !self.session.is_watched();
        let Some((way, period)) = self.kept.take().filter(|_| is_as_new) else {
            self.session.leave();
            return;
        };
        // Frees the lock. An open transaction makes it fail, which ends psql.
        if self.session.ask("DISCARD ALL;\n").is_ok() {
            way.keep(self.session, period);
        }
    }

    /// The answer to a question that is one JSON value.
    pub fn ask_json<T: DeserializeOwned>(&mut self, text: &str) -> Result<T, psql::Error> {
        parse_json(&self.ask(text)?)
    }

    /// The answer to a question about ledgers or other tables, which somebody may have locked.
    ///
    /// # Errors
    /// psql fails, or the server refuses.
    pub fn read(&mut self, query: &str) -> Result<String, Error> {
        let query = self.timeouts.reading(query);
        self.within_limits(&query)
    }

    /// Tries what the server would be told before each file of a track; nothing of it stays.
    ///
    /// # Errors
    /// psql fails, or the server does not take it.
    pub fn try_settings(&mut self, track: &str, own: &TrackSettings) -> Result<(), Error> {
        let statements = own.statements();
        if statements.is_empty() {
            return Ok(());
        }
        let statements = format!("{};\n", statements.join(";\n"));
        self.within_limits(&self.timeouts.trying(&statements))
            .map(drop)
            .map_err(|error| match error {
                Error::Psql(
                    psql::Error::Refused { diagnostic } | psql::Error::NotPermitted { diagnostic },
                ) => Error::TrackSettings {
                    track: track.to_owned(),
                    problem: diagnostic,
                },
                other => other,
            })
    }

    /// Changes ledgers, all or nothing.
    ///
    /// # Errors
    /// psql fails, or the server refuses; then nothing was changed.
    pub fn change(&mut self, statements: &str) -> Result<(), Error> {
        memory::forget(&self.server.reached());
        let statements = self.timeouts.changing(statements);
        self.within_limits(&statements).map(drop)
    }

    fn within_limits(&mut self, text: &str) -> Result<String, Error> {
        let output = self
            .session
            .ask(&questions::survived(text))
            .map_err(unexpected)?;
        match decisive_error(output.stderr.iter().map(String::as_str)) {
            Some(refusal) => Err(self.refused(refusal)),
            None => Ok(output.stdout.join("\n")),
        }
    }

    /// The error for what the server has said to a statement about ledgers.
    fn refused(&mut self, said: Diagnostic) -> Error {
        if said.message.contains(ROW_CHANGED) {
            return Error::LedgerChanged;
        }
        if said.sqlstate.as_deref() == Some(LOCK_NOT_AVAILABLE) {
            let ledgers = relations(&self.place.prefix);
            // Without the name, the error says the same.
            let holders: Vec<Holder> = self
                .ask_json(&questions::ledger_holders(&ledgers))
                .unwrap_or_default();
            return Error::LedgerBusy {
                holder: holders.into_iter().next(),
                waited: self.timeouts.lock,
            };
        }
        psql::Error::of_server(said).into()
    }

    /// The answer to a question, as text.
    pub fn ask(&mut self, text: &str) -> Result<String, psql::Error> {
        self.session
            .ask(text)
            .map_err(unexpected)
            .map(|output| output.stdout.join("\n"))
    }
}

/// "lock_not_available" (PostgreSQL manual, appendix A): a lock timeout.
pub const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The error for a psql that ended between a run's steps.
pub fn unexpected(ending: Ending) -> psql::Error {
    match ending {
        Ending::Interrupted | Ending::Overdue => Interrupted.into(),
        Ending::Exited { status, output } => {
            let said = decisive_error(output.stderr.iter().map(String::as_str));
            let detail = output.stderr.join("\n");
            match (status.map(|status| status.code()), said) {
                (Some(Some(SCRIPT_ERROR)), Some(said)) => psql::Error::of_server(said),
                (None | Some(Some(CONNECTION_LOST)), _) => psql::Error::Lost { detail },
                _ => psql::Error::Ended { detail },
            }
        }
    }
}

/// psql's exit status for an error in its script (psql manual, "Exit Status").
const SCRIPT_ERROR: i32 = 3;

pub fn parse<T: DeserializeOwned>(output: &Output) -> Result<T, psql::Error> {
    parse_json(&output.stdout.join("\n"))
}

pub fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, psql::Error> {
    serde_json::from_str(text).map_err(|error| psql::Error::Confused {
        problem: error.to_string(),
    })
}
