//! A group that shares one transaction with its ledger rows.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::StoppedIn;
use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::notices;
use super::repeatables::apart;
use super::runner::{Runner, applied};
use crate::database::ledger::RowState;
use crate::database::ledger::receipts::NamesByTrack;
use crate::database::ledger::table::Table;
use crate::database::parse;
use crate::execution::script::{self, Since, Transaction};
use crate::plan::Step;
use crate::psql::{self, Output};
use crate::tree::Name;

impl Runner<'_, '_> {
    pub(super) fn transaction(
        &mut self,
        tables: &[Table],
        steps: &[Step],
        standby: &[Step],
    ) -> Result<(), Fault> {
        let transaction = self.begin(tables, steps)?;
        self.stopped_in = StoppedIn::Transaction {
            transaction: transaction.clone(),
            at_commit: false,
        };
        let (versioned, repeatables) = apart(steps);
        let are_all = repeatables.is_empty() && standby.is_empty();
        self.steps(versioned, &transaction, are_all)?;
        let mut steps = Cow::Borrowed(steps);
        if are_all {
            self.check_receipts(&steps)?;
        } else {
            let mut nothing = |_: &mut Self, _: &Step| Ok(());
            let last = versioned.last();
            let more = self.repeatables(repeatables, standby, &transaction, last, &mut nothing)?;
            steps.to_mut().extend(more);
            self.look_at_receipts(&steps)?;
        }
        let lost = self.lost(transaction.id);
        self.remember_all(&steps, &transaction, lost.as_deref())?;
        let knows_drops = lost.is_some() || !self.has_replaced;
        self.refuse_touching(tables, &steps, knows_drops)?;
        self.stopped_in = StoppedIn::Transaction {
            transaction: transaction.clone(),
            at_commit: true,
        };
        self.commit(&transaction, &steps)?;
        self.remember_later(&steps, transaction.id, transaction.newest, lost.as_deref());
        Ok(())
    }

    /// Lets the ledgers remember what the files of a transaction have done, before it ends.
    pub(super) fn remember_all(
        &mut self,
        steps: &[Step],
        transaction: &Transaction,
        lost: Option<&str>,
    ) -> Result<(), Fault> {
        self.remember(steps, Since::Begin, transaction.newest, lost, self.last())
    }

    pub(super) fn begin(&mut self, tables: &[Table], steps: &[Step]) -> Result<Transaction, Fault> {
        // A requirement may bring a track back after another one.
        let mut seen = BTreeSet::new();
        let ledgers: Vec<_> = steps
            .iter()
            .filter(|step| seen.insert(&step.migration.name.track))
            .filter_map(|step| self.ensure(tables, step))
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
        self.limits.has_deferrable = transaction.has_deferrable;
        self.newest = transaction.newest;
        if !transaction.holds_lock {
            return Err(Fault::LockLost);
        }
        Ok(transaction)
    }

    /// Do the ledgers hold what was written to them, and nothing of what was undone?
    pub(super) fn check_receipts(&mut self, steps: &[Step]) -> Result<(), Fault> {
        let receipts = std::mem::take(&mut self.receipts);
        self.has_replaced = receipts.has_replaced;
        self.written = receipts.written;
        let found: HashMap<_, _> = receipts
            .rows
            .iter()
            .map(|receipt| (receipt.name.as_str(), receipt))
            .collect();
        let last = self.last();
        for step in steps {
            let name = &step.migration.name;
            let receipt = found.get(recorded(step).as_str());
            if receipt.is_some() == step.undoes().is_some() {
                let name = last.clone().unwrap_or_else(|| name.clone());
                return Err(Fault::RowsGone { name });
            }
            let Some(receipt) = receipt else { continue };
            if receipt.hash != step.migration.checksum.as_str()
                || receipt.state != RowState::Applied.to_string()
            {
                let name = Some(name.clone());
                return Err(Fault::RowChanged { name });
            }
        }
        for row in &mut self.done {
            if let Some(receipt) = found.get(row.name.file_name().as_str()) {
                let id = &self.circumstances.common.execution_id;
                row.applied = Some(applied(&receipt.ended, id)?);
            }
        }
        Ok(())
    }

    /// Asks what the ledgers hold of these steps.
    pub(super) fn receipts_query(&self, steps: &[Step]) -> String {
        let asked = Asked::about(steps, &self.circumstances.common.execution_id);
        let place = &self.database.place;
        place.receipts_query(&asked.names, asked.writer, self.newest)
    }

    fn commit(&mut self, transaction: &Transaction, steps: &[Step]) -> Result<(), Fault> {
        let asked = Asked::about(steps, &self.circumstances.common.execution_id);
        let place = &self.database.place;
        let rows = place.count_query(&asked.names, asked.writer);
        let expected = steps.iter().filter(|step| step.undoes().is_none()).count();
        let commit = script::commit(transaction, &rows, expected, &self.limits);
        let output = self
            .database
            .session
            .ask(&commit)
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

/// Which ledger rows a group is about.
struct Asked<'a> {
    names: NamesByTrack<'a>,
    /// Whose rows count. Of an undo, no row may be left, whoever wrote it.
    writer: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn about(steps: &'a [Step], execution_id: &'a str) -> Self {
        let is_undo = steps.iter().all(|step| step.undoes().is_some());
        let mut names = NamesByTrack::new();
        for step in steps {
            let track = &step.migration.name.track;
            names.entry(track).or_default().push(recorded(step));
        }
        Self {
            names,
            writer: (!is_undo).then_some(execution_id),
        }
    }
}

/// The name under which the ledger has a step, or had it.
fn recorded(step: &Step) -> String {
    let recorded = step.undoes().map(str::to_owned);
    recorded.unwrap_or_else(|| step.migration.name.file_name())
}
