//! A file that may fail: it runs within a savepoint, and is undone where it does.

use super::fault::Fault;
use super::notices;
use super::row::RunRow;
use super::runner::Runner;
use super::script::{self, Bracket, Followed, Transaction};
use crate::database::ledger::entry::Started;
use crate::plan::Step;
use crate::psql::Output;

/// How an attempt ended.
pub(super) enum Attempt {
    Recorded,
    /// Nothing of it is left; what it said.
    Failed {
        fault: Box<Fault>,
        row: Box<RunRow>,
    },
}

impl Runner<'_, '_> {
    /// Runs one file within a savepoint, and records it.
    ///
    /// # Errors
    /// What is no failure of the file itself.
    pub(super) fn attempted(
        &mut self,
        step: &Step,
        transaction: &Transaction,
        started: Started<'_>,
    ) -> Result<Attempt, Fault> {
        let mut checks = self.checked(step, Bracket::Savepoint)?;
        let prepared = self.prepare(step)?;
        let include = self.guarded(self.include(step, &prepared));
        let session = &mut self.database.session;
        session.send_file(&script::attempted(&include));
        let mut printed = self
            .hear(step)
            .map_err(|ending| self.fault_in(ending, step, &prepared, None))?;
        let mut answer = self
            .database
            .session
            .ask(&script::completion())
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        let number = self.number;
        let failed = |checks, printed: &Output| RunRow {
            reason: step.reason.clone(),
            notices: notices::of(printed),
            checks,
            ..RunRow::not_applied(step.migration.name.clone(), number)
        };
        if let Err(fault) = self.judge(&mut answer, step, &prepared, &printed) {
            let row = Box::new(failed(checks, &printed));
            self.undo_attempt(step)?;
            let fault = Box::new(fault);
            return Ok(Attempt::Failed { fault, row });
        }
        self.limits.has_deferrable |= step.plain.is_none_or(|plain| plain.may_defer);
        let entry = self.entry(step, started, &checks);
        let record = script::record(
            &self.database.place,
            &entry,
            transaction,
            &self.limits,
            Followed::ByAnother,
        );
        let mut recorded = self
            .database
            .session
            .ask(&record)
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        self.hear_late(step, &mut recorded, &mut printed);
        match self.checked_after(step, Bracket::Savepoint) {
            Ok(more) => checks.extend(more),
            Err(fault @ Fault::Rejected { .. }) => {
                let row = Box::new(failed(checks, &printed));
                self.undo_attempt(step)?;
                let fault = Box::new(fault);
                return Ok(Attempt::Failed { fault, row });
            }
            Err(fault) => return Err(fault),
        }
        let made = if step.migration.name.is_repeatable() {
            self.database.place.remember_made(&step.migration.name)
        } else {
            String::new()
        };
        self.database
            .session
            .ask(&(made + script::KEEP_ATTEMPT))
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        self.compare_again(step, &prepared)?;
        // One that is applied once more is reported once.
        self.done.retain(|row| row.name != step.migration.name);
        self.note(step, checks, &printed);
        self.forget(step)?;
        Ok(Attempt::Recorded)
    }

    fn undo_attempt(&mut self, step: &Step) -> Result<(), Fault> {
        let name = &step.migration.name;
        let undo = script::undo_attempt(&self.limits);
        let undone = self.database.session.ask(&undo);
        undone.map_err(|_| Fault::TransactionEnded { name: name.clone() })?;
        self.forget(step)
    }
}
