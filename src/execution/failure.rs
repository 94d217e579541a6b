//! A run that began and did not end well: what broke, and what the database holds now.

use std::fmt;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::conflicts::Conflict;
use super::fault::{Fault, REMOVE_COMMIT};
use super::outcome::{Earlier, Outcome, OwnRow};
use crate::database::LOCK_NOT_AVAILABLE;
use crate::error::{Report, count, list};
use crate::sql::quote::Literal;
use crate::tree::Name;

/// A run that stopped after it had begun to change the database.
#[derive(Debug, ThisError)]
#[error("{}{}{}{}", told(fault, *is_undo), waiting(fault, waited.as_deref()), in_the_way(conflicts), explained(not_carried.as_deref()))]
pub struct Failure {
    pub fault: Fault,
    /// What became of the transaction in which it broke.
    pub outcome: Outcome,
    /// The migrations of that transaction that had run when it broke.
    pub group: Vec<Name>,
    /// The migrations that this run had committed before.
    pub earlier: Earlier,
    pub database: String,
    /// The file that ran outside of a transaction, if it was one.
    pub outside: Option<Name>,
    /// How often it had been tried.
    pub attempts: u32,
    /// Was it taking back what was applied?
    pub is_undo: bool,
    /// The objects that were in its way.
    pub conflicts: Vec<Conflict>,
    /// What its last statement was seen to wait for.
    pub waited: Option<String>,
    /// Why what stood in its way was not carried, as a sentence.
    pub not_carried: Option<String>,
}

/// What a statement waited for, where that is what stopped it.
fn waiting(fault: &Fault, waited: Option<&str>) -> String {
    let waited = waited.filter(|_| fault.sqlstate() == Some(LOCK_NOT_AVAILABLE));
    let what = waited.map(|waited| waited.strip_prefix("waits for ").unwrap_or(waited));
    what.map_or_else(String::new, |what| format!("\nIt waited for {what}"))
}

/// The lines below an error that say whose the objects in the way are.
fn in_the_way(conflicts: &[Conflict]) -> String {
    let lines = conflicts.iter().map(|it| format!("\nIN THE WAY: {it}"));
    lines.collect()
}

/// What broke; a file that undoes a migration goes by its name.
fn told(fault: &Fault, is_undo: bool) -> String {
    let told = fault.to_string();
    if is_undo {
        told.replacen("migration ", "the undo of ", 1)
    } else {
        told
    }
}

fn explained(not_carried: Option<&str>) -> String {
    not_carried.map_or_else(String::new, |why| format!("\nnot carried: {why}"))
}

impl Diagnostic for Failure {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.fault.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let way_out = self.way_out();
        Some(Box::new(if self.is_undo {
            way_out.replace("`migrate run`", "`migrate undo`")
        } else {
            way_out
        }))
    }
}

impl Report for Failure {
    fn state(&self) -> String {
        let mut sentences = vec![self.outcome_of_group()];
        sentences.extend(self.earlier.sentences(self.is_undo));
        sentences.join("\n")
    }

    fn is_interruption(&self) -> bool {
        self.fault.is_interruption()
    }
}

impl Failure {
    fn outcome_of_group(&self) -> String {
        match (&self.outcome, self.fault.ended_by()) {
            (Outcome::Committed, Some(name)) if self.is_undo => format!(
                "What the undo of {name} did up to its COMMIT IS in the database, and the ledger \
                 still has its row; later statements may be in the database, too.{}",
                self.before("These were undone with it, and their rows are gone")
            ),
            (Outcome::Committed, Some(name)) => format!(
                "{name} IS in the database up to its COMMIT, without a row in the ledger; later \
                 statements may be in the database, too.{}",
                self.before("These were committed with it and are recorded")
            ),
            (Outcome::Prepared { id }, _) => format!(
                "The transaction was PREPARED as {}: it waits, keeps its locks, and has no \
                 effect until somebody commits it.{}",
                Literal(id),
                self.before("These are part of it")
            ),
            (Outcome::RolledBack, Some(name)) if self.fault.is_caught_by_guard() => format!(
                "What {name} did before its ROLLBACK is gone; later statements may be in the \
                 database.{}",
                self.before("These were rolled back with it")
            ),
            (Outcome::RolledBack, _) if self.outside.is_some() => {
                format!(
                    "{} did not begin: nothing of it is in the database.",
                    self.file_outside()
                )
            }
            (Outcome::RolledBack, _) if self.earlier == Earlier::default() => {
                format!(
                    "Everything was rolled back; the database {} is as it was before the run.",
                    self.database
                )
            }
            (Outcome::RolledBack, _) => "Its transaction was rolled back.".to_owned(),
            (Outcome::Partial { row, .. }, _) => format!(
                "{}{} ran outside the run's transaction: what it had committed STAYS in the \
                 database. {}",
                if self.is_undo { "The undo of " } else { "" },
                self.file_outside(),
                row.sentence()
            ),
            (Outcome::Committed, None) => "Its transaction IS committed.".to_owned(),
            (Outcome::Unknown { reason }, _) if self.outside.is_some() => format!(
                "It is UNKNOWN how far {} came and what its ledger row says: {reason}. It \
                 ran outside the run's transaction, so what it had committed was not rolled \
                 back.",
                self.file_outside()
            ),
            (Outcome::Unknown { reason }, _) => {
                format!("It is UNKNOWN whether the transaction was committed: {reason}")
            }
        }
    }

    /// The migration that was running, as far as it is known.
    fn file_outside(&self) -> String {
        self.outside
            .as_ref()
            .map_or_else(|| "The file".to_owned(), ToString::to_string)
    }

    /// The migrations of the transaction that had run before, under a heading.
    fn before(&self, heading: &str) -> String {
        if self.group.is_empty() {
            return String::new();
        }
        format!("\n{heading}:\n{}", names(&self.group))
    }

    fn way_out(&self) -> String {
        let is_out_of_memory = self.fault.sqlstate() == Some("53200");
        match (&self.fault, &self.outcome) {
            (fault, Outcome::Committed) if self.is_undo && fault.ended_by().is_some() => format!(
                "{REMOVE_COMMIT}; complete by hand what is left of the undo and type `migrate \
                 repair DIR --forget {}`",
                fault
                    .ended_by()
                    .map(ToString::to_string)
                    .unwrap_or_default()
            ),
            (_, Outcome::Prepared { id }) => format!(
                "type ROLLBACK PREPARED {} in this database, and remove PREPARE TRANSACTION from \
                 the file: every migration already runs in a transaction",
                Literal(id)
            ),
            (_, Outcome::Unknown { .. }) => {
                "when the server answers again, `migrate status DIR` shows what is applied"
                    .to_owned()
            }
            (
                _,
                Outcome::Partial {
                    row: OwnRow::LedgerGone,
                    ..
                },
            ) => "restore the ledger, or mark what is in the database as applied: `migrate \
                  repair DIR --mark-applied [...]`; remove the statement that deletes the \
                  ledger from the file"
                .to_owned(),
            (
                _,
                Outcome::Partial {
                    row: OwnRow::Gone, ..
                },
            ) => format!(
                "a run would begin it again: undo by hand what it has done, or complete it \
                 by hand and type `migrate repair DIR --mark-applied {}`; remove the \
                 statement that deletes ledger rows from the file",
                self.file_outside()
            ),
            (Fault::Sql { name, .. }, _)
                if self.not_carried.is_some() && self.outside.is_none() =>
            {
                format!(
                    "drop the objects in its way in a bridge, a migration with the line `-- \
                     migrate: before {}/{}`; or create these objects in repeatables: then they \
                     are dropped for this step, and created again from the repeatables' files",
                    name.track,
                    name.version.as_str()
                )
            }
            _ if !self.earlier.lost.is_empty() => {
                "the server was restored, promoted without its last WAL, or has crashed with \
                 synchronous_commit off: `migrate status DIR` shows what it has"
                    .to_owned()
            }
            (
                Fault::Sql { .. }
                | Fault::ConnectionLost {
                    during: Some(_), ..
                },
                Outcome::Committed,
            ) => REMOVE_COMMIT.to_owned(),
            (fault, Outcome::RolledBack) if fault.is_passing() => format!(
                "tried {}; try again when the database is less busy, or with a longer \
                 --lock-timeout or more --retries",
                count(self.attempts as usize, "time", "times")
            ),
            (
                fault,
                Outcome::Partial {
                    invalid_indexes, ..
                },
            ) if self.is_undo => format!(
                "{}complete the undo by hand and type `migrate repair DIR --retry {name}`, or restore \
                 by hand what it has removed and type `migrate repair DIR --mark-applied {name}`",
                drop_first(fault, invalid_indexes),
                name = self.file_outside(),
            ),
            (
                fault,
                Outcome::Partial {
                    invalid_indexes, ..
                },
            ) if !is_out_of_memory && !fault.is_caught_by_guard() => format!(
                "{}undo by hand what it has done and type `migrate repair DIR --retry {name}`, or \
                 complete it by hand and type `migrate repair DIR --mark-applied {name}`",
                drop_first(fault, invalid_indexes),
                name = self.file_outside(),
            ),
            (fault, _) => Diagnostic::help(fault)
                .map(|help| help.to_string())
                .unwrap_or_default(),
        }
    }
}

/// What is to be done before a ledger row can be repaired, as the beginning of a sentence.
fn drop_first(fault: &Fault, invalid_indexes: &[String]) -> String {
    match (fault, invalid_indexes) {
        (Fault::TransactionOpen { .. }, _) => "add the COMMIT to the file; ".to_owned(),
        (_, []) => String::new(),
        (_, indexes) => format!(
            "it left an invalid index: type `DROP INDEX CONCURRENTLY IF EXISTS {};`; then ",
            indexes.join(", ")
        ),
    }
}

impl OwnRow {
    fn sentence(self) -> String {
        match self {
            Self::There(state) => format!(
                "Its ledger row says `{state}`, and every run of its track stops until that \
                 is resolved."
            ),
            Self::Gone => "Its ledger row is gone.".to_owned(),
            Self::LedgerGone => "Its ledger is gone.".to_owned(),
        }
    }
}

impl Earlier {
    fn sentences(&self, is_undo: bool) -> impl Iterator<Item = String> {
        let done = if is_undo { "undone" } else { "applied" };
        let [stayed, lost, unasked] = [&self.stayed, &self.lost, &self.unasked].map(|names| {
            let number = count(names.len(), "migration", "migrations");
            (!names.is_empty()).then(|| (number, self::names(names)))
        });
        [
            stayed.map(|(number, names)| format!("{number} of this run stayed {done}:\n{names}")),
            lost.map(|(number, names)| {
                format!(
                    "LOST: {number} that this run had {done}, but that the ledger of the server \
                     that answers now does not have:\n{names}"
                )
            }),
            unasked.map(|(number, names)| {
                format!(
                    "{number} of this run had been {done} before; whether that is still true \
                     could not be checked:\n{names}"
                )
            }),
        ]
        .into_iter()
        .flatten()
    }
}

/// What this run had committed before it could not go on.
pub fn committed_before(applied: &[Name], is_undo: bool) -> String {
    format!(
        "{} of this run had been {} before:\n{}",
        count(applied.len(), "migration", "migrations"),
        if is_undo { "undone" } else { "applied" },
        names(applied)
    )
}

fn names(names: &[Name]) -> String {
    list(names)
}
