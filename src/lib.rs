//! PostgreSQL migrations for nushell: several independent tracks in one database, run by psql.
//!
//! Data flows one way. A stage uses the types of the stages before it, never of those after it;
//! [`app`] alone knows the whole sequence.
//!
//! ```text
//!  nushell                                                                       nushell
//!  call ──► commands ──► shell ──► settings ──► app ──────────────────► value ──► table
//!           (arguments)  (cwd,     (flag, config,                       report ──► error
//!                         env)      file, env)    │
//!                                                 ▼
//!   decide (pure)   discovery ──► standing ──► plan        status   notices   fault
//!                       ▲            ▲          │            ▲         ▲        ▲
//!                       │            │          ▼            │         │        │
//!   act             files        ledger ◄─── database ◄── runner ◄── validation ──► nu
//!                                    │          │            │          settle
//!                                    ▼          ▼            ▼
//!   speak           sql ─────────► script ────────────► psql::session ──► psql ──► PostgreSQL
//! ```
//!
//! - **Decisions are pure**: [`discovery::name`], [`standing`], [`plan`], [`fault`], [`script`].
//! - **psql's text is built in two places**, [`script`] and [`ledger::table`], from the escaped
//!   types of [`sql`].
//! - **The engine is read in one place**, [`shell`]; nushell's errors are built in one, [`report`].
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

pub mod app;
pub mod catalog;
pub mod child;
pub mod commands;
pub mod connection;
pub mod database;
pub mod discovery;
pub mod error;
pub mod fault;
pub mod finding;
pub mod frame;
pub mod inspection;
pub mod interrupt;
pub mod ledger;
pub mod lexer;
pub mod lock;
pub mod migration;
pub mod new_migration;
pub mod notices;
pub mod outcome;
pub mod outlook;
pub mod plan;
mod plugin;
pub mod preparation;
pub mod progress;
pub mod psql;
pub mod rehearsal;
pub mod repair;
pub mod report;
pub mod retry;
pub mod runner;
pub mod scope;
pub mod script;
pub mod server;
pub mod settings;
pub mod settle;
pub mod shell;
pub mod sql;
pub mod standing;
pub mod status;
pub mod throwaway;
pub mod unsafe_ddl;
pub mod validation;
pub mod value;
pub mod variables;

pub use plugin::MigratePlugin;
