//! Drives a plan through a session, group by group, and says exactly where it stopped.
//! Must not judge what a stop means for the database; `outcome` asks the server.

mod after;
mod attempt;
mod carry;
pub mod conflicts;
mod diagnosis;
pub mod effects;
mod evidence;
pub mod failure;
pub mod fault;
pub mod frame;
mod late;
mod later;
mod leftovers;
pub mod lock_mode;
mod no_transaction;
pub mod notices;
mod objects;
pub mod outcome;
mod prepared;
mod rehearsal;
mod repeatables;
pub mod retry;
pub mod round_trip;
pub mod row;
mod runner;
pub mod script;
pub mod touch;
mod transaction;
mod variables;
mod window;

use std::path::PathBuf;
use std::time::Duration;

use crate::database::Database;
use crate::database::identity::Identity;
use crate::database::ledger::table::{Place, Table};
use crate::plan::{Group, Plan};
use crate::preflight::Checker;
use crate::process::interrupt::Interrupt;
use crate::process::progress::Progress;
use crate::process::watch::Watch;
use crate::tree::{Name, WorkingFolder};
pub use after::verify;
use diagnosis::{Stage, fault_of};
pub use failure::Failure;
use fault::Fault;
pub use later::Later;
pub use rehearsal::rehearse;
use row::RunRow;
use runner::Runner;
use script::Transaction;
use touch::Touching;
pub use variables::Common;

/// What all steps of a run share.
#[derive(Clone)]
pub struct Circumstances {
    /// The run's id, and the rest of what all migrations are told.
    pub common: Common,
    /// Shows which step is at work.
    pub watch: Watch,
    /// Where what files print goes while they run.
    pub progress: Progress,
    /// Where psql stands while it runs a file.
    pub folders: WorkingFolder,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    pub interrupt: Interrupt,
    /// What tracks may touch.
    pub touching: Touching,
    /// Is the catalogue asked in each transaction, however many there are?
    pub remembers_each: bool,
}

/// The catalogue is asked once for each transaction; of a run of more, for several together.
const REMEMBERED_GROUPS: usize = 20;

/// A run that did not get through its plan.
#[derive(Debug)]
pub struct Stop {
    pub fault: Fault,
    /// In what it broke.
    pub stopped_in: StoppedIn,
    /// The migrations of that group that had run.
    pub group: Vec<RunRow>,
    pub database: String,
    /// Was it taking back what was applied?
    pub is_undo: bool,
    /// Where the ledgers are.
    pub place: Place,
    /// The server that was changed; `None` in a session that never took the lock.
    pub identity: Option<Identity>,
}

impl Stop {
    fn new(
        fault: Fault,
        stopped_in: StoppedIn,
        group: Vec<RunRow>,
        database: &Database,
        is_undo: bool,
    ) -> Self {
        Self {
            fault,
            stopped_in,
            group,
            database: database.server.database.clone(),
            is_undo,
            place: database.place.clone(),
            identity: database.identity.clone(),
        }
    }
}

/// In what a run stopped.
#[derive(Debug)]
pub enum StoppedIn {
    /// Before anything had begun.
    Nothing,
    /// In a transaction.
    Transaction {
        transaction: Transaction,
        /// Was it being committed?
        at_commit: bool,
    },
    /// In a no-transaction file, whose row says `running`.
    NoTransaction {
        name: Name,
        path: PathBuf,
        phase: Phase,
    },
}

/// How far a no-transaction file had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its row was being written; psql had not been given the file.
    Beginning,
    Running,
    /// It was done, and its row was being written.
    Ending,
}

impl StoppedIn {
    /// The file that ran outside of a transaction.
    pub fn outside(&self) -> Option<&Name> {
        match self {
            Self::NoTransaction { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Was only the word of success still missing?
    pub fn was_ending(&self) -> bool {
        matches!(
            self,
            Self::Transaction {
                at_commit: true,
                ..
            } | Self::NoTransaction {
                phase: Phase::Ending,
                ..
            }
        )
    }
}

/// Runs a plan's groups; `applied` grows with every one that was confirmed.
pub fn run(
    database: &mut Database,
    tables: &[Table],
    plan: &Plan,
    circumstances: &Circumstances,
    checker: &mut Checker<'_>,
    applied: &mut Vec<RunRow>,
    later: &mut Later,
) -> Result<(), Stop> {
    let mut tables = tables.to_vec();
    let mut number = applied.last().map_or(1, |row| row.group + 1);
    let has_room = plan.has_room(circumstances.common.transaction);
    let last = plan.groups.len();
    let steps = plan.groups.iter().map(|group| group.steps().len());
    circumstances.watch.expect(steps.sum());
    for (place, group) in (1..).zip(&plan.groups) {
        let standby = if has_room && place == last {
            plan.standby.as_slice()
        } else {
            &[]
        };
        let mut runner = Runner::new(database, circumstances, checker, number);
        if plan.groups.len() > REMEMBERED_GROUPS && !circumstances.remembers_each {
            runner.later = Some(std::mem::take(later));
        }
        runner.carried = &plan.carried;
        let result = match group {
            Group::Transaction(steps) => {
                let steps = carry::with_carried(steps, &plan.carried);
                runner.transaction(&tables, &steps, standby)
            }
            Group::NoTransaction(step) => runner.no_transaction(&tables, step),
        };
        runner.finish(result, plan.is_undo(), applied, later)?;
        if later.is_full() {
            remember(database, circumstances, applied, later, plan.is_undo())?;
        }
        tables.extend(group.steps().iter().map(|step| Table {
            track: step.migration.name.track.clone(),
            is_current: true,
        }));
        number += 1;
    }
    if !has_room {
        let mut runner = Runner::new(database, circumstances, checker, number);
        let result = runner.due_now(&plan.standby).and_then(|due| {
            if due.is_empty() {
                Ok(())
            } else {
                runner.transaction(&tables, &due, &plan.standby)
            }
        });
        runner.finish(result, false, applied, later)?;
    }
    remember(database, circumstances, applied, later, plan.is_undo())
}

/// Tells the ledgers what has waited for it.
fn remember(
    database: &mut Database,
    circumstances: &Circumstances,
    applied: &mut [RunRow],
    later: &mut Later,
    is_undo: bool,
) -> Result<(), Stop> {
    let remembered = later.remember(database, circumstances, applied);
    remembered.map_err(|ending| {
        let fault = fault_of(ending, Stage::Begin);
        Stop::new(fault, StoppedIn::Nothing, vec![], database, is_undo)
    })
}

impl Runner<'_, '_> {
    fn finish(
        self,
        result: Result<(), Fault>,
        is_undo: bool,
        applied: &mut Vec<RunRow>,
        waiting: &mut Later,
    ) -> Result<(), Stop> {
        let Runner {
            database,
            stopped_in,
            mut done,
            later,
            ..
        } = self;
        if let Some(later) = later {
            *waiting = later;
        }
        match result {
            Ok(()) => {
                applied.append(&mut done);
                Ok(())
            }
            Err(fault) => Err(Stop::new(fault, stopped_in, done, database, is_undo)),
        }
    }
}
