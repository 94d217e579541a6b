//! PostgreSQL migrations for nushell: several independent tracks in one database, run by psql.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test that fails must say so at once"
    )
)]
#![allow(
    clippy::result_large_err,
    reason = "nu-plugin's traits return LabeledError by value; nushell allows it for the same reason"
)]

// What every error tells, and the errors that any stage can meet.
mod error;

// Child processes: started, heard to their end, watched, interrupted.
mod process;

// SQL as text: read by a lexer, judged, written safely.
mod sql;

// What the caller says: shell, flags, configuration, environment, defaults.
mod settings;

// From a directory to migrations: names, directives, checksums, includes.
mod tree;

// The psql process: found, connected, spoken to, understood.
mod psql;

// One connected database: its server, the lock of a run, the ledgers.
mod database;

// Validation scripts and closures: run, heard, judged.
mod checks;

// Files and ledgers compared: what would run, in which order, or why it must not.
mod plan;

// The checks before any SQL, and what they find themselves in.
mod preflight;

// Drives a session through a plan, and says what became of it.
mod execution;

// What each verb does, from its context to rows.
mod verbs;

// The commands as nushell sees them.
mod commands;

pub use checks::questions::{ASK, ask};
pub use commands::MigratePlugin;

/// What the integration tests look at from inside. No part of the plugin.
#[doc(hidden)]
pub mod testing {
    pub use crate::database::ledger::{Row, RowState};
    pub use crate::database::throwaway::Throwaway;
    pub use crate::execution::frame::Frame;
    pub use crate::plan::status::compare;
    pub use crate::plan::{Fit, Group, Obstacle, Request, Step, fit, group, select};
    pub use crate::psql::connection::conninfo::{parameters, split_password};
    pub use crate::psql::message::{Diagnostic, Message, Pointer, decisive_error, parse};
    pub use crate::settings::{
        Error as SettingsError, Key, Origin, TransactionControl, TransactionMode, file,
    };
    pub use crate::sql::inspection::{Inspection, Script, Violation, inspect, unwrapped};
    pub use crate::sql::lexer::{Item, scan};
    pub use crate::sql::rules::Rule;
    pub use crate::tree::checksum::Checksum;
    pub use crate::tree::directives::{self, Directives};
    pub use crate::tree::file_name::{Kind, classify, parse_recorded};
    pub use crate::tree::{Migration, Requirement, Track, Version};
    pub use crate::verbs::add::template::NAMES as TEMPLATES;
}
