//! PostgreSQL migrations for nushell: several independent tracks in one database, run by psql.
//!
//! The README and the pages in `docs/` say what the plugin promises; this page says where each promise is kept.
//!
//! # Where to begin
//!
//! With the shortest command, from top to bottom: `commands/history.rs` (flags, help, columns), then
//! `verbs/history.rs` (what it does). Then the walk of `migrate run` below. `tests/run.rs` shows the
//! promises from outside, under a real nu and against a real PostgreSQL; `sh tests/run.sh` runs all.
//!
//! # The rooms
//!
//! Each folder of `src/` is a room. It imports only rooms below it (`tests/house.rs` looks):
//!
//! ```text
//!         commands           what nushell sees: flags, help, tables, errors
//!            │
//!          verbs             what each command does, from its context to rows
//!            │
//!        execution           runs a plan in psql; after a stop, asks what became of it
//!            │
//!        preflight           runs the checks of a plan
//!            │
//!          plan              pure: what would run, in which order, or why it must not
//!            │
//!         foreign            pure: other tools' histories and files, and what they mean for ours
//!            │
//!      ┌─────┴─────┐
//!   checks      database     scripts and closures; the connection, the lock, the ledgers
//!      └─────┬─────┘
//!      ┌─────┴─────┐
//!    psql         tree       the psql process; the files of a directory
//!      └─────┬─────┘
//!        settings            flags, configuration, migrate.json, environment, defaults
//!            │
//!      ┌─────┴─────┐
//!     sql       process      SQL as text; child processes and Ctrl-C
//!                  │
//!                error       what every error tells
//! ```
//!
//! What is decided is decided in pure functions, most of them in `plan` and `sql`; their unit tests
//! stand beside them. An error stands in the room that raises it, with code, message and help at the
//! variant; `verbs/error.rs` only joins them.
//!
//! # `migrate run`, from the keystroke to the row
//!
//! 1. nushell calls `run` in `commands/run.rs`, which reads the flags (`commands/arguments.rs`).
//! 2. `answer` in `commands/mod.rs` asks the engine for directory, environment and configuration
//!    (`settings/shell.rs`); `verbs/context.rs` merges them with flags and `migrate.json`.
//! 3. `verbs/run.rs` opens one session after the other until the plan is done or cannot be.
//! 4. `verbs/look.rs` starts psql (`database/address.rs`), reads the files meanwhile (`tree/mod.rs`),
//!    takes the lock (`database/lock.rs`) and reads the ledgers (`database/mod.rs`).
//! 5. It joins both (`plan/status.rs`), selects and orders what is pending or names what forbids it
//!    (`plan/selection.rs`), reads the files' SQL (`plan/steps.rs`), cuts the groups (`plan/grouping.rs`).
//! 6. `preflight/mod.rs` runs closures and scripts for every step (`checks/nu.rs`), before any SQL.
//! 7. `execution/mod.rs` goes from group to group: `execution/transaction.rs`, or
//!    `execution/no_transaction.rs`. The text that psql gets is in `execution/script/mod.rs`, and
//!    `execution/window.rs` sends it ahead.
//! 8. Right behind a file, in the same transaction, its ledger row is written
//!    (`database/ledger/table.rs`), mostly in the message of its last statement (`execution/prepared.rs`);
//!    before COMMIT the rows are read back, after it the server is asked whether they hold.
//! 9. If psql ends instead, `execution/diagnosis.rs` tells what broke and `execution/outcome.rs` asks the
//!    server, over a new connection, what became of it. `execution/failure.rs` is the message. Where
//!    something stood in a step's way, `verbs/carry.rs` asks whether the run can go on without it.
//! 10. `RunRow` (`execution/row.rs`) becomes a row of the table by the columns in `commands/run.rs`,
//!     which `commands/wire.rs` sends; an error becomes nushell's in `commands/error.rs`.
//!
//! # How to add ...
//!
//! What a user sees is in `docs/`: `guide.md` by task, `reference.md` by table, other pages by topic
//! (`docs/README.md`). Every page begins with links to its headings; every `nu` block in it is run
//! (`tests/documents.rs`), and a `text` block right behind one is what it prints.
//!
//! While you work: `cargo check`, `sh tests/run.sh --lib`, `sh tests/run.sh --test integration validate::`
//! (or another filter). Before it lands: `.ci/run`, which also looks at format, lints and this page.
//! Where a recipe says that a golden text changes, `MIGRATE_TEST_BLESS=1` and that test's name as the
//! filter write it anew; look at the difference. A change gets its line in `CHANGELOG.md` under
//! Unreleased; what is not released yet is extended there, not repeated.
//!
//! **A rule of `migrate validate`**
//! - `sql/rules.rs`: a variant of `Rule`, in the order of the table in `docs/reference.md`. Its name is the variant in
//!   kebab-case. `severity` asks for an answer; `can_be_allowed` is for what is about one migration and
//!   does not stop a run.
//! - Where it is looked for: what needs SQL read is judged in `sql/inspection/mod.rs`, on the items
//!   of a `Script` (`sql/script.rs`), which may be a piece of a large file. Where it becomes a
//!   finding (`verbs/validate/finding.rs`, with a `help` that says what to do):
//!   `verbs/validate/content.rs` for what is in a file, `verbs/validate/names.rs` for names and
//!   folders, `verbs/validate/history.rs` for the database, `verbs/validate/scripts.rs` for checks.
//!   `content` reads undo files, too; what is meant for migrations alone is left out for them in
//!   `verbs/validate/files.rs`.
//! - `docs/reference.md`: a row in the table of rules, which a test asks for.
//! - Tests: what it finds, and that `allow` silences it, in `tests/validate.rs`: a test of its own, or a
//!   file in `everything_wrong_with_files_is_found_at_once`. Golden text that may change: `corpus`, with
//!   the counts in `docs/guide.md`.
//!
//! **A setting**
//! - `settings/key.rs`: a variant of `Key` with its environment variable, default and flag, if it has them.
//! - `settings/mod.rs`: a field of `Settings`, parsed in `resolve`.
//! - Where it holds a secret: `verbs/settings.rs` hides it.
//! - With a flag: `commands/signature.rs`, or the file of the one command that has it;
//!   `commands/arguments.rs` reads every flag of a `Key` by itself.
//! - `docs/reference.md`: a row in the table of settings. `tests/readme.rs` compares names and default.
//! - Tests: a bad value in `settings/mod.rs`, its effect in `tests/settings.rs`. Golden texts that change:
//!   the help of commands with the flag, and the errors that list all settings.
//!
//! **A directive**
//! - `tree/directives/mod.rs`: a field of `Directives`, an arm in `take`, its words in `help`; its tests
//!   are there. (For the lines of a validation script: `checks/script.rs`.)
//! - It is obeyed where the migration is used: `plan/grouping.rs` for transactions,
//!   `plan/ordering.rs` for order, `execution/script/transaction.rs` for what psql is told.
//! - `docs/reference.md`: a row in the table of directives.
//! - Tests: its effect in `tests/run.rs` or a file of its own. Golden text that changes: `error_bad_directive`.
//!
//! **A verb**
//! - `verbs/NAME.rs`: a function from `Context` to rows, and the row as plain data.
//! - `commands/NAME.rs`: signature, help, at least four examples, and the columns with their meaning
//!   (`impl Row`), which the help lists.
//! - `commands/plugin.rs`: the list of commands; `mod` lines in `commands/mod.rs` and `verbs/mod.rs`.
//! - `docs/reference.md`: a row in the table of commands; a section in the page where people look for it, in
//!   most cases `docs/guide.md`.
//! - Tests: `tests/NAME.rs`, named in `tests/main.rs`. `tests/help.rs` runs every example and
//!   compares the help with `tests/golden`, where two texts are new or change: its own, and `help_migrate`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::disallowed_methods,
        reason = "a test that fails must say so at once"
    )
)]
#![allow(
    clippy::result_large_err,
    reason = "nu-plugin's traits return LabeledError by value; nushell allows it for the same reason"
)]

// What every error tells, and the errors that any stage can meet.
mod error;

// Child processes: started, listened to, watched over, ended.
mod process;

// SQL as text: read by a lexer, judged, written safely.
mod sql;

// What the caller says: shell, flags, configuration, environment, defaults.
mod settings;

// From a directory to migrations: names, directives, checksums, includes.
mod tree;

// The psql process: found, connected, given text, its answers read.
mod psql;

// One connected database: its server, the lock of a run, the ledgers.
mod database;

// Validation scripts and closures: run, and what their end means.
mod checks;

// Other tools: their histories and files, and what those mean for ours.
mod foreign;

// Files and ledgers compared: what would run, in which order, or why it must not.
mod plan;

// Runs the checks of a plan, in the environment that they are given.
mod preflight;

// Drives a session through a plan, and says what became of it.
mod execution;

// What each verb does, from its context to rows.
mod verbs;

// The commands as nushell sees them.
mod commands;

pub use checks::questions::{ASK, ask};
pub use commands::{MigratePlugin, Wire};

/// What the integration tests use from inside. No part of the plugin's interface.
#[doc(hidden)]
pub mod testing {
    pub use crate::database::ledger::{Row, RowState};
    pub use crate::database::throwaway::{account, debian_folders};
    pub use crate::execution::frame::Frame;
    pub use crate::plan::status::compare;
    pub use crate::plan::{Fit, Group, Link, Obstacle, Request, Step, fit, group, select};
    pub use crate::psql::connection::conninfo::{parameters, split_password};
    pub use crate::psql::message::{Diagnostic, Message, Pointer, decisive_error, parse};
    pub use crate::settings::{
        Error as SettingsError, Key, Origin, TransactionControl, TransactionMode, file,
    };
    pub use crate::sql::inspection::{Inspection, Violation, inspect, unwrapped};
    pub use crate::sql::lexer::{Item, scan};
    pub use crate::sql::rules::Rule;
    pub use crate::sql::script::{Script, pieces_in_windows};
    pub use crate::tree::checksum::Checksum;
    pub use crate::tree::directives::{self, Directive, Directives};
    pub use crate::tree::file_name::{Kind, classify, parse_recorded};
    pub use crate::tree::{Bridge, Migration, Requirement, Track, Version};
    pub use crate::verbs::add::template::NAMES as TEMPLATES;
}
