//! A group that shares one transaction with its ledger rows.

use std::collections::BTreeSet;

use super::StoppedIn;
use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::notices;
use super::runner::Runner;
use crate::database::ledger::table::Table;
use crate::database::parse;
use crate::execution::script::{self, Bracket, Followed, Transaction};
use crate::plan::Step;
use crate::psql::{self, Output};
use crate::tree::Name;

impl Runner<'_, '_> {
    pub(super) fn transaction(&mut self, tables: &[Table], steps: &[Step]) -> Result<(), Fault> {
        let transaction = self.begin(tables, steps)?;
        self.stopped_in = StoppedIn::Transaction {
            transaction: transaction.clone(),
            at_commit: false,
        };
        let mut started = transaction.now.clone();
        for (number, step) in (1..).zip(steps) {
            let followed = if number == steps.len() {
                Followed::ByCommit
            } else {
                Followed::ByAnother
            };
            started = self.step(step, &transaction, &started, followed)?;
        }
        self.stopped_in = StoppedIn::Transaction {
            transaction: transaction.clone(),
            at_commit: true,
        };
        self.commit(&transaction, steps)
    }

    pub(super) fn begin(&mut self, tables: &[Table], steps: &[Step]) -> Result<Transaction, Fault> {
        // A requirement may bring a track back after another one.
        let mut seen = BTreeSet::new();
        let ledgers: String = steps
            .iter()
            .filter(|step| seen.insert(&step.migration.name.track))
            .map(|step| self.ensure(tables, step))
            .collect();
        let output = self
            .database
            .session
            .ask(&script::begin(&self.limits, &self.database.place, &ledgers))
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        let transaction: Transaction = parse(&output).map_err(|error| Fault::lost(&error, None))?;
        if transaction.backend != self.database.server.backend {
            return Err(Fault::lost(&psql::Error::Pooled, None));
        }
        if !transaction.holds_lock {
            return Err(Fault::LockLost);
        }
        Ok(transaction)
    }

    /// Runs one file and records it; gives the server's clock at its end.
    pub(super) fn step(
        &mut self,
        step: &Step,
        transaction: &Transaction,
        started: &str,
        followed: Followed,
    ) -> Result<String, Fault> {
        let checks = self.checked(step, Bracket::Savepoint)?;
        let prepared = self.prepare(step)?;
        let include = self.guarded(self.include(step, &prepared));
        let entry = self.entry(step, started, &checks);
        let record = script::completion()
            + &script::record(
                &self.database.place,
                &entry,
                transaction,
                &self.limits,
                followed,
            );
        let session = &mut self.database.session;
        // Both at once: the file is recorded the moment it is done.
        session.send(&include);
        session.send(&record);
        let printed = self
            .hear(step)
            .map_err(|ending| self.fault_in(ending, step, &prepared, None))?;
        let mut recorded = self
            .database
            .session
            .receive()
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        self.judge(&mut recorded, step, &prepared, &printed)?;
        self.compare_again(step, &prepared)?;
        let ended = self.note(step, checks, &printed, &recorded)?;
        self.forget(step)?;
        Ok(ended)
    }

    fn commit(&mut self, transaction: &Transaction, steps: &[Step]) -> Result<(), Fault> {
        let names = steps.iter().map(|step| &step.migration.name);
        let tracks: BTreeSet<_> = names.map(|name| &name.track).collect();
        let tracks: Vec<_> = tracks.into_iter().collect();
        let recorded: Vec<_> = steps.iter().map(recorded).collect();
        let expected = steps.iter().filter(|step| step.undoes().is_none()).count();
        // Of an undo, no row may be left, whoever wrote it.
        let writer = (expected > 0).then_some(&*self.circumstances.common.execution_id);
        let rows = self.database.place.count_query(&tracks, &recorded, writer);
        let output = self
            .database
            .session
            .ask(&script::commit(transaction, &rows, expected))
            .map_err(|ending| fault_of(ending, Stage::Commit { last: self.last() }))?;
        self.hear_commit(&output);
        if output.stdout == [script::COMMITTED] {
            Ok(())
        } else {
            Err(Fault::ConnectionLost {
                during: None,
                detail: "after COMMIT, the ledger rows are not there".to_owned(),
            })
        }
    }

    /// The warnings of a commit, such as that no standby has it.
    pub(super) fn hear_commit(&mut self, output: &Output) {
        let said = notices::of(&Output {
            stdout: vec![],
            stderr: output.stderr.clone(),
        });
        if let Some(row) = self.done.last_mut() {
            for line in &said {
                self.circumstances
                    .progress
                    .said(&row.name.file_name(), line);
            }
            row.notices.extend(said);
        }
    }

    fn last(&self) -> Option<Name> {
        self.done.last().map(|row| row.name.clone())
    }
}

/// The name under which the ledger has a step, or had it.
fn recorded(step: &Step) -> String {
    let recorded = step.undoes().map(str::to_owned);
    recorded.unwrap_or_else(|| step.migration.name.file_name())
}
