//! Drives a plan through a session, group by group, and says exactly where it stopped.
//! Must not judge what a stop means for the database; `settle` asks the server.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use crate::database::{Database, parent, parse};
use crate::discovery;
use crate::error::{Error, Fault};
use crate::fault::{self, Stage};
use crate::ledger::table::{Entry, Table};
use crate::migration::{Migration, Name};
use crate::notices;
use crate::outcome::{Applied, RunRow};
use crate::plan::Plan;
use crate::psql::Output;
use crate::script::{self, Transaction};
use crate::settings::WorkingDirectory;

/// What all steps of a run share.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The run's id.
    pub execution_id: String,
    /// The directory given to the command.
    pub tree: PathBuf,
    /// Where the user stands.
    pub caller: PathBuf,
    /// The folder that relative paths start from.
    pub working_directory: WorkingDirectory,
    /// The encoding of the files, where it is not UTF-8.
    pub file_encoding: Option<String>,
}

/// A run that did not get through its plan.
#[derive(Debug)]
pub struct Stop {
    /// What broke.
    pub fault: Fault,
    /// The transaction in which it broke; `None` before one had begun.
    pub transaction: Option<Transaction>,
    /// The migrations of that transaction that had run.
    pub group: Vec<RunRow>,
    /// Was the transaction being committed?
    pub at_commit: bool,
}

/// Runs a plan's groups; `applied` grows with every commit that was confirmed.
///
/// # Errors
/// Where it stopped.
pub fn run(
    database: &mut Database,
    tables: &[Table],
    plan: &Plan,
    circumstances: &Circumstances,
    applied: &mut Vec<RunRow>,
) -> Result<(), Stop> {
    let mut tables = tables.to_vec();
    let first = applied.last().map_or(1, |row| row.group + 1);
    for (number, steps) in (first..).zip(&plan.groups) {
        let mut group = Group {
            database,
            circumstances,
            number,
            transaction: None,
            done: vec![],
        };
        match group.run(&tables, steps) {
            Ok(()) => applied.append(&mut group.done),
            Err((fault, at_commit)) => {
                return Err(Stop {
                    fault,
                    transaction: group.transaction,
                    group: group.done,
                    at_commit,
                });
            }
        }
        tables.extend(steps.iter().map(|step| Table {
            track: step.name.track.clone(),
            is_current: true,
        }));
    }
    Ok(())
}

struct Group<'a> {
    database: &'a mut Database,
    circumstances: &'a Circumstances,
    number: usize,
    transaction: Option<Transaction>,
    done: Vec<RunRow>,
}

/// What the ledger answers to a new row.
#[derive(Deserialize)]
struct Receipt {
    applied_at: String,
    execution_time_ms: u64,
}

impl Group<'_> {
    fn run(&mut self, tables: &[Table], steps: &[Migration]) -> Result<(), (Fault, bool)> {
        let transaction = self.begin(tables, steps).map_err(|fault| (fault, false))?;
        let mut started = transaction.now.clone();
        for step in steps {
            started = self
                .step(step, &transaction, started)
                .map_err(|fault| (fault, false))?;
        }
        self.commit(&transaction).map_err(|fault| (fault, true))
    }

    fn begin(&mut self, tables: &[Table], steps: &[Migration]) -> Result<Transaction, Fault> {
        let mut tracks: Vec<_> = steps.iter().map(|step| &step.name.track).collect();
        tracks.dedup();
        let ledgers: String = tracks
            .into_iter()
            .map(|track| {
                let existing = tables.iter().rfind(|table| table.track == *track);
                self.database.place.ensure(track, existing)
            })
            .collect();
        let output = self
            .database
            .session
            .ask(&script::begin(&ledgers))
            .map_err(|ending| fault::of(ending, Stage::Begin))?;
        let transaction: Transaction = parse(&output).map_err(|error| confused(&error, None))?;
        self.transaction = Some(transaction.clone());
        Ok(transaction)
    }

    /// Runs one file and records it; gives the server's clock at its end.
    fn step(
        &mut self,
        step: &Migration,
        transaction: &Transaction,
        started: String,
    ) -> Result<String, Fault> {
        let Circumstances {
            execution_id,
            file_encoding,
            ..
        } = self.circumstances;
        let entry = Entry {
            name: &step.name,
            hash: step.checksum.as_str(),
            started: &started,
            execution_id,
        };
        let include = script::include(&step.path, &self.folder(step), file_encoding.as_deref());
        let checks_connection = self.database.server.checks_connection;
        let record = script::record(&self.database.place, &entry, transaction, checks_connection);
        let session = &mut self.database.session;
        session.send(&include);
        session.send(&record);
        let printed = session
            .receive()
            .map_err(|ending| self.fault_in(ending, step, &Output::default()))?;
        let recorded = self
            .database
            .session
            .receive()
            .map_err(|ending| self.fault_in(ending, step, &printed))?;
        let confused = |error: Error| confused(&error, Some(&step.name));
        let receipt: Receipt = parse(&recorded).map_err(confused)?;
        let applied_at = moment(&receipt.applied_at).map_err(confused)?;
        self.done.push(RunRow {
            name: step.name.clone(),
            applied: Some(Applied {
                duration: Duration::from_millis(receipt.execution_time_ms),
                applied_at,
                execution_id: execution_id.clone(),
            }),
            group: self.number,
            notices: notices::of(&printed),
        });
        Ok(receipt.applied_at)
    }

    fn commit(&mut self, transaction: &Transaction) -> Result<(), Fault> {
        let output = self
            .database
            .session
            .ask(&script::commit(transaction))
            .map_err(|ending| fault::of(ending, Stage::Commit))?;
        match output.stdout.join("\n").as_str() {
            "committed" => Ok(()),
            other => Err(Fault::ConnectionLost {
                during: None,
                detail: format!("the server calls the transaction `{other}` after COMMIT"),
            }),
        }
    }

    fn folder(&self, step: &Migration) -> PathBuf {
        match self.circumstances.working_directory {
            WorkingDirectory::Migration => parent(&step.path).to_owned(),
            WorkingDirectory::Tree => self.circumstances.tree.clone(),
            WorkingDirectory::Caller => self.circumstances.caller.clone(),
        }
    }

    fn fault_in(&self, ending: crate::psql::Ending, step: &Migration, printed: &Output) -> Fault {
        fault::of(
            ending,
            Stage::File {
                step,
                root: &self.circumstances.tree,
                printed,
                prefix: &self.database.place.prefix,
                // The frame is a courtesy: without the file there is none.
                read: &|path| discovery::content(path).ok(),
            },
        )
    }
}

fn moment(text: &str) -> Result<DateTime<FixedOffset>, Error> {
    DateTime::parse_from_rfc3339(text).map_err(|error| Error::PsqlConfused {
        problem: error.to_string(),
    })
}

fn confused(error: &Error, during: Option<&Name>) -> Fault {
    Fault::ConnectionLost {
        during: during.cloned(),
        detail: error.to_string(),
    }
}
