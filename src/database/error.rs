//! Why a database cannot be worked with.

use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::lock::Holder;
use super::server::OLDEST;
use crate::error::{Interrupted, Report, Unreadable, quoted};
use crate::psql;

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error("the server is PostgreSQL {}, which is too old", version / 10_000)]
    #[diagnostic(
        code(migrate::server_too_old),
        help("PostgreSQL {} or later is needed", OLDEST / 10_000)
    )]
    ServerTooOld { version: u32 },

    #[error("the database {database} can only be read: it is a standby or read-only")]
    #[diagnostic(
        code(migrate::server_read_only),
        help("connect to the primary server, with a user who may write")
    )]
    ServerReadOnly { database: String },

    #[error("{host}, port {port}, is a worker of Citus: a run there would begin a second history")]
    #[diagnostic(
        code(migrate::citus_worker),
        help(
            "connect to the coordinator; there, SELECT * FROM citus_get_active_worker_nodes() \
             lists the workers"
        )
    )]
    CitusWorker { host: String, port: String },

    #[error("the server refuses the settings of the track {track}:\n{problem}")]
    #[diagnostic(
        code(migrate::track_settings),
        help("correct the setting `tracks`; if a role is refused, GRANT it TO the user")
    )]
    TrackSettings {
        track: String,
        problem: Box<psql::message::Diagnostic>,
    },

    #[error("{}", match schema {
        Some(schema) => format!("the database {database} has no schema {schema}"),
        None => format!("the search path of the database {database} names no schema that exists"),
    })]
    #[diagnostic(code(migrate::schema_not_found), help("{}", match schema {
        Some(schema) => format!("correct the setting `schema`, or create the schema: CREATE \
            SCHEMA \"{schema}\""),
        None => "set `schema`, or correct the search path".to_owned(),
    }))]
    SchemaMissing {
        schema: Option<String>,
        database: String,
    },

    #[error("the database has no object of this name: {}", names.join(", "))]
    #[diagnostic(
        code(migrate::no_such_object),
        help(
            "write TABLE, SCHEMA.TABLE or TABLE.COLUMN; a name with capitals needs \"...\" \
             around it"
        )
    )]
    NoSuchObject { names: Vec<String> },

    #[error("the ledger cannot be read: {problem}")]
    #[diagnostic(
        code(migrate::ledger_unreadable),
        help("look at the ledger tables: somebody has changed their columns or rows by hand")
    )]
    LedgerUnreadable { problem: String },

    #[error("the ledger of the track {track} has a row without a name")]
    #[diagnostic(
        code(migrate::ledger_unreadable),
        help(
            "a run never writes such a row: look at the ledger table, and remove the row \
             with DELETE ... WHERE migration_name IS NULL"
        )
    )]
    NamelessRow { track: String },

    #[error("row level security hides rows of the ledger {table} from this user")]
    #[diagnostic(
        code(migrate::ledger_unreadable),
        help(
            "hidden rows would look like pending migrations: run as the table's owner, give \
             the user BYPASSRLS, or ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )
    )]
    LedgerHidden {
        /// Its quoted name.
        table: String,
    },

    #[error("a ledger row differs from what was written")]
    #[diagnostic(
        code(migrate::ledger_failed),
        help(
            "a trigger or a rule on the ledger table changes its rows: find it with `\\d+` in \
             psql, and remove it"
        )
    )]
    LedgerChanged,

    #[error(
        "another session has locked the ledger{}",
        quoted(&holder.as_ref().map(ToString::to_string).unwrap_or_default())
    )]
    #[diagnostic(
        code(migrate::ledger_busy),
        help(
            "waited {}; try again when that session has ended, end it with pg_terminate_backend, \
             or wait longer with the setting `lock_timeout`",
            humantime::format_duration(*waited)
        )
    )]
    LedgerBusy {
        holder: Option<Holder>,
        waited: Duration,
    },

    #[error("{}", if *has_some {
        format!(
            "the search path leads to ledgers in several schemas: {current} and {}",
            elsewhere.join(", ")
        )
    } else {
        format!(
            "there are ledgers in the schema {}, and none in {current}, where this session would look",
            elsewhere.join(", ")
        )
    })]
    #[diagnostic(code(migrate::ledgers_elsewhere), help("{}", if *has_some {
        "set `schema` (or $env.MIGRATE_SCHEMA) to the schema with this history; or move the \
         ledgers together with ALTER TABLE ... SET SCHEMA"
            .to_owned()
    } else {
        format!(
            "set `schema` (or $env.MIGRATE_SCHEMA) to {}; or, for a new history, to the schema \
             that is to hold it",
            elsewhere.join(" or ")
        )
    }))]
    LedgersElsewhere {
        current: String,
        /// Are there others in it?
        has_some: bool,
        elsewhere: Vec<String>,
    },

    #[error(
        "another run is busy in this database{}",
        quoted(&holder.as_ref().map(ToString::to_string).unwrap_or_default())
    )]
    #[diagnostic(
        code(migrate::locked),
        help(
            "waited {}; try again when it is done, or wait longer with --lock-wait 5min",
            humantime::format_duration(Duration::from_secs(waited.as_secs()))
        )
    )]
    Locked {
        holder: Option<Holder>,
        waited: Duration,
    },

    #[error("no scratch database can be made{}", quoted(detail))]
    #[diagnostic(
        code(migrate::no_scratch_database),
        help(
            "give the user the right to create databases (ALTER ROLE ... CREATEDB), or \
             install PostgreSQL's server programs on this computer"
        )
    )]
    NoScratch { detail: String },

    #[error(
        "there is no pg_dump for PostgreSQL {wanted} on this computer{}",
        others(found)
    )]
    #[diagnostic(
        code(migrate::no_pg_dump),
        help(
            "install PostgreSQL's client programs of version {wanted} or newer, with pg_restore \
             beside it, on PATH or beside psql"
        )
    )]
    NoDump { wanted: u32, found: Vec<u32> },

    #[error("the database could not be dumped{}", quoted(detail))]
    #[diagnostic(
        code(migrate::dump_failed),
        help("this message is from pg_dump or pg_restore")
    )]
    NotDumped { detail: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Psql(#[from] psql::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreadable(#[from] Unreadable),
}

/// The versions that are too old.
fn others(found: &[u32]) -> String {
    let mut found: Vec<_> = found.iter().map(ToString::to_string).collect();
    found.dedup();
    match found.as_slice() {
        [] => String::new(),
        _ => format!(", only {}", found.join(", ")),
    }
}

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::Psql(cause) => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<Interrupted> for Error {
    fn from(interrupted: Interrupted) -> Self {
        psql::Error::from(interrupted).into()
    }
}

impl Error {
    /// Did the answer not come, so that it is open what became of the statements?
    pub fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::Psql(
                psql::Error::Ended { .. }
                    | psql::Error::Lost { .. }
                    | psql::Error::Interrupted(_)
                    | psql::Error::Confused { .. }
            )
        )
    }
}
