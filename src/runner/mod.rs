//! Drives a plan through a session, group by group, and says exactly where it stopped.
//! Must not judge what a stop means for the database; `settle` asks the server.

mod alone;
mod late;
mod leftovers;
mod rehearsal;
mod transaction;

use chrono::DateTime;
use serde::Deserialize;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::database::{Database, parse};
use crate::discovery::{self, WorkingFolder};
use crate::error::{Error, Fault};
use crate::fault::{self, Stage};
use crate::inspection::{Script, unwrapped};
use crate::ledger::table::{Entry, Table};
use crate::migration::Name;
use crate::notices::{self, Live};
use crate::outcome::{Applied, RunRow, total};
use crate::plan::{Fit, Group, Plan, Step};
use crate::progress::Progress;
use crate::psql::{Ending, Output};
use crate::script::{Include, Limits, Transaction};
use crate::validation::{Answer, Broken, Check, Rejection};
use crate::variables::{self, Common};
pub use rehearsal::rehearse;

/// The variable `transaction_mode` of a file outside of our transactions.
const NO_TRANSACTION: &str = "none";

/// What all steps of a run share.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The run's id, and the rest of what all migrations are told.
    pub common: Common,
    /// Where what files print goes while they run.
    pub progress: Progress,
    /// Where psql stands while it runs a file.
    pub folders: WorkingFolder,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
}

/// The checks of a run's steps.
pub trait Checks {
    /// What a step has passed before any SQL of the run.
    fn early(&self, step: &Step) -> Vec<Check>;

    /// Checks a step right before its own SQL, if it has asked for that.
    ///
    /// # Errors
    /// It did not pass, or there is no verdict.
    fn late(&mut self, step: &Step, session: &mut dyn Answer) -> Result<Option<Check>, Refusal>;
}

/// Why a step must not run.
#[derive(Debug)]
pub enum Refusal {
    /// A check did not pass.
    Rejected(Box<Rejection>),
    /// There is no verdict.
    Broken(Broken),
}

/// A run that did not get through its plan.
#[derive(Debug)]
pub struct Stop {
    /// What broke.
    pub fault: Fault,
    /// In what it broke.
    pub scene: Scene,
    /// The migrations of that group that had run.
    pub group: Vec<RunRow>,
    /// The database.
    pub database: String,
}

/// In what a run stopped.
#[derive(Debug)]
pub enum Scene {
    /// Before anything had begun.
    Nothing,
    /// In a transaction.
    Transaction {
        /// Which.
        transaction: Transaction,
        /// Was it being committed?
        at_commit: bool,
    },
    /// In a file that runs alone, whose row says `running`.
    Alone {
        /// The migration.
        name: Name,
        /// Its file.
        path: PathBuf,
    },
}

impl Scene {
    /// The file that ran outside of a transaction.
    pub fn alone(&self) -> Option<&Name> {
        match self {
            Self::Alone { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Was only the word of success still missing?
    pub fn was_ending(&self) -> bool {
        !matches!(
            self,
            Self::Nothing
                | Self::Transaction {
                    at_commit: false,
                    ..
                }
        )
    }
}

/// Runs a plan's groups; `applied` grows with every one that was confirmed.
///
/// # Errors
/// Where it stopped.
pub fn run(
    database: &mut Database,
    tables: &[Table],
    plan: &Plan,
    circumstances: &Circumstances,
    checks: &mut dyn Checks,
    applied: &mut Vec<RunRow>,
) -> Result<(), Stop> {
    let mut tables = tables.to_vec();
    let first = applied.last().map_or(1, |row| row.group + 1);
    for (number, group) in (first..).zip(&plan.groups) {
        let mut runner = Runner {
            limits: Limits {
                checks_connection: database.checks_connection,
                lock_timeout: circumstances.lock_timeout,
                statement_timeout: circumstances.statement_timeout,
                is_read_only_outside: false,
            },
            database: &mut *database,
            circumstances,
            checks: &mut *checks,
            number,
            scene: Scene::Nothing,
            done: vec![],
            is_rehearsal: false,
        };
        let result = match group {
            Group::Transaction(steps) => runner.transaction(&tables, steps),
            Group::Alone(step) => runner.alone(&tables, step),
        };
        let Runner {
            scene, mut done, ..
        } = runner;
        result.map_err(|fault| Stop {
            fault,
            scene,
            group: std::mem::take(&mut done),
            database: database.server.database.clone(),
        })?;
        applied.append(&mut done);
        tables.extend(group.steps().iter().map(|step| Table {
            track: step.migration.name.track.clone(),
            is_current: true,
        }));
    }
    Ok(())
}

/// Runs one group.
struct Runner<'a> {
    database: &'a mut Database,
    circumstances: &'a Circumstances,
    checks: &'a mut dyn Checks,
    limits: Limits,
    number: usize,
    scene: Scene,
    done: Vec<RunRow>,
    /// Must nothing of it be committed?
    is_rehearsal: bool,
}

/// What the ledger answers to a row that is applied.
#[derive(Deserialize)]
struct Receipt {
    applied_at: String,
    execution_time_ms: u64,
}

/// A file as psql is to read it: the migration itself, or a copy without its outer pair.
struct Prepared {
    file: PathBuf,
    /// Removed with this value.
    _copy: Option<TempDir>,
}

impl Runner<'_> {
    fn ensure(&self, tables: &[Table], step: &Step) -> String {
        let track = &step.migration.name.track;
        let existing = tables.iter().rfind(|table| table.track == *track);
        self.database.place.ensure(track, existing)
    }

    fn entry<'a>(&'a self, step: &'a Step, started: &'a str, checks: &[Check]) -> Entry<'a> {
        Entry {
            name: &step.migration.name,
            hash: step.migration.checksum.as_str(),
            started,
            execution_id: &self.circumstances.common.execution_id,
            validation: total(checks),
            parts: step.migration.checksum.parts(),
        }
    }

    fn include(&self, step: &Step, prepared: &Prepared) -> String {
        let migration = &step.migration;
        let mut common = self.circumstances.common.clone();
        if step.fit == Fit::Alone {
            common.transaction_mode = NO_TRANSACTION.to_owned();
        }
        Include {
            file: &prepared.file,
            folder: self.circumstances.folders.of(&migration.path),
            encoding: Some(self.database.server.encoding.as_str()).filter(|name| *name != "UTF8"),
            lock_timeout: migration.directives.lock_timeout,
            statement_timeout: migration.directives.statement_timeout,
            variables: &variables::of(migration, &common),
        }
        .text()
    }

    /// The file that psql is to read, if it still is what was planned and will be recorded.
    fn prepare(&self, step: &Step) -> Result<Prepared, Fault> {
        let path = &step.migration.path;
        let checksum = discovery::examine(path, &self.circumstances.folders);
        if !checksum.is_ok_and(|(_, checksum)| checksum == step.migration.checksum) {
            return Err(Fault::FileChanged {
                name: step.migration.name.clone(),
            });
        }
        let Fit::Unwrapped(pair) = &step.fit else {
            return Ok(Prepared {
                file: path.clone(),
                _copy: None,
            });
        };
        let copy = || -> Result<Prepared, Error> {
            let not_written = |error: std::io::Error| Error::NotWritten {
                path: std::env::temp_dir(),
                reason: error.to_string(),
            };
            let content = discovery::content(path)?;
            let folder = tempfile::Builder::new()
                .prefix("migrate-")
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir()
                .map_err(not_written)?;
            let file = folder.path().join(step.migration.name.file_name());
            let script = Script {
                path,
                content: &content,
            };
            std::fs::write(&file, unwrapped(script, pair)).map_err(not_written)?;
            Ok(Prepared {
                file,
                _copy: Some(folder),
            })
        };
        copy().map_err(|error| confused(&error, Some(&step.migration.name)))
    }

    /// Notes a migration as done; gives the server's clock at its end.
    fn note(
        &mut self,
        step: &Step,
        checks: Vec<Check>,
        printed: &Output,
        recorded: &Output,
    ) -> Result<String, Fault> {
        let name = &step.migration.name;
        let confused = |error: Error| confused(&error, Some(name));
        if recorded.stdout.is_empty() {
            return Err(Fault::RowsGone { name: name.clone() });
        }
        let receipt: Receipt = parse(recorded).map_err(confused)?;
        let applied_at = DateTime::parse_from_rfc3339(&receipt.applied_at).map_err(|error| {
            confused(Error::PsqlConfused {
                problem: error.to_string(),
            })
        })?;
        self.done.push(RunRow {
            name: name.clone(),
            applied: Some(Applied {
                duration: Duration::from_millis(receipt.execution_time_ms),
                applied_at,
                execution_id: self.circumstances.common.execution_id.clone(),
            }),
            group: self.number,
            notices: notices::of(printed),
            checks,
        });
        Ok(receipt.applied_at)
    }

    /// What a file prints, shown while it runs.
    fn hear(&mut self, step: &Step) -> Result<Output, Ending> {
        let progress = self.circumstances.progress;
        let name = step.migration.name.file_name();
        let mut live = Live::default();
        self.database.session.receive_live(&mut |channel, line| {
            if let Some(line) = live.line(channel, line) {
                progress.said(&name, &line);
            }
        })
    }

    fn fault_in(
        &self,
        ending: Ending,
        step: &Step,
        prepared: &Prepared,
        printed: &Output,
    ) -> Fault {
        let stage = Stage::File {
            step: &step.migration,
            copy: &prepared.file,
            root: &self.circumstances.folders.tree,
            printed,
            prefix: &self.database.place.prefix,
            // The frame is a courtesy: without the file there is none.
            read: &|path| discovery::content(path).ok(),
        };
        fault::of(ending, stage)
    }
}

fn confused(error: &Error, during: Option<&Name>) -> Fault {
    Fault::ConnectionLost {
        during: during.cloned(),
        detail: error.to_string(),
    }
}
