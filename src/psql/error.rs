//! Why psql cannot be talked to.

use std::path::PathBuf;

use miette::Diagnostic;
use strum::EnumProperty;
use thiserror::Error as ThisError;

use crate::error::{Interrupted, NotWritten, Report, quoted};
use crate::psql::message;
use crate::settings::{self, Origin};

#[derive(Debug, ThisError, Diagnostic, EnumProperty)]
pub enum Error {
    #[error("{} is not a log of this plugin, and was not changed", path.display())]
    #[diagnostic(
        code(migrate::no_log),
        help(
            "name a new file, an empty one or an earlier log, not ending in .sql or .nu: --log run.log"
        )
    )]
    #[strum(props(culprit = "--log"))]
    NoLog { path: PathBuf },

    #[error("no database is named")]
    #[diagnostic(
        code(migrate::no_database),
        help(
            "say which one: --database erp, the setting `database`, $env.DATABASE_URL or \
             $env.PGDATABASE; libpq's default, the name of the user, is not used"
        )
    )]
    NoDatabase,

    #[error("cannot find psql: {}", match origin {
        Some(origin) => format!("`{wanted}`{origin} is not a program"),
        None => format!("`{wanted}` is not on PATH{}", search.as_ref().map_or(", which is not set".to_owned(), |path| format!(" ({path})"))),
    })]
    #[diagnostic(
        code(migrate::psql_not_found),
        help(
            "install PostgreSQL's client programs, or set `psql` (or $env.MIGRATE_PSQL) to the \
             program"
        )
    )]
    NotFound {
        wanted: String,
        /// Who named it, if somebody did.
        origin: Option<Origin>,
        /// PATH.
        search: Option<String>,
    },

    #[error("cannot start {}: {reason}", psql.display())]
    #[diagnostic(
        code(migrate::psql_failed),
        help("set `psql` (or $env.MIGRATE_PSQL) to a program that runs")
    )]
    NotStarted { psql: PathBuf, reason: String },

    #[error("no server answers:\n{detail}")]
    #[diagnostic(
        code(migrate::server_unreachable),
        help("check that the server runs and that PGHOST and PGPORT (or --database) are right")
    )]
    #[strum(props(culprit = "--database"))]
    Unreachable { detail: String },

    #[error("the server takes no more connections:\n{detail}")]
    #[diagnostic(
        code(migrate::too_many_connections),
        help(
            "try again when other connections have ended (pg_stat_activity shows them); the \
             limits are max_connections and the CONNECTION LIMIT of the role and of the database"
        )
    )]
    Full { detail: String },

    #[error("the server does not let this user in:\n{detail}")]
    #[diagnostic(
        code(migrate::access_denied),
        help(
            "check PGUSER; put the password into ~/.pgpass or $env.PGPASSWORD, because psql \
             cannot ask for it here"
        )
    )]
    #[strum(props(culprit = "--database"))]
    AccessDenied { detail: String },

    #[error("there is no such database:\n{detail}")]
    #[diagnostic(
        code(migrate::database_not_found),
        help("check the name, or create the database with `createdb`")
    )]
    #[strum(props(culprit = "--database"))]
    NoSuchDatabase { detail: String },

    #[error("psql cannot connect:\n{detail}")]
    #[diagnostic(
        code(migrate::connection_failed),
        help("try the same connection with psql itself")
    )]
    #[strum(props(culprit = "--database"))]
    NotConnected { detail: String },

    #[error(
        "a pooler stands between psql and PostgreSQL, and this command needs a session of its own"
    )]
    #[diagnostic(
        code(migrate::pooled_connection),
        help(
            "connect to PostgreSQL itself; a pooler would give the session with the run's lock \
             and settings to another client. If there is no pooler, a service file sets `options` \
             and so replaces the plugin's own options: put those of the service file into \
             PGOPTIONS"
        )
    )]
    Pooled,

    #[error("psql is too old")]
    #[diagnostic(
        code(migrate::psql_failed),
        help("psql 13 or later is needed; set `psql` (or $env.MIGRATE_PSQL) to one")
    )]
    TooOld,

    #[error("this user may not do what the command needs\n{diagnostic}")]
    #[diagnostic(
        code(migrate::not_permitted),
        help(
            "use a user who may read the ledger tables, and write them if the command \
             changes something"
        )
    )]
    NotPermitted {
        diagnostic: Box<message::Diagnostic>,
    },

    #[error("the server refuses a statement of this command\n{diagnostic}")]
    #[diagnostic(
        code(migrate::server_refused),
        help("correct what the server names and try again")
    )]
    Refused {
        diagnostic: Box<message::Diagnostic>,
    },

    #[error("psql ended unexpectedly{}", quoted(detail))]
    #[diagnostic(
        code(migrate::psql_failed),
        help(
            "check that `psql` is PostgreSQL's own program; if it is, try again; if it happens \
             again, try the same connection with psql itself"
        )
    )]
    Ended { detail: String },

    #[error("the connection was lost{}", quoted(detail))]
    #[diagnostic(code(migrate::connection_lost), help("run the command again"))]
    Lost { detail: String },

    #[error("psql gave an unexpected answer: {problem}")]
    #[diagnostic(
        code(migrate::psql_failed),
        help("check that `psql` is PostgreSQL's own program; if it is, please report this")
    )]
    Confused { problem: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Setting(#[from] settings::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Interrupted(#[from] Interrupted),

    /// Of the log.
    #[error(transparent)]
    #[diagnostic(transparent)]
    #[strum(props(culprit = "--log"))]
    NotWritten(#[from] NotWritten),
}

impl Error {
    /// The error for what the server has said to a statement of ours.
    pub fn of_server(said: message::Diagnostic) -> Self {
        let diagnostic = Box::new(said);
        match diagnostic.sqlstate.as_deref() {
            Some(INSUFFICIENT_PRIVILEGE) => Self::NotPermitted { diagnostic },
            _ => Self::Refused { diagnostic },
        }
    }
}

/// PostgreSQL manual, appendix A.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::Setting(cause) => Some(cause),
            Self::Interrupted(cause) => Some(cause),
            _ => None,
        }
    }

    fn culprit(&self) -> Option<String> {
        match self.passed_on() {
            Some(cause) => cause.culprit(),
            None => self.get_str("culprit").map(str::to_owned),
        }
    }
}
