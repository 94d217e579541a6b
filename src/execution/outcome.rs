//! After a stop: what became of the group and of those before it, as the server says over a new
//! connection. The old one cannot know; a run must not guess.

use std::path::Path;
use std::time::Duration;

use super::evidence::{self, Left, Number, Recorded};
pub use super::evidence::{Outcome, OwnRow};
use crate::database::ledger::{Row, RowState};
use crate::database::reconnect::{Patience, Reconnected, reconnect};
use crate::database::{Address, Database, Error};
use crate::execution::fault::Fault;
use crate::execution::script::{self, Transaction};
use crate::execution::{Stop, StoppedIn};
use crate::process::interrupt::Interrupt;
use crate::psql;
use crate::sql::inspection::names_index;
use crate::tree::{Name, Track, each_script};

/// The migrations that a run had committed before it stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Their rows are there.
    pub stayed: Vec<Name>,
    /// The server that answers does not have them.
    pub lost: Vec<Name>,
    /// Nobody could be asked.
    pub unasked: Vec<Name>,
}

/// What a stop has left.
#[derive(Debug, PartialEq, Eq)]
pub struct StopOutcome {
    pub outcome: Outcome,
    pub earlier: Earlier,
}

/// What became of a stopped group, and of the migrations that were committed before. A file that ran alone is marked as
/// failed.
pub fn ask(
    address: &Address,
    stop: &Stop,
    execution_id: &str,
    applied: Vec<Name>,
    caller: &Interrupt,
) -> StopOutcome {
    let has_begun = !matches!(stop.stopped_in, StoppedIn::Nothing);
    if !has_begun && applied.is_empty() {
        return StopOutcome {
            outcome: Outcome::RolledBack,
            earlier: Earlier::default(),
        };
    }
    look(address, stop, execution_id, &applied, caller).unwrap_or_else(|reason| StopOutcome {
        outcome: if has_begun {
            Outcome::Unknown { reason }
        } else {
            Outcome::RolledBack
        },
        earlier: Earlier {
            unasked: applied,
            ..Earlier::default()
        },
    })
}

/// The same, or why nobody can tell.
fn look(
    address: &Address,
    stop: &Stop,
    execution_id: &str,
    applied: &[Name],
    caller: &Interrupt,
) -> Result<StopOutcome, String> {
    let Some(before) = &stop.identity else {
        return Err("it is not known which server it was".to_owned());
    };
    let patience = Patience::new(caller, stop.fault.is_interruption());
    let mut server = reconnect(address, &stop.place, before, &patience)
        .map_err(|unanswered| unanswered.to_string())?;
    let refused = |error: Error| format!("the server could not be asked: {error}");
    let tracks: Vec<&Track> = stop
        .group
        .iter()
        .map(|row| &row.name)
        .chain(applied)
        .chain(stop.stopped_in.outside())
        .map(|name| &name.track)
        .collect();
    let ledgers = server
        .database
        .recorded(|track| tracks.contains(&track))
        .map_err(refused)?;
    let stands = |name: &Name| stands(&ledgers.rows, name, execution_id, stop.is_undo);
    let outcome = match &stop.stopped_in {
        StoppedIn::Nothing => Outcome::RolledBack,
        StoppedIn::Transaction {
            transaction,
            at_commit,
        } => {
            if matches!(stop.fault, Fault::TransactionEnded { .. }) {
                let id = server
                    .database
                    .ask(&script::prepared_as(transaction))
                    .map_err(|error| refused(error.into()))?;
                if !id.is_empty() {
                    return Ok(StopOutcome {
                        outcome: Outcome::Prepared { id },
                        earlier: earlier(applied, stands),
                    });
                }
            }
            let found = stop.group.iter().filter(|row| stands(&row.name)).count();
            // That a row is not there proves nothing on another server, which may never have had it.
            let found = if stop.is_undo && !server.kinship.is_same() {
                0
            } else {
                found
            };
            let recorded = Recorded::of(found, stop.group.len());
            // At COMMIT, the rows are all there is to know.
            let number = if *at_commit || recorded == Recorded::All {
                Number::NotCommitted
            } else {
                number(&mut server.database, transaction, &stop.fault)
                    .map_err(|error| refused(error.into()))?
            };
            evidence::of_transaction(&server.kinship, recorded, number)
        }
        StoppedIn::NoTransaction { name, path, phase } => {
            let row = own_row(&ledgers.rows, name, execution_id).map(|row| row.state);
            match evidence::of_file_outside(&server.kinship, *phase, row, stop.is_undo) {
                Left::Said(outcome) => outcome,
                Left::NotBegun => withdraw(&mut server, name, execution_id),
                Left::Unfinished => Outcome::Partial {
                    row: mark_failed(&mut server, name, execution_id, &stop.fault.to_string())
                        .or(row)
                        .map_or(OwnRow::Gone, OwnRow::There),
                    invalid_indexes: invalid_indexes(&mut server.database, path),
                },
                Left::NoRow => Outcome::Partial {
                    row: if ledgers.tables.iter().any(|table| table.track == name.track) {
                        OwnRow::Gone
                    } else {
                        OwnRow::LedgerGone
                    },
                    invalid_indexes: invalid_indexes(&mut server.database, path),
                },
            }
        }
    };
    Ok(StopOutcome {
        outcome,
        earlier: earlier(applied, stands),
    })
}

fn earlier(applied: &[Name], stands: impl Fn(&Name) -> bool) -> Earlier {
    let (stayed, lost) = applied.iter().cloned().partition(stands);
    Earlier {
        stayed,
        lost,
        ..Earlier::default()
    }
}

/// Do the ledgers say what a run has done to a migration? An undo leaves no row, whatever its name was.
pub fn stands(rows: &[Row], name: &Name, execution_id: &str, is_undo: bool) -> bool {
    if is_undo {
        let version = Some(&name.version);
        let mut rows = rows.iter();
        !rows.any(|row| row.track == name.track && row.version().as_ref() == version)
    } else {
        own_row(rows, name, execution_id).is_some_and(|row| row.state == RowState::Applied)
    }
}

/// The row that a run has written for a migration.
fn own_row<'a>(rows: &'a [Row], name: &Name, execution_id: &str) -> Option<&'a Row> {
    rows.iter().find(|row| {
        row.track == name.track
            && row.name == name.file_name()
            && row.execution_id.as_deref() == Some(execution_id)
    })
}

fn number(
    database: &mut Database,
    transaction: &Transaction,
    fault: &Fault,
) -> Result<Number, psql::Error> {
    let is_committed = database.ask(&script::transaction_status(transaction))? == "committed";
    Ok(match (is_committed, fault) {
        (false, _) => Number::NotCommitted,
        (true, Fault::ConnectionLost { .. } | Fault::Interrupted { .. }) => Number::MaybeAnothers,
        (true, _) => Number::Committed,
    })
}

/// Removes the row of a file that never began.
fn withdraw(server: &mut Reconnected, name: &Name, execution_id: &str) -> Outcome {
    let database = &mut server.database;
    let withdraw = database.place.withdraw(name, execution_id);
    match database.ask(&withdraw) {
        Ok(_) => Outcome::RolledBack,
        Err(_) => Outcome::Partial {
            row: OwnRow::There(RowState::Running),
            invalid_indexes: vec![],
        },
    }
}

/// Writes to a row that it failed, and tells what it says now.
fn mark_failed(
    server: &mut Reconnected,
    name: &Name,
    execution_id: &str,
    problem: &str,
) -> Option<RowState> {
    let database = &mut server.database;
    let record = database.place.record_failed(name, execution_id, problem);
    database.ask(&record).ok()?;
    let state = database.place.state_query(name, execution_id);
    database.ask_json(&state).ok()?
}

/// The names are a courtesy: without them the state is still the same.
fn invalid_indexes(database: &mut Database, path: &Path) -> Vec<String> {
    named(database.invalid_indexes().unwrap_or_default(), path)
}

/// How long a large file is looked through for a name.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those of these indexes that a file names.
pub(super) fn named(mut indexes: Vec<String>, path: &Path) -> Vec<String> {
    let mut named = Vec::new();
    if !indexes.is_empty() {
        // What cannot be read any more names nothing.
        let _ = each_script(path, &Interrupt::after(PATIENCE), |script| {
            named.extend(indexes.extract_if(.., |index| names_index(script, index)));
        });
    }
    named
}
