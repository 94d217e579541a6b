//! A file that cannot share a transaction: its row says `running` before it begins, and
//! `applied` when it is done.

use serde::Deserialize;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::late::unchecked;
use super::outcome::named;
use super::runner::Runner;
use super::{Phase, StoppedIn};
use crate::checks::{Broken, Check};
use crate::database::kinds;
use crate::database::ledger::entry::Started;
use crate::database::ledger::table::Table;
use crate::database::parse;
use crate::execution::script::{self, Bracket, Since};
use crate::plan::Step;
use crate::psql::{self, Output};

#[derive(Deserialize)]
struct Before {
    now: String,
    holds_lock: bool,
    /// The number of a transaction before the file.
    id: String,
    /// The number of the newest object before it.
    newest: i64,
    /// May this user read all catalogues?
    reads_all: bool,
}

#[derive(Deserialize)]
struct After {
    transaction_open: bool,
    invalid_indexes: Vec<String>,
}

impl Runner<'_, '_> {
    pub(super) fn no_transaction(&mut self, tables: &[Table], step: &Step) -> Result<(), Fault> {
        let name = &step.migration.name;
        let sense = |error: psql::Error| Fault::lost(&error, Some(name));
        let mut checks = self.checked(step, Bracket::Transaction)?;
        let ensure = self.ensure(tables, step);
        let ensure = ensure.map_or_else(String::new, |statement| statement + ";\n");
        let entry = self.entry(step, Started::At(""), &checks);
        let begin = script::begin_outside(&self.database.place, &entry, &self.limits, &ensure);
        // From here on its row may be there, whether the answer comes or not.
        self.stopped_in = StoppedIn::NoTransaction {
            name: name.clone(),
            path: step.migration.path.clone(),
            phase: Phase::Beginning,
        };
        let output = self
            .database
            .session
            .ask(&begin)
            .map_err(|ending| self.not_begun(fault_of(ending, Stage::Begin)))?;
        let before: Before = parse(&output).map_err(sense)?;
        if !before.holds_lock {
            self.stopped_in = StoppedIn::Nothing;
            return Err(Fault::LockLost);
        }
        self.written = before.reads_all.then(|| {
            let all = kinds::all().map(|(name, _)| name.to_owned());
            all.collect()
        });
        let lost = self.droppable()?;
        self.enter(Phase::Running);
        let printed = self.run_file(step)?;
        checks.extend(self.verified(step)?);
        self.enter(Phase::Ending);

        let entry = self.entry(step, Started::At(&before.now), &checks);
        let finish = script::finish_outside(&self.database.place, &entry, &self.limits);
        let mut recorded = self.database.session.ask(&finish).map_err(|ending| {
            let last = Some(name.clone());
            // It is the row that cannot be written, and no transaction.
            match fault_of(ending, Stage::Commit { last: last.clone() }) {
                Fault::Commit { diagnostic } => Fault::Ledger {
                    name: last,
                    diagnostic,
                },
                other => other,
            }
        })?;
        self.note(step, checks, &printed);
        self.take_ended(step, &mut recorded)?;
        self.hear_commit(&recorded);
        let id = before.id.parse().unwrap_or_default();
        let steps = std::slice::from_ref(step);
        let lost = lost.as_deref();
        let since = Since::Transactions(&[id]);
        self.remember(steps, since, before.newest, lost, Some(name.clone()))?;
        self.remember_later(steps, id, before.newest, lost);
        self.tell_touched(step);
        self.forget(step)
    }

    /// Notes how far the file has come.
    fn enter(&mut self, now: Phase) {
        if let StoppedIn::NoTransaction { phase, .. } = &mut self.stopped_in {
            *phase = now;
        }
    }

    /// An error of the server's means that there is no row; a lost connection leaves it open.
    fn not_begun(&mut self, fault: Fault) -> Fault {
        if matches!(fault, Fault::Ledger { .. } | Fault::RowChanged { .. }) {
            self.stopped_in = StoppedIn::Nothing;
        }
        fault
    }

    /// Checks what the file has made, in a session that is clean of it.
    fn verified(&mut self, step: &Step) -> Result<Vec<Check>, Fault> {
        if step.is_checked_after() {
            let name = &step.migration.name;
            let clean = script::clean_outside(&self.limits);
            let cleaned = self.database.session.ask(&clean);
            cleaned.map_err(|ending| unchecked(name, Broken::Session(ending)))?;
        }
        self.checked_after(step, Bracket::Transaction)
    }

    /// Runs the file, and looks at what it has left behind.
    fn run_file(&mut self, step: &Step) -> Result<Output, Fault> {
        let name = &step.migration.name;
        let prepared = self.prepare(step)?;
        let include = self.include(step, &prepared);
        let session = &mut self.database.session;
        session.send_file(&include);
        session.send(&(script::completion() + &script::check_outside()));
        let printed = self
            .hear(step)
            .map_err(|ending| self.fault_in(ending, step, &prepared, None))?;
        let mut checked = self
            .database
            .session
            .receive()
            .map_err(|ending| self.fault_in(ending, step, &prepared, Some(&printed)))?;
        self.judge(&mut checked, step, &prepared, &printed)?;
        self.compare_again(step, &prepared)?;
        let after: After = parse(&checked).map_err(|error| Fault::lost(&error, Some(name)))?;
        if after.transaction_open {
            return Err(Fault::TransactionOpen { name: name.clone() });
        }
        // No statement failed, and so what the file made is valid; but CREATE INDEX CONCURRENTLY IF
        // NOT EXISTS passes over what an earlier attempt has left. Others build indexes meanwhile.
        let indexes = named(after.invalid_indexes, &step.migration.path);
        if indexes.is_empty() {
            Ok(printed)
        } else {
            Err(Fault::InvalidIndexes {
                name: name.clone(),
                indexes,
            })
        }
    }
}
