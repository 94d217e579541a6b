//! Runs everything in one transaction that is always rolled back, and looks at what each file does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::attempt::Attempt;
use super::carry::with_carried;
use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::repeatables::apart;
use super::runner::Runner;
use super::{Circumstances, Stop, StoppedIn};
use crate::database::ledger::entry::Started;
use crate::database::ledger::table::Table;
use crate::database::{Database, parse};
use crate::execution::effects::{Effects, Look, effects, mark_traffic};
use crate::execution::row::{RehearsalEnding, RehearsalRow, RunRow};
use crate::execution::script::{self, Transaction};
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
    runner.carried = &plan.carried;
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
        let steps = with_carried(&steps, &plan.carried);
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
        let (versioned, repeatables) = apart(&steps);
        for (number, step) in (1..).zip(versioned) {
            let started = last.map_or(Started::At(&transaction.now), |last| {
                Started::Behind(&last.migration.name)
            });
            // Where each has a transaction of its own, what is dropped is applied again before the next.
            let later = versioned.get(number..).filter(|_| !goes_on);
            self.make_way(step, later.unwrap_or_default())?;
            let has_passed = if goes_on {
                self.attempt(step, &transaction, started)?
            } else {
                self.step(step, &transaction, started)?;
                true
            };
            let after = self.look()?;
            if has_passed {
                let name = step.migration.name.clone();
                found.push((name, effects(&first, &before, &after)));
                recorded.push(step.clone());
                last = Some(step);
            }
            in_use.extend(&after.in_use);
            before = after;
        }
        let mut after = |runner: &mut Self, step: &Step| {
            let after = runner.look()?;
            found.push((
                step.migration.name.clone(),
                effects(&first, &before, &after),
            ));
            in_use.extend(&after.in_use);
            before = after;
            Ok(())
        };
        if goes_on {
            let stuck = self.in_some_order(repeatables, &transaction, last, &mut after)?;
            if stuck.is_empty() {
                self.look_at_carried(repeatables)?;
            }
            let names: BTreeSet<_> = stuck.iter().map(|one| &one.step.migration.name).collect();
            let passed = repeatables
                .iter()
                .filter(|step| !names.contains(&step.migration.name));
            recorded.extend(passed.cloned());
            self.done.extend(stuck.into_iter().map(|one| RunRow {
                error: one.fault.diagnostic().cloned(),
                ..*one.row
            }));
        } else {
            let standby = plan.standby.as_slice();
            let more = self.repeatables(repeatables, standby, &transaction, last, &mut after)?;
            recorded.extend(repeatables.iter().cloned().chain(more));
        }
        self.look_at_receipts(&recorded)?;
        let lost = self.lost(transaction.id);
        self.remember_all(&recorded, &transaction, lost.as_deref())?;
        let knows_drops = lost.is_some() || !self.has_replaced;
        self.refuse_touching(tables, &recorded, knows_drops)?;
        self.database
            .session
            .ask(&script::rollback())
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        let last = self.look()?;
        for (_, effects) in &mut found {
            mark_traffic(effects, &first, &last, &in_use);
        }
        // One that was applied twice has the effects of the last time.
        let mut found: BTreeMap<_, _> = found.into_iter().collect();
        let done = std::mem::take(&mut self.done);
        let rehearsed = done.into_iter().map(|row| {
            let effects = found.remove(&row.name).unwrap_or_default();
            (row, effects)
        });
        Ok(rows(plan, in_order_of(plan, rehearsed.collect())))
    }

    /// Runs one file within a savepoint; false if it fails, and then it is undone.
    fn attempt(
        &mut self,
        step: &Step,
        transaction: &Transaction,
        started: Started<'_>,
    ) -> Result<bool, Fault> {
        Ok(match self.attempted(step, transaction, started)? {
            Attempt::Recorded => true,
            // What is in its way may be carried.
            Attempt::Failed { fault, .. } if fault.is_dependence() && !self.is_settled(step) => {
                return Err(*fault);
            }
            Attempt::Failed { fault, row } => {
                self.done.push(RunRow {
                    error: fault.diagnostic().cloned(),
                    ..*row
                });
                false
            }
        })
    }

    /// How long each has taken, as the ledgers say.
    pub(super) fn look_at_receipts(&mut self, steps: &[Step]) -> Result<(), Fault> {
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

/// Repeatables found an order of their own.
fn in_order_of(plan: &Plan, mut rehearsed: Vec<(RunRow, Effects)>) -> Vec<(RunRow, Effects)> {
    let places: BTreeMap<_, _> = plan
        .steps()
        .enumerate()
        .map(|(place, step)| (&step.migration.name, place))
        .collect();
    // Those that stood by come last.
    rehearsed.sort_by_key(|(row, _)| places.get(&row.name).copied().unwrap_or(usize::MAX));
    rehearsed
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
                    ending: ending(&row),
                    run: RunRow {
                        group: number,
                        ..row
                    },
                    effects,
                    conflicts: vec![],
                },
                None => RehearsalRow {
                    run: RunRow {
                        reason: step.reason.clone(),
                        ..RunRow::not_applied(step.migration.name.clone(), number)
                    },
                    ending: RehearsalEnding::Skipped,
                    effects: Effects::default(),
                    conflicts: vec![],
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
    let last = plan.groups.len();
    rows.extend(rehearsed.map(|(row, effects)| RehearsalRow {
        ending: ending(&row),
        run: RunRow { group: last, ..row },
        effects,
        conflicts: vec![],
    }));
    rows
}

fn ending(row: &RunRow) -> RehearsalEnding {
    if row.applied.is_some() {
        RehearsalEnding::Rehearsed
    } else {
        RehearsalEnding::Failed
    }
}
