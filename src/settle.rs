//! After a stop: asks the server what became of the group, over a new connection.
//! The old one cannot know; a run must not guess.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::database::Address;
use crate::discovery;
use crate::error::{Error, Fate};
use crate::inspection::names_index;
use crate::interrupt::Interrupt;
use crate::ledger::RowState;
use crate::migration::Name;
use crate::runner::{Scene, Stop};
use crate::script::Transaction;

/// How long the look back may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same when the user has pressed Ctrl-C and wants the prompt.
const PATIENCE_AFTER_CTRL_C: Duration = Duration::from_millis(600);
/// Between two looks at a server that has not noticed yet that psql is gone.
const PAUSE: Duration = Duration::from_millis(30);

/// The fate of the group in which a run stopped. A file that ran alone is marked as failed.
pub fn settle(address: &Address, stop: &Stop, execution_id: &str) -> Fate {
    let patience = match stop.fault.is_interruption() {
        true => PATIENCE_AFTER_CTRL_C,
        false => PATIENCE,
    };
    let interrupt = Interrupt::after(patience);
    let result = match &stop.scene {
        Scene::Nothing => Ok(Fate::RolledBack),
        Scene::Transaction { transaction, .. } => {
            transaction_fate(address, transaction, &interrupt)
        }
        Scene::Alone { name, path } => {
            let problem = stop.fault.to_string();
            mark_failed(address, name, path, execution_id, &problem, &interrupt)
        }
    };
    result.unwrap_or_else(|error| match (&stop.scene, error) {
        (Scene::Alone { .. }, _) => Fate::Partial {
            recorded: false,
            invalid_indexes: vec![],
        },
        (_, Error::Interrupted) => Fate::Unknown {
            reason: "it does not answer".to_owned(),
        },
        (_, error) => Fate::Unknown {
            reason: error.to_string(),
        },
    })
}

fn transaction_fate(
    address: &Address,
    transaction: &Transaction,
    interrupt: &Interrupt,
) -> Result<Fate, Error> {
    let mut database = address.dial(interrupt)?.answer()?;
    loop {
        let answer = database.fate(transaction)?;
        if answer != "in progress" || interrupt.requested() {
            return Ok(read(&answer));
        }
        thread::sleep(PAUSE);
    }
}

fn read(answer: &str) -> Fate {
    match answer {
        "committed" => Fate::Committed,
        "aborted" => Fate::RolledBack,
        "in progress" => Fate::Unknown {
            reason: "it is still at work on it".to_owned(),
        },
        _ => Fate::Unknown {
            reason: "it has forgotten the transaction".to_owned(),
        },
    }
}

fn mark_failed(
    address: &Address,
    name: &Name,
    path: &Path,
    execution_id: &str,
    problem: &str,
    interrupt: &Interrupt,
) -> Result<Fate, Error> {
    let mut database = address.dial(interrupt)?.answer()?;
    Ok(match database.record_failed(name, execution_id, problem)? {
        Some(RowState::Applied) => Fate::Committed,
        Some(_) => {
            // The names are a courtesy: without them the state is still the same.
            let text = discovery::content(path).unwrap_or_default();
            let mut invalid_indexes = database.invalid_indexes().unwrap_or_default();
            invalid_indexes.retain(|index| names_index(&text, index));
            Fate::Partial {
                recorded: true,
                invalid_indexes,
            }
        }
        None => Fate::RolledBack,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_clear_word_counts() {
        assert_eq!(read("committed"), Fate::Committed);
        assert_eq!(read("aborted"), Fate::RolledBack);
        for unclear in ["in progress", ""] {
            assert!(matches!(read(unclear), Fate::Unknown { .. }), "{unclear}");
        }
    }
}
