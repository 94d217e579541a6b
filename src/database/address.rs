//! The way to a database: psql is started and says where it is.
//! Must not ask about anything but the server; the ledgers come later.

use std::cell::OnceCell;
use std::mem;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use uuid::Uuid;

use super::ledger::table::Place;
use super::questions::{LOGIN_TRIGGERS, Timeouts};
use super::server::Server;
use super::{Database, Error, parse, questions};
use crate::error::Interrupted;
use crate::process::interrupt::Interrupt;
use crate::psql::connection::{Connection, Keepalives};
use crate::psql::kept::Way;
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
    /// How long its session stays open for the next command; zero is not at all.
    pub kept_for: Duration,
}

/// A psql that has been started and may still be connecting.
pub struct Dialing {
    session: Session,
    address: Address,
    interrupt: Interrupt,
    /// Was the session an earlier command's? Then its server may have ended it meanwhile.
    is_reused: bool,
}

/// The mark of all sessions that this process keeps.
static KEPT_MARK: LazyLock<String> = LazyLock::new(new_mark);

fn new_mark() -> String {
    Uuid::new_v4().simple().to_string()
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
            kept_for: Duration::ZERO,
        })
    }

    /// The same address for sessions that stay open. They must be whole, too.
    pub fn kept_for(self, period: Duration) -> Self {
        if period.is_zero() {
            return self;
        }
        Self {
            kept_for: period,
            ..self.marked(KEPT_MARK.clone())
        }
    }

    /// The same address for sessions that take locks, and so must be whole.
    pub fn for_writing(self) -> Self {
        match &self.mark {
            Some(_) => self,
            None => self.marked(new_mark()),
        }
    }

    fn marked(self, mark: String) -> Self {
        Self {
            connection: self.connection.marked(&mark),
            mark: Some(mark),
            ..self
        }
    }

    fn way(&self) -> Option<Way> {
        let is_kept = !self.kept_for.is_zero();
        is_kept.then(|| Way::of(&self.psql, &self.connection, &self.folder))
    }

    /// Starts psql, or takes a session that was kept, and says hello; the caller may do other work
    /// while psql connects.
    pub fn dial(&self, interrupt: &Interrupt) -> Result<Dialing, psql::Error> {
        let log = self.connection.log.as_ref();
        match self.way().and_then(|way| way.take(interrupt, log)) {
            Some(session) => Ok(self.greet(session, interrupt, true)),
            None => self.dial_anew(interrupt),
        }
    }

    fn dial_anew(&self, interrupt: &Interrupt) -> Result<Dialing, psql::Error> {
        let session = Session::start(&self.psql, &self.connection, &self.folder, interrupt)?;
        Ok(self.greet(session, interrupt, false))
    }

    fn greet(&self, mut session: Session, interrupt: &Interrupt, is_reused: bool) -> Dialing {
        session.send(&questions::hello(
            self.schema.as_deref(),
            &self.prefix,
            self.mark.as_deref(),
            self.keepalives.filter(|_| self.mark.is_some()),
        ));
        Dialing {
            session,
            address: self.clone(),
            interrupt: interrupt.clone(),
            is_reused,
        }
    }
}

impl Dialing {
    pub fn answer(self) -> Result<Database, Error> {
        let Self {
            mut session,
            address,
            interrupt,
            is_reused,
        } = self;
        let output = match session.receive() {
            Ok(output) => output,
            Err(Ending::Exited { .. }) if is_reused => {
                return address.dial_anew(&interrupt)?.answer();
            }
            Err(Ending::Exited { status, output }) => {
                let status = status.and_then(|status| status.code());
                return Err(refusal::refused(&output.stderr, status).into());
            }
            Err(Ending::Interrupted | Ending::Overdue) => {
                return Err(psql::Error::from(Interrupted).into());
            }
        };
        let mut server: Server = parse(&output)?;
        // A name in another encoding is read as well as it can be; the rest is UTF-8.
        if server.encoding != "UTF8" {
            session.instruct("\\encoding UTF8\n");
        }
        let kept = address.way().map(|way| (way, address.kept_for));
        let is_schema_set = address.schema.is_some();
        let schema = server.ledger_schema(address.schema.as_deref(), &address.prefix)?;
        let place = Place {
            schema: schema.to_owned(),
            prefix: address.prefix,
        };
        let mut database = Database {
            session,
            psql: address.psql,
            observe: OnceCell::new(),
            connection: address.connection,
            found: Some(mem::take(&mut server.ledgers)),
            server,
            place,
            checks_connection: false,
            identity: None,
            has_plpgsql: false,
            keepalives: address.keepalives,
            is_schema_set,
            timeouts: address.timeouts,
            kept,
        };
        if database.server.version >= LOGIN_TRIGGERS {
            database.server.login_settings = database.ask_json(questions::login_settings())?;
        }
        Ok(database)
    }
}
