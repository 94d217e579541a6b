//! After a stop: what became of the group, as the server says over a new connection.
//! The old one cannot know; a run must not guess.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::database::Address;
use crate::database::ledger::RowState;
use crate::database::{Database, Error};
use crate::error::Report;
use crate::execution::script::{self, Transaction};
use crate::execution::{Stop, StoppedIn};
use crate::process::interrupt::Interrupt;
use crate::psql;
use crate::sql::inspection::names_index;
use crate::tree;
use crate::tree::Name;

/// What became of a transaction, as the server itself says afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
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

/// How long the look back may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same when the user has pressed Ctrl-C and wants the prompt.
const PATIENCE_AFTER_CTRL_C: Duration = Duration::from_millis(600);
/// Between two looks at a server that has not noticed yet that psql is gone.
const PAUSE: Duration = Duration::from_millis(30);

/// The outcome of the group in which a run stopped. A no-transaction file is
/// marked as failed.
pub fn ask(address: &Address, stop: &Stop, execution_id: &str) -> Outcome {
    let patience = if stop.fault.is_interruption() {
        PATIENCE_AFTER_CTRL_C
    } else {
        PATIENCE
    };
    let interrupt = Interrupt::after(patience);
    let result = match &stop.stopped_in {
        StoppedIn::Nothing => Ok(Outcome::RolledBack),
        StoppedIn::Transaction { transaction, .. } => {
            of_transaction(address, transaction, &interrupt)
        }
        StoppedIn::NoTransaction { name, path, undoes } => {
            let problem = stop.fault.to_string();
            let undoes = undoes.as_deref();
            mark_failed(
                address,
                name,
                path,
                undoes,
                execution_id,
                &problem,
                &interrupt,
            )
        }
    };
    result.unwrap_or_else(|error| match (&stop.stopped_in, error) {
        (StoppedIn::NoTransaction { .. }, _) => Outcome::Partial {
            recorded: false,
            invalid_indexes: vec![],
        },
        (_, error) if error.is_interruption() => Outcome::Unknown {
            reason: "it does not answer".to_owned(),
        },
        (_, error) => Outcome::Unknown {
            reason: error.to_string(),
        },
    })
}

fn of_transaction(
    address: &Address,
    transaction: &Transaction,
    interrupt: &Interrupt,
) -> Result<Outcome, Error> {
    let mut database = address.dial(interrupt)?.answer()?;
    loop {
        let answer = database.ask(&script::fate(transaction))?;
        if answer != "in progress" || interrupt.requested() {
            return Ok(read(&answer));
        }
        thread::sleep(PAUSE);
    }
}

fn read(answer: &str) -> Outcome {
    match answer {
        "committed" => Outcome::Committed,
        "aborted" => Outcome::RolledBack,
        "in progress" => Outcome::Unknown {
            reason: "it is still at work on it".to_owned(),
        },
        _ => Outcome::Unknown {
            reason: "it has forgotten the transaction".to_owned(),
        },
    }
}

fn mark_failed(
    address: &Address,
    name: &Name,
    path: &Path,
    undoes: Option<&str>,
    execution_id: &str,
    problem: &str,
    interrupt: &Interrupt,
) -> Result<Outcome, Error> {
    let mut database = address.dial(interrupt)?.answer()?;
    Ok(
        match record_failed(&mut database, name, execution_id, problem)? {
            Some(RowState::Applied) => Outcome::Committed,
            Some(_) => {
                // Without the names, the state is still the same.
                let text = tree::content(path).unwrap_or_default();
                let mut invalid_indexes = database.invalid_indexes().unwrap_or_default();
                invalid_indexes.retain(|index| names_index(&text, index));
                Outcome::Partial {
                    recorded: true,
                    invalid_indexes,
                }
            }
            None => match undoes {
                Some(recorded) if !has_row(&mut database, name, recorded)? => Outcome::Committed,
                _ => Outcome::RolledBack,
            },
        },
    )
}

/// Is what was to be undone still in the ledger?
fn has_row(database: &mut Database, name: &Name, recorded: &str) -> Result<bool, psql::Error> {
    let names = [name.file_name(), recorded.to_owned()];
    let count = database.place.count_query(&[&name.track], &names);
    Ok(database.ask(&format!("{count};\n"))? != "0")
}

/// Writes to a row that still says `running` that it failed, and tells what it says now.
fn record_failed(
    database: &mut Database,
    name: &Name,
    execution_id: &str,
    problem: &str,
) -> Result<Option<RowState>, psql::Error> {
    let record = database.place.record_failed(name, execution_id, problem);
    database.ask(&record)?;
    let state = database.place.state_query(name, execution_id);
    database.ask_json(&state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_clear_word_counts() {
        assert_eq!(read("committed"), Outcome::Committed);
        assert_eq!(read("aborted"), Outcome::RolledBack);
        for unclear in ["in progress", ""] {
            assert!(
                matches!(read(unclear), Outcome::Unknown { .. }),
                "{unclear}"
            );
        }
    }
}
