//! The questions that commands ask a database, answered as data.
//! Sends `script` texts through a `psql` session; must not decide anything.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use uuid::Uuid;

use crate::catalog::Entry;
use crate::connection::Connection;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::ledger::table::{Place, Table};
use crate::ledger::{Row, RowState, legacy, parse_rows};
use crate::lock::{self, Holder};
use crate::migration::{Migration, Name, Track};
use crate::psql::message::decisive_error;
use crate::psql::{Ending, Output, Session, refusal};
use crate::script::{self, Transaction};
use crate::server::Server;

/// How to reach a database and where its ledgers are.
#[derive(Debug, Clone)]
pub struct Address {
    /// The psql program.
    pub psql: PathBuf,
    /// What to tell psql.
    pub connection: Connection,
    /// The folder psql starts in.
    pub folder: PathBuf,
    /// The `schema` setting.
    pub schema: Option<String>,
    /// The `table_prefix` setting.
    pub prefix: String,
    /// The mark of a session that must be whole.
    pub mark: Option<String>,
}

/// A psql that has been started and may still be connecting.
pub struct Dialing {
    session: Session,
    connection: Connection,
    prefix: String,
    is_schema_set: bool,
}

/// A connected database.
pub struct Database {
    /// The conversation.
    pub session: Session,
    /// What psql was told.
    pub connection: Connection,
    /// What the server said of itself.
    pub server: Server,
    /// Where the ledgers are.
    pub place: Place,
    /// Does the server notice that psql is gone? Known once the lock is taken.
    pub checks_connection: bool,
    /// Did the user say where, or does the search path?
    is_schema_set: bool,
}

/// What the ledgers hold.
#[derive(Debug, Clone, Default)]
pub struct Ledgers {
    /// The tables there are.
    pub tables: Vec<Table>,
    /// Their rows.
    pub rows: Vec<Row>,
}

impl Address {
    /// The same address for sessions that take locks, and so must be whole.
    pub fn for_writing(self) -> Self {
        let mark = Uuid::new_v4().simple().to_string();
        match self.connection.marked(&mark) {
            Some(connection) => Self {
                connection,
                mark: Some(mark),
                ..self
            },
            None => self,
        }
    }

    /// Starts psql and says hello; the caller may do other work while psql connects.
    ///
    /// # Errors
    /// psql cannot be started.
    pub fn dial(&self, interrupt: &Interrupt) -> Result<Dialing, Error> {
        let mut session = Session::start(&self.psql, &self.connection, &self.folder, interrupt)?;
        session.send(&script::hello(self.schema.as_deref(), self.mark.as_deref()));
        Ok(Dialing {
            session,
            connection: self.connection.clone(),
            prefix: self.prefix.clone(),
            is_schema_set: self.schema.is_some(),
        })
    }
}

impl Dialing {
    /// Waits for the connection.
    ///
    /// # Errors
    /// There is none, the server is too old, or the ledgers' schema does not exist.
    pub fn answer(mut self) -> Result<Database, Error> {
        let output = self.session.receive().map_err(|ending| match ending {
            Ending::Exited { status, output } => {
                refusal::refused(&output.stderr, status.and_then(|status| status.code()))
            }
            Ending::Interrupted | Ending::Overdue => Error::Interrupted,
        })?;
        let server: Server = parse(&output)?;
        let place = Place {
            schema: server.ledger_schema()?.to_owned(),
            prefix: self.prefix,
        };
        Ok(Database {
            session: self.session,
            connection: self.connection,
            server,
            place,
            checks_connection: false,
            is_schema_set: self.is_schema_set,
        })
    }
}

impl Database {
    /// Reads the ledgers of some tracks, with the predecessor's hashes made comparable to these files.
    ///
    /// # Errors
    /// psql fails, or a ledger is not readable.
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
    ///
    /// # Errors
    /// psql fails, or a ledger is not readable.
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

    /// Takes the lock that admits one run at a time, waiting as long as `patience`.
    /// It is freed when psql ends.
    ///
    /// # Errors
    /// Another run kept it all the time, or the user pressed Ctrl-C.
    pub fn lock(&mut self, patience: Duration) -> Result<(), Error> {
        self.session.watch()?;
        self.checks_connection = self.ask(&script::watch_connection())? == "t";
        let key = lock::key(&self.place);
        let started = Instant::now();
        for attempt in 0.. {
            let (got, backend): (bool, i64) = self.ask_json(&script::try_lock(key))?;
            if backend != self.server.backend {
                return Err(Error::PooledConnection);
            }
            if got {
                return Ok(());
            }
            let waited = started.elapsed();
            if waited >= patience {
                let holders: Vec<Holder> = self.ask_json(&script::lock_holder(key))?;
                return Err(Error::Locked {
                    holder: holders.into_iter().next(),
                    waited,
                });
            }
            thread::sleep(lock::pause(attempt).min(patience - waited));
        }
        Ok(())
    }

    /// What became of a transaction, in the server's word: `committed`, `aborted`,
    /// `in progress`, or nothing where it is too long ago.
    ///
    /// # Errors
    /// psql fails.
    pub fn fate(&mut self, transaction: &Transaction) -> Result<String, Error> {
        self.ask(&script::fate(transaction))
    }

    /// Writes to a row that still says `running` that it failed, and tells what it says now.
    ///
    /// # Errors
    /// psql fails, for example because there is no such ledger.
    pub fn record_failed(
        &mut self,
        name: &Name,
        execution_id: &str,
        problem: &str,
    ) -> Result<Option<RowState>, Error> {
        let record = self.place.record_failed(name, execution_id, problem);
        self.ask(&record)?;
        let state = self.place.state_query(name, execution_id);
        self.ask_json(&state)
    }

    /// The names of all indexes that no query can use.
    ///
    /// # Errors
    /// psql fails.
    pub fn invalid_indexes(&mut self) -> Result<Vec<String>, Error> {
        self.ask_json(&script::invalid_indexes())
    }

    /// Runs statements in one transaction; all or nothing.
    ///
    /// # Errors
    /// One of them fails.
    pub fn change(&mut self, statements: &str) -> Result<(), Error> {
        self.ask(&script::in_transaction(statements)).map(drop)
    }

    /// All objects of the schemas that people made.
    ///
    /// # Errors
    /// psql fails.
    pub fn catalog(&mut self) -> Result<Vec<Entry>, Error> {
        self.ask_json(script::catalog())
    }

    /// Makes a database that nothing was added to.
    ///
    /// # Errors
    /// The user may not, or there is no room.
    pub fn create_database(&mut self, name: &str) -> Result<(), Error> {
        let made = self.session.ask(&script::create_database(name));
        made.map(drop).map_err(|ending| match ending {
            Ending::Exited { output, .. } => Error::NoScratch {
                detail: output.stderr.join("\n"),
            },
            Ending::Interrupted | Ending::Overdue => Error::Interrupted,
        })
    }

    /// Removes it.
    ///
    /// # Errors
    /// psql fails.
    pub fn drop_database(&mut self, name: &str) -> Result<(), Error> {
        self.ask(&script::drop_database(name)).map(drop)
    }

    fn ask_json<T: DeserializeOwned>(&mut self, text: &str) -> Result<T, Error> {
        serde_json::from_str(&self.ask(text)?).map_err(|error| Error::PsqlConfused {
            problem: error.to_string(),
        })
    }

    fn ask(&mut self, text: &str) -> Result<String, Error> {
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
        None => unexpected(ending),
    }
}

/// The error for a psql that ended between a run's steps.
fn unexpected(ending: Ending) -> Error {
    match ending {
        Ending::Interrupted | Ending::Overdue => Error::Interrupted,
        Ending::Exited { output, .. } => Error::PsqlEnded {
            detail: output.stderr.join("\n"),
        },
    }
}

/// Reads an answer that is one JSON value.
///
/// # Errors
/// It is another one.
pub fn parse<T: DeserializeOwned>(output: &Output) -> Result<T, Error> {
    serde_json::from_str(&output.stdout.join("\n")).map_err(|error| Error::PsqlConfused {
        problem: error.to_string(),
    })
}
