//! Runs everything in one transaction that is always rolled back, and looks at what each file does.

use std::time::Duration;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use super::{Circumstances, Stop, StoppedIn};
use crate::database::ledger::table::{Started, Table};
use crate::database::{Database, parse};
use crate::execution::effects::{Effects, Look, effects, mark_traffic};
use crate::execution::row::{RehearsalEnding, RehearsalRow, RunRow};
use crate::execution::script::{self, Bracket, Followed, Transaction};
use crate::plan::{Group, Plan, Step};
use crate::preflight::Checker;
use crate::settings::TransactionMode;

/// Rehearses a plan. Files that run outside of a transaction are left out, and say so.
///
/// # Errors
/// Where it stopped; whatever that was, nothing of it stays.
pub fn rehearse(
    database: &mut Database,
    tables: &[Table],
    plan: &Plan,
    circumstances: &Circumstances,
    checker: &mut Checker<'_>,
) -> Result<Vec<RehearsalRow>, Stop> {
    let mut runner = Runner::new(database, circumstances, checker, 1);
    runner.is_rehearsal = true;
    runner.limits.is_read_only_outside = true;
    let result = runner.rehearse(tables, plan);
    let Runner {
        stopped_in, done, ..
    } = runner;
    result.map_err(|fault| Stop::new(fault, stopped_in, done, database, false))
}

impl Runner<'_, '_> {
    fn rehearse(&mut self, tables: &[Table], plan: &Plan) -> Result<Vec<RehearsalRow>, Fault> {
        let steps: Vec<_> = plan
            .groups
            .iter()
            .filter_map(|group| match group {
                Group::Transaction(steps) => Some(steps.clone()),
                Group::NoTransaction(_) => None,
            })
            .flatten()
            .collect();
        if steps.is_empty() {
            return Ok(rows(plan, vec![]));
        }
        let first = self.look()?;
        let transaction = self.begin(tables, &steps)?;
        self.stopped_in = StoppedIn::Transaction {
            transaction: transaction.clone(),
            at_commit: false,
        };
        let mut last: Option<&Step> = None;
        let mut recorded = Vec::with_capacity(steps.len());
        let mut before = first.clone();
        let mut in_use = first.in_use.clone();
        let mut found = Vec::with_capacity(steps.len());
        // Where each has a transaction of its own, an error of one says nothing about the others.
        let goes_on = self.circumstances.common.transaction == TransactionMode::Each;
        for step in &steps {
            let started = last.map_or(Started::At(&transaction.now), |last| {
                Started::Behind(&last.migration.name)
            });
            let has_passed = if goes_on {
                self.attempt(step, &transaction, started)?
            } else {
                self.step(step, &transaction, started)?;
                true
            };
            let after = self.look()?;
            if has_passed {
                found.push(effects(&first, &before, &after));
                recorded.push(step.clone());
                last = Some(step);
            } else {
                found.push(Effects::default());
            }
            in_use.extend(&after.in_use);
            before = after;
        }
        self.look_at_receipts(&recorded)?;
        self.database
            .session
            .ask(&script::rollback())
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        let last = self.look()?;
        for effects in &mut found {
            mark_traffic(effects, &first, &last, &in_use);
        }
        let done = std::mem::take(&mut self.done);
        Ok(rows(plan, done.into_iter().zip(found).collect()))
    }

    /// Runs one file within a savepoint; false if it fails, and then it is undone.
    fn attempt(
        &mut self,
        step: &Step,
        transaction: &Transaction,
        started: Started<'_>,
    ) -> Result<bool, Fault> {
        let mut checks = self.checked(step, Bracket::Savepoint)?;
        let prepared = self.prepare(step)?;
        let include = self.guarded(self.include(step, &prepared));
        let session = &mut self.database.session;
        session.send(&script::attempted(&include));
        let printed = self
            .hear(step)
            .map_err(|ending| self.fault_in(ending, step, &prepared, None))?;
        let mut answer = self
            .database
            .session
            .ask(&script::completion())
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        if self.judge(&mut answer, step, &prepared, &printed).is_err() {
            self.undo_attempt(step)?;
            self.note(step, checks, &printed);
            return Ok(false);
        }
        let entry = self.entry(step, started, &checks);
        let record = script::record(
            &self.database.place,
            &entry,
            transaction,
            &self.limits,
            Followed::ByAnother,
        );
        self.database
            .session
            .ask(&record)
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        match self.checked_after(step, Bracket::Savepoint) {
            Ok(more) => checks.extend(more),
            Err(Fault::Rejected { .. }) => {
                self.undo_attempt(step)?;
                self.note(step, checks, &printed);
                return Ok(false);
            }
            Err(fault) => return Err(fault),
        }
        self.note(step, checks, &printed);
        self.forget(step)?;
        Ok(true)
    }

    /// How long each has taken, as the ledgers say.
    fn look_at_receipts(&mut self, steps: &[Step]) -> Result<(), Fault> {
        if steps.is_empty() {
            return Ok(());
        }
        let output = self
            .database
            .session
            .ask(&self.receipts_query(steps))
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        self.receipts = parse(&output).map_err(|error| Fault::lost(&error, None))?;
        self.check_receipts(steps)
    }

    fn undo_attempt(&mut self, step: &Step) -> Result<(), Fault> {
        let name = &step.migration.name;
        let undo = script::undo_attempt(&self.limits);
        let undone = self.database.session.ask(&undo);
        undone.map_err(|_| Fault::TransactionEnded { name: name.clone() })?;
        self.forget(step)
    }

    fn look(&mut self) -> Result<Look, Fault> {
        let output = self
            .database
            .session
            .ask(&script::look(&self.database.place))
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        parse(&output).map_err(|error| Fault::lost(&error, None))
    }

    /// What stands before a rehearsed file: a trap that makes any COMMIT fail.
    pub(super) fn guarded(&self, include: String) -> String {
        if self.is_rehearsal {
            script::trapped(&include)
        } else {
            include
        }
    }
}

/// The rows of the report in the order of the plan, with how long each lock would be held.
fn rows(plan: &Plan, rehearsed: Vec<(RunRow, Effects)>) -> Vec<RehearsalRow> {
    let mut rehearsed = rehearsed.into_iter();
    let mut rows = Vec::new();
    for (number, group) in (1..).zip(&plan.groups) {
        let mut of_group = Vec::new();
        for step in group.steps() {
            let row = match group {
                Group::Transaction(_) => rehearsed.next(),
                Group::NoTransaction(_) => None,
            };
            of_group.push(match row {
                Some((row, effects)) => RehearsalRow {
                    ending: if row.applied.is_some() {
                        RehearsalEnding::Rehearsed
                    } else {
                        RehearsalEnding::Failed
                    },
                    run: RunRow {
                        group: number,
                        ..row
                    },
                    effects,
                },
                None => RehearsalRow {
                    run: RunRow {
                        reason: step.reason.clone(),
                        ..RunRow::not_applied(step.migration.name.clone(), number)
                    },
                    ending: RehearsalEnding::Skipped,
                    effects: Effects::default(),
                },
            });
        }
        // A lock is held from its file to the end of the transaction.
        let mut rest = Duration::ZERO;
        for row in of_group.iter_mut().rev() {
            rest += row.duration();
            for lock in &mut row.effects.locks {
                lock.held = rest;
            }
        }
        rows.extend(of_group);
    }
    rows
}
