//! A run that began and did not end well: what broke, and what the database holds now.

use std::fmt;

use thiserror::Error as ThisError;

use super::Error;
use crate::frame::Frame;
use crate::migration::Name;
use crate::psql::message::Diagnostic;
use crate::validation::Rejection;

/// A run that stopped after it had begun to change the database.
#[derive(Debug, ThisError)]
#[error("{fault}")]
pub struct Failure {
    /// What broke.
    pub fault: Fault,
    /// What became of the transaction in which it broke.
    pub fate: Fate,
    /// The migrations of that transaction that had run when it broke.
    pub group: Vec<Name>,
    /// The migrations that this run had committed before.
    pub applied: Vec<Name>,
    /// The database.
    pub database: String,
    /// The file that ran outside of a transaction, if it was one.
    pub alone: Option<Name>,
    /// How often it had been tried.
    pub attempts: u32,
}

/// What broke.
#[derive(Debug)]
pub enum Fault {
    /// A statement of a migration failed.
    Sql {
        /// The migration.
        name: Name,
        /// What the server or psql said.
        diagnostic: Box<Diagnostic>,
        /// The SQL around it.
        frame: Option<Frame>,
    },
    /// A migration ended the transaction it ran in.
    TransactionEnded {
        /// The migration.
        name: Name,
    },
    /// A migration outside of a transaction began one and left it open.
    TransactionOpen {
        /// The migration.
        name: Name,
    },
    /// A migration left indexes that no query can use.
    InvalidIndexes {
        /// The migration.
        name: Name,
        /// The indexes.
        indexes: Vec<String>,
    },
    /// A file is no longer what was planned.
    FileChanged {
        /// The migration.
        name: Name,
    },
    /// Not all ledger rows of the transaction are there at its end.
    RowsGone {
        /// The migration after which it was noticed.
        name: Name,
    },
    /// The ledger could not be written.
    Ledger {
        /// The migration that was to be recorded, if one was.
        name: Option<Name>,
        /// What the server said.
        diagnostic: Box<Diagnostic>,
    },
    /// A late validation script did not pass.
    Rejected {
        /// The migration.
        name: Name,
        /// What the script said.
        rejection: Box<Rejection>,
    },
    /// A late validation script could not be run.
    Unchecked {
        /// The migration.
        name: Name,
        /// Why not.
        error: Box<Error>,
    },
    /// The transaction could not be committed.
    Commit {
        /// What the server said.
        diagnostic: Box<Diagnostic>,
    },
    /// psql or the server went away.
    ConnectionLost {
        /// The migration that was running, if one was.
        during: Option<Name>,
        /// What psql said last.
        detail: String,
    },
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// What became of a transaction, as the server itself says afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it is in the database.
    RolledBack,
    /// It is in the database.
    Committed,
    /// The file ran outside of a transaction, and what it did before it stopped stays.
    Partial {
        /// Does its row say `failed`? Else it still says `running`.
        recorded: bool,
        /// The indexes it names that no query can use.
        invalid_indexes: Vec<String>,
    },
    /// The server could not be asked.
    Unknown {
        /// Why not.
        reason: String,
    },
}

impl Fault {
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

    /// The server's code for it.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Sql { diagnostic, .. }
            | Self::Ledger { diagnostic, .. }
            | Self::Commit { diagnostic } => diagnostic.sqlstate.as_deref(),
            _ => None,
        }
    }

    /// The gist, in one line.
    pub fn summary(&self) -> String {
        match self {
            Self::Sql {
                name, diagnostic, ..
            } => format!("{name}: {}", diagnostic.message),
            other => other
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Did the user stop it?
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// Is it sure that the migration ended the transaction?
    pub fn is_caught_by_guard(&self) -> bool {
        matches!(self, Self::TransactionEnded { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql {
                name,
                diagnostic,
                frame,
            } => {
                writeln!(formatter, "migration {name} failed")?;
                if let Some(frame) = frame {
                    writeln!(formatter, "{frame}")?;
                }
                write_diagnostic(formatter, diagnostic)
            }
            Self::TransactionEnded { name } => {
                write!(
                    formatter,
                    "migration {name} ended the transaction it ran in"
                )
            }
            Self::TransactionOpen { name } => {
                write!(
                    formatter,
                    "migration {name} began a transaction and left it open"
                )
            }
            Self::InvalidIndexes { name, indexes } => write!(
                formatter,
                "migration {name} left invalid indexes: {}",
                indexes.join(", ")
            ),
            Self::FileChanged { name } => {
                write!(formatter, "{name} was changed while this run was under way")
            }
            Self::RowsGone { name } => {
                write!(
                    formatter,
                    "after {name}, ledger rows of its transaction are gone"
                )
            }
            Self::Ledger { name, diagnostic } => {
                formatter.write_str("the ledger cannot be written")?;
                match name {
                    Some(name) => writeln!(formatter, " after {name}")?,
                    None => writeln!(formatter)?,
                }
                write_diagnostic(formatter, diagnostic)
            }
            Self::Rejected { rejection, .. } => {
                write!(formatter, "the validation failed: {rejection}")
            }
            Self::Unchecked { name, error } => {
                write!(formatter, "{name} cannot be checked: {error}")
            }
            Self::Commit { diagnostic } => {
                writeln!(formatter, "the transaction cannot be committed")?;
                write_diagnostic(formatter, diagnostic)
            }
            Self::ConnectionLost { during, detail } => {
                formatter.write_str("the connection was lost")?;
                if let Some(name) = during {
                    write!(formatter, " during migration {name}")?;
                }
                match detail.is_empty() {
                    true => Ok(()),
                    false => write!(formatter, ":\n{detail}"),
                }
            }
            Self::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

fn write_diagnostic(formatter: &mut fmt::Formatter<'_>, found: &Diagnostic) -> fmt::Result {
    write!(formatter, "{}: {}", found.severity, found.message)?;
    if let Some(sqlstate) = &found.sqlstate {
        write!(formatter, " (SQLSTATE {sqlstate})")?;
    }
    for (label, text) in [
        ("DETAIL", &found.detail),
        ("HINT", &found.hint),
        ("CONTEXT", &found.context),
    ] {
        if let Some(text) = text {
            write!(formatter, "\n{label}: {text}")?;
        }
    }
    Ok(())
}
