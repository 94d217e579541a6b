//! The way to a database: psql is started and says where it is.
//! Must not ask about anything but the server; the ledgers come later.

use std::cell::OnceCell;
use std::mem;
use std::path::PathBuf;

use uuid::Uuid;

use super::ledger::table::Place;
use super::questions::{LOGIN_TRIGGERS, Timeouts};
use super::server::Server;
use super::{Database, Error, parse, questions};
use crate::error::Interrupted;
use crate::process::interrupt::Interrupt;
use crate::psql::connection::{Connection, Keepalives};
use crate::psql::locate::locate;
use crate::psql::{self, Ending, Session, debian, refusal};
use crate::settings::Caller;

/// How to reach a database and where its ledgers are.
#[derive(Debug, Clone)]
pub struct Address {
    pub psql: PathBuf,
    pub connection: Connection,
    pub folder: PathBuf,
    pub schema: Option<String>,
    pub prefix: String,
    /// The mark of a session that must be whole.
    pub mark: Option<String>,
    /// The limits of our own statements.
    pub timeouts: Timeouts,
    pub keepalives: Option<Keepalives>,
}

/// A psql that has been started and may still be connecting.
pub struct Dialing {
    session: Session,
    psql: PathBuf,
    connection: Connection,
    prefix: String,
    schema: Option<String>,
    timeouts: Timeouts,
    keepalives: Option<Keepalives>,
}

impl Address {
    /// The address that the caller's settings name.
    pub fn of(caller: &Caller) -> Result<Self, psql::Error> {
        let Caller {
            shell, settings, ..
        } = caller;
        let environment = &shell.environment;
        let keepalives = Keepalives::within(settings.network_timeout);
        let connection =
            Connection::resolve(settings.database.as_ref(), environment)?.kept_alive(keepalives);
        let psql = locate(&settings.psql, &shell.directory, environment)?;
        let (psql, connection) = debian::step_over(psql, connection);
        Ok(Self {
            psql,
            connection,
            folder: shell.directory.clone(),
            schema: settings.schema.clone(),
            prefix: settings.table_prefix.clone(),
            mark: None,
            timeouts: Timeouts {
                lock: settings.lock_timeout,
                statement: settings.statement_timeout,
            },
            keepalives,
        })
    }

    /// The same address for sessions that take locks, and so must be whole.
    pub fn for_writing(self) -> Self {
        let mark = Uuid::new_v4().simple().to_string();
        Self {
            connection: self.connection.marked(&mark),
            mark: Some(mark),
            ..self
        }
    }

    /// Starts psql and says hello; the caller may do other work while psql connects.
    pub fn dial(&self, interrupt: &Interrupt) -> Result<Dialing, psql::Error> {
        let mut session = Session::start(&self.psql, &self.connection, &self.folder, interrupt)?;
        session.send(&questions::hello(
            self.schema.as_deref(),
            &self.prefix,
            self.mark.as_deref(),
        ));
        Ok(Dialing {
            session,
            psql: self.psql.clone(),
            connection: self.connection.clone(),
            prefix: self.prefix.clone(),
            schema: self.schema.clone(),
            timeouts: self.timeouts,
            keepalives: self.keepalives,
        })
    }
}

impl Dialing {
    pub fn answer(mut self) -> Result<Database, Error> {
        let output = self.session.receive().map_err(|ending| match ending {
            Ending::Exited { status, output } => {
                refusal::refused(&output.stderr, status.and_then(|status| status.code()))
            }
            Ending::Interrupted | Ending::Overdue => Interrupted.into(),
        })?;
        let mut server: Server = parse(&output)?;
        // A name in another encoding is read as well as it can be; the rest is UTF-8.
        if server.encoding != "UTF8" {
            self.session.instruct("\\encoding UTF8\n");
        }
        let place = Place {
            schema: server
                .ledger_schema(self.schema.as_deref(), &self.prefix)?
                .to_owned(),
            prefix: self.prefix,
        };
        let found = Some(mem::take(&mut server.ledgers));
        let mut database = Database {
            session: self.session,
            psql: self.psql,
            observe: OnceCell::new(),
            connection: self.connection,
            server,
            place,
            checks_connection: false,
            identity: None,
            has_plpgsql: false,
            found,
            keepalives: self.keepalives,
            is_schema_set: self.schema.is_some(),
            timeouts: self.timeouts,
        };
        if database.server.version >= LOGIN_TRIGGERS {
            database.server.login_settings = database.ask_json(questions::login_settings())?;
        }
        Ok(database)
    }
}
