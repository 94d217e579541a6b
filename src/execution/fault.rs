//! What can break in a run: its message, code and way out.

use miette::Diagnostic as Report;
use thiserror::Error;

use super::frame::Frame;
use crate::checks::{self, Rejection};
use crate::preflight::advice;
use crate::psql::message::Diagnostic;
use crate::psql::secrets::hide;
use crate::tree::Name;

#[derive(Debug, Error, Report)]
pub enum Fault {
    /// A statement of a migration failed.
    #[error("migration {name} failed\n{}{}", above(frame.as_ref()), diagnostic)]
    #[diagnostic(code(migrate::sql_failed), help("{}", sql_help(diagnostic)))]
    Sql {
        name: Name,
        diagnostic: Box<Diagnostic>,
        /// The SQL around it.
        frame: Option<Frame>,
    },

    /// Repeatables that fail in whatever order they are tried.
    #[error("{count} repeatables cannot be applied in any order:\n{errors}")]
    #[diagnostic(
        code(migrate::repeatables_stuck),
        help(
            "these errors remain after all other repeatables were applied: correct the files; if \
             two repeatables need each other, create one of them in two steps, or put both into \
             one file"
        )
    )]
    Stuck { count: usize, errors: String },

    /// What stands in the way of a step cannot be dropped.
    #[error("an object in the way of {name} cannot be dropped\n{diagnostic}")]
    #[diagnostic(
        code(migrate::not_carried),
        help(
            "drop the object in a bridge (`-- migrate: before`), or set `carry` to false to see \
             the error of the step itself"
        )
    )]
    NotDropped {
        name: Name,
        diagnostic: Box<Diagnostic>,
    },

    /// Somebody has changed it since, and the file does not know.
    #[error(
        "objects in the way of {name} were changed or filled after their repeatable was applied: \
         {objects}"
    )]
    #[diagnostic(
        code(migrate::not_carried),
        help(
            "put the change into the repeatable's file and run the repeatable alone first, or \
             drop the object in a bridge (`-- migrate: before`)"
        )
    )]
    ChangedSince { name: Name, objects: String },

    /// A later file would pass over what is dropped.
    #[error(
        "objects in the way of {name} cannot be dropped and created again in the same \
         transaction, because {later} runs in between and acts on all existing objects: {found}"
    )]
    #[diagnostic(
        code(migrate::not_carried),
        help("run with --transaction each, or put this statement into the repeatable's file")
    )]
    PassedOver {
        name: Name,
        later: Name,
        found: String,
    },

    /// What was dropped for a step is not as it was, although its files were applied again.
    #[error(
        "objects that were dropped for a step differ after their files were applied again:\n{lost}"
    )]
    #[diagnostic(
        code(migrate::not_restored),
        help(
            "put each GRANT, COMMENT and the like into the repeatable that creates the object; or \
             drop and create the object in a bridge (`-- migrate: before`)"
        )
    )]
    NotRestored { lost: String },

    /// Migrations have touched what their tracks may not.
    #[error("the setting `touch` does not allow this:\n{found}")]
    #[diagnostic(
        code(migrate::touch_refused),
        help(
            "let the other track change its own objects, and name in the file which migrations of \
             other tracks it uses (`-- migrate: requires TRACK/TIMESTAMP`). `\"tracks\": \
             {{\"{}\": {{\"touch\": \"any\"}}}}` in migrate.json allows the track everything",
            name.track
        )
    )]
    Touches {
        /// The first of them.
        name: Name,
        found: String,
    },

    /// What they have touched is not known.
    #[error("the setting `touch` limits track {}, and what {name} has touched is not known: {why}", name.track)]
    #[diagnostic(
        code(migrate::touch_refused),
        help(
            "the user must be allowed to SELECT from all ledgers and to UPDATE that of the track; \
             with the setting `touch` at `any`, these rights are not needed"
        )
    )]
    TouchUnknown { name: Name, why: String },

    #[error("migration {name} ended the transaction it ran in")]
    #[diagnostic(code(migrate::transaction_ended), help("{REMOVE_COMMIT}"))]
    TransactionEnded { name: Name },

    #[error("migration {name} began a transaction and left it open")]
    #[diagnostic(code(migrate::transaction_open), help("{CORRECT_THE_FILE}"))]
    TransactionOpen { name: Name },

    /// A migration left indexes that no query can use.
    #[error("migration {name} left invalid indexes: {}", indexes.join(", "))]
    #[diagnostic(code(migrate::invalid_index), help("{CORRECT_THE_FILE}"))]
    InvalidIndexes { name: Name, indexes: Vec<String> },

    /// A file is no longer what was planned.
    #[error("{name} was changed during this run")]
    #[diagnostic(
        code(migrate::file_changed),
        help("run `migrate run` again when nobody edits the files")
    )]
    FileChanged { name: Name },

    /// Not all ledger rows of the transaction are there at its end, after this migration.
    #[error("after {name}, ledger rows of this run are gone")]
    #[diagnostic(
        code(migrate::ledger_failed),
        help(
            "a migration has removed ledger rows of the same transaction: look for ROLLBACK TO a \
             savepoint of another file, for DELETE on a ledger, and for triggers on it"
        )
    )]
    RowsGone { name: Name },

    /// A trigger or a rule on the ledger makes another row of what is written.
    #[error("a ledger row differs from what was written{}", after(name.as_ref()))]
    #[diagnostic(
        code(migrate::ledger_failed),
        help(
            "a trigger or a rule on the ledger table changes its rows: find it with `\\d+` in \
             psql, and remove it"
        )
    )]
    RowChanged {
        /// The migration that was to be recorded, as far as it is known.
        name: Option<Name>,
    },

    #[error("the ledger cannot be written{}\n{}", after(name.as_ref()), diagnostic)]
    #[diagnostic(code(migrate::ledger_failed), help("{}", ledger_help(diagnostic)))]
    Ledger {
        /// The migration that was to be recorded, if one was.
        name: Option<Name>,
        diagnostic: Box<Diagnostic>,
    },

    /// A migration has freed the run's lock, and another session may have taken it.
    #[error("this run no longer holds its lock")]
    #[diagnostic(
        code(migrate::lock_lost),
        help(
            "remove statements that free advisory locks from the migrations, such as DISCARD \
             ALL and pg_advisory_unlock_all(), and run `migrate run` again"
        )
    )]
    LockLost,

    /// A check within the run did not pass.
    #[error("the validation failed: {rejection}")]
    #[diagnostic(code(migrate::validation_failed), help("{}", advice(rejection)))]
    Rejected {
        name: Name,
        rejection: Box<Rejection>,
    },

    /// A check within the run could not be run.
    #[error("{name} cannot be checked: {error}")]
    #[diagnostic(forward(error))]
    Unchecked { name: Name, error: checks::Error },

    #[error("the transaction cannot be committed\n{}", diagnostic)]
    #[diagnostic(
        code(migrate::commit_failed),
        help("correct what the server names and run `migrate run` again")
    )]
    Commit { diagnostic: Box<Diagnostic> },

    /// psql or the server went away.
    #[error("the connection was lost{}{}", during_it(during.as_ref()), crate::error::quoted(detail))]
    #[diagnostic(code(migrate::connection_lost), help("{RUN_AGAIN}"))]
    ConnectionLost {
        /// The migration that was running, if one was.
        during: Option<Name>,
        /// What psql said last.
        detail: String,
    },

    #[error("interrupted{}", during_it(during.as_ref()))]
    #[diagnostic(code(migrate::interrupted), help("{RUN_AGAIN}"))]
    Interrupted {
        /// The migration that was running, if one was.
        during: Option<Name>,
    },
}

/// The way out for a file that ends the transaction it runs in.
pub const REMOVE_COMMIT: &str = "remove BEGIN, COMMIT, ROLLBACK and \\connect from the file: every \
     migration already runs in a transaction";

const CORRECT_THE_FILE: &str = "correct the file and run `migrate run` again";

const RUN_AGAIN: &str = "run `migrate run` again to go on";

/// "dependent_objects_still_exist": the server names all of them.
const DEPENDENTS_EXIST: &str = "2BP01";

/// "feature_not_supported": a column that a view uses cannot be altered. The server names one view.
pub const NOT_SUPPORTED: &str = "0A000";

fn sql_help(found: &Diagnostic) -> &'static str {
    match found.sqlstate.as_deref() {
        Some("25001") => {
            "this statement cannot run in a transaction: put it into a migration of its own with \
             the line `-- migrate: no-transaction` at its top"
        }
        Some("53200") => {
            "if the server says so, raise max_locks_per_transaction; or run in parts with --steps, \
             or with --transaction each"
        }
        Some("57014") => {
            "if the statement is too slow for the limit, raise the limit with --statement-timeout \
             or with `-- migrate: statement-timeout 10min` in the file"
        }
        Some("42501") => {
            "the user lacks a right that this statement needs: GRANT it, or run as the object's \
             owner; then run `migrate run` again"
        }
        Some("55P04") => {
            "an enum value cannot be used in the transaction that adds it: add it in an earlier \
             migration of its own. `migrate run` commits after such a migration, a rehearsal \
             cannot: `migrate rehearse --scratch` can"
        }
        Some("53300") => {
            "the server has no connection free: run `migrate run` again when others have ended"
        }
        // Of a connection that the server itself makes: a worker's, postgres_fdw's, dblink's.
        Some(code) if code.starts_with("08") => {
            "another server that this server connects to did not answer: when it does, run \
             `migrate run` again"
        }
        _ => CORRECT_THE_FILE,
    }
}

fn ledger_help(found: &Diagnostic) -> &'static str {
    match found.sqlstate.as_deref() {
        Some("42501") => {
            "the user needs the right to create and write the ledger tables in their schema"
        }
        Some("42P01" | "3F000") => {
            "the migration has removed its own ledger; keep the ledger, or set `schema` to a \
             schema for the ledgers alone"
        }
        _ => "correct what the server names and run `migrate run` again",
    }
}

fn above(frame: Option<&Frame>) -> String {
    frame.map_or_else(String::new, |frame| format!("{frame}\n"))
}

fn after(name: Option<&Name>) -> String {
    name.map_or_else(String::new, |name| format!(" after {name}"))
}

fn during_it(name: Option<&Name>) -> String {
    name.map_or_else(String::new, |name| format!(" during migration {name}"))
}

impl Fault {
    /// psql did something that makes no sense, or something around it failed.
    pub fn lost(error: &dyn std::error::Error, during: Option<&Name>) -> Self {
        Self::ConnectionLost {
            during: during.cloned(),
            detail: error.to_string(),
        }
    }

    /// The migration that ended the transaction itself, if it turns out that way: caught by the
    /// guard, or failed after it had done so.
    pub fn ended_by(&self) -> Option<&Name> {
        match self {
            Self::Sql { name, .. }
            | Self::TransactionEnded { name }
            | Self::ConnectionLost {
                during: Some(name), ..
            } => Some(name),
            _ => None,
        }
    }

    /// Did a lock or a deadlock stop it, so that the same may succeed a little later?
    pub fn is_passing(&self) -> bool {
        self.sqlstate()
            .is_some_and(|code| ["55P03", "40P01"].contains(&code))
    }

    /// Did something stand in the way that depends on what was to be changed?
    pub fn is_dependence(&self) -> bool {
        self.sqlstate()
            .is_some_and(|code| [DEPENDENTS_EXIST, NOT_SUPPORTED].contains(&code))
    }

    /// The server's code for it.
    pub fn sqlstate(&self) -> Option<&str> {
        self.diagnostic()?.sqlstate.as_deref()
    }

    /// The server's words.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            Self::Sql { diagnostic, .. }
            | Self::Ledger { diagnostic, .. }
            | Self::NotDropped { diagnostic, .. }
            | Self::Commit { diagnostic } => Some(diagnostic),
            _ => None,
        }
    }

    /// The gist, in one line.
    pub fn summary(&self) -> String {
        match self {
            Self::Sql {
                name, diagnostic, ..
            } => format!("{name}: {}", hide(&diagnostic.message)),
            other => other
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted { .. })
    }

    /// Is it sure that the migration ended the transaction?
    pub fn is_caught_by_guard(&self) -> bool {
        matches!(self, Self::TransactionEnded { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_fits_the_error() {
        let help = |code: &str| {
            sql_help(&Diagnostic {
                sqlstate: Some(code.to_owned()),
                ..Diagnostic::default()
            })
        };
        for (code, said) in [
            ("08006", "another server"),
            ("42501", "GRANT"),
            ("55P04", "enum value"),
            ("53300", "no connection free"),
            ("42P01", "correct the file"),
        ] {
            assert!(help(code).contains(said), "{code}: {}", help(code));
        }
    }
}
