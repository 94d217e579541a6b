//! The repeatables of a transaction. Nobody numbers them: each that fails is tried again behind the
//! others, until nothing moves.

use std::collections::BTreeSet;

use super::attempt::Attempt;
use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::row::RunRow;
use super::runner::Runner;
use super::script::Transaction;
use crate::database::ledger::entry::Started;
use crate::database::parse;
use crate::error::list;
use crate::plan::repeatables::Due;
use crate::plan::{Reason, Step};

/// The steps of a transaction that have their place, and those that find it.
pub(super) fn apart(steps: &[Step]) -> (&[Step], &[Step]) {
    let first = steps
        .iter()
        .position(|step| step.migration.name.is_repeatable());
    steps.split_at(first.unwrap_or(steps.len()))
}

/// A repeatable that could not be applied, and why not.
pub(super) struct Stuck<'s> {
    pub step: &'s Step,
    pub fault: Fault,
    /// What it said.
    pub row: Box<RunRow>,
}

impl Runner<'_, '_> {
    /// Applies all of them behind the last of the others, then those that are due because of what the
    /// transaction has changed. Gives those of them that were standing by.
    ///
    /// # Errors
    /// Those that fail wherever they are tried, each with its last error.
    pub(super) fn repeatables(
        &mut self,
        steps: &[Step],
        standby: &[Step],
        transaction: &Transaction,
        last: Option<&Step>,
        after: &mut dyn FnMut(&mut Self, &Step) -> Result<(), Fault>,
    ) -> Result<Vec<Step>, Fault> {
        let stuck = self.in_some_order(steps, transaction, last, after)?;
        together(stuck)?;
        let waits = |step: &&Step| steps.iter().all(|due| due.migration != step.migration);
        let standby = standby.iter().filter(waits).cloned().collect::<Vec<_>>();
        let candidates: Vec<_> = steps.iter().chain(&standby).cloned().collect();
        let last = steps.last().or(last);
        self.dependents(&candidates, transaction, last, after)?;
        self.look_at_carried(steps)?;
        let mut standby = standby;
        standby.retain(|step| {
            let mut done = self.done.iter();
            done.any(|row| row.name == step.migration.name)
        });
        Ok(standby)
    }

    /// Applies those that stand on what is newer than they are. Each round may make others due, and none
    /// needs more rounds than there are of them.
    fn dependents(
        &mut self,
        candidates: &[Step],
        transaction: &Transaction,
        last: Option<&Step>,
        after: &mut dyn FnMut(&mut Self, &Step) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut last = last.cloned();
        for _ in candidates {
            let due = self.due_now(candidates)?;
            let Some(next) = due.last() else {
                break;
            };
            let stuck = self.in_some_order(&due, transaction, last.as_ref(), after)?;
            together(stuck)?;
            last = Some(next.clone());
        }
        Ok(())
    }

    /// Those that stand on what is newer than they are, as the database is at this moment.
    pub(super) fn due_now(&mut self, candidates: &[Step]) -> Result<Vec<Step>, Fault> {
        let tracks = candidates.iter().map(|step| &step.migration.name.track);
        let tracks: BTreeSet<_> = tracks.collect();
        if tracks.is_empty() {
            return Ok(vec![]);
        }
        let query = self
            .database
            .place
            .dependency_query(&Vec::from_iter(tracks));
        let output = self
            .database
            .session
            .ask(&query)
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        let names: BTreeSet<String> = parse(&output).map_err(|error| Fault::lost(&error, None))?;
        Ok(candidates
            .iter()
            .filter(|step| names.contains(&step.migration.name.file_name()))
            .map(|step| Step {
                reason: Some(Reason::Repeatable(Due::Dependency)),
                ..step.clone()
            })
            .collect())
    }

    /// Applies those that can be, in an order that is found; `after` looks at the database behind each.
    /// Gives those that fail wherever they are tried.
    pub(super) fn in_some_order<'s>(
        &mut self,
        steps: &'s [Step],
        transaction: &Transaction,
        mut last: Option<&'s Step>,
        after: &mut dyn FnMut(&mut Self, &Step) -> Result<(), Fault>,
    ) -> Result<Vec<Stuck<'s>>, Fault> {
        let mut waiting: Vec<&Step> = steps.iter().collect();
        loop {
            let tried = waiting.len();
            let mut stuck = Vec::new();
            for step in waiting {
                let started = last.map_or(Started::At(&transaction.now), |last| {
                    Started::Behind(&last.migration.name)
                });
                match self.attempted(step, transaction, started)? {
                    Attempt::Recorded => {
                        last = Some(step);
                        after(self, step)?;
                    }
                    // The whole transaction is tried again.
                    Attempt::Failed { fault, .. } if fault.is_passing() => return Err(*fault),
                    Attempt::Failed { fault, row } => stuck.push(Stuck {
                        step,
                        fault: *fault,
                        row,
                    }),
                }
            }
            if stuck.is_empty() || stuck.len() == tried {
                return Ok(stuck);
            }
            waiting = stuck.iter().map(|stuck| stuck.step).collect();
        }
    }
}

/// The error of those that are stuck, if there are any.
pub(super) fn together(stuck: Vec<Stuck<'_>>) -> Result<(), Fault> {
    let mut faults = stuck.into_iter().map(|stuck| stuck.fault);
    match (faults.next(), faults.len()) {
        (None, _) => Ok(()),
        (Some(only), 0) => Err(only),
        (Some(first), _) => {
            let all: Vec<_> = std::iter::once(first).chain(faults).collect();
            Err(Fault::Stuck {
                count: all.len(),
                errors: list(&all),
            })
        }
    }
}
