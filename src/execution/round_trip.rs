//! Up, down and up again in one transaction that is always rolled back: does an undo undo?

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use super::script;
use super::{Circumstances, Stop, StoppedIn};
use crate::database::Database;
use crate::database::catalog::{Catalog, Detail, Difference, compare};
use crate::database::ledger::entry::Started;
use crate::database::ledger::table::Table;
use crate::plan::Step;
use crate::preflight::Checker;
use crate::tree::Name;

/// A migration and the file that undoes it.
#[derive(Debug, Clone)]
pub struct Pair {
    pub up: Step,
    pub down: Step,
}

/// How the schema differs where it should not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundTrip {
    pub name: Name,
    /// Before the migration, and after its undo.
    pub after_undo: Vec<Difference>,
    /// After the migration, and after it ran once more.
    pub second_time: Vec<Difference>,
}

/// Takes each migration there, back and there again.
///
/// # Errors
/// Where it stopped; whatever that was, nothing of it stays.
pub fn round_trips(
    database: &mut Database,
    tables: &[Table],
    pairs: &[Pair],
    circumstances: &Circumstances,
    checker: &mut Checker<'_>,
) -> Result<Vec<RoundTrip>, Stop> {
    let mut runner = Runner::new(database, circumstances, checker, 1);
    runner.is_rehearsal = true;
    runner.limits.is_read_only_outside = true;
    let mut is_undo = false;
    let result = runner.round_trips(tables, pairs, &mut is_undo);
    let Runner {
        stopped_in, done, ..
    } = runner;
    result.map_err(|fault| Stop::new(fault, stopped_in, done, database, is_undo))
}

impl Runner<'_, '_> {
    fn round_trips(
        &mut self,
        tables: &[Table],
        pairs: &[Pair],
        is_undo: &mut bool,
    ) -> Result<Vec<RoundTrip>, Fault> {
        let ups: Vec<_> = pairs.iter().map(|pair| pair.up.clone()).collect();
        let transaction = self.begin(tables, &ups)?;
        self.stopped_in = StoppedIn::Transaction {
            transaction: transaction.clone(),
            at_commit: false,
        };
        let now = transaction.now.clone();
        let started = Started::At(&now);
        let mut found = Vec::with_capacity(pairs.len());
        for Pair { up, down } in pairs {
            let before = self.catalog()?;
            self.step(up, &transaction, started)?;
            let made = self.catalog()?;
            *is_undo = true;
            self.step(down, &transaction, started)?;
            *is_undo = false;
            let undone = self.catalog()?;
            self.step(up, &transaction, started)?;
            let again = self.catalog()?;
            found.push(RoundTrip {
                name: up.migration.name.clone(),
                after_undo: compare(&before, &undone),
                second_time: compare(&made, &again),
            });
        }
        self.database
            .session
            .ask(&script::rollback())
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        Ok(found)
    }

    fn catalog(&mut self) -> Result<Catalog, Fault> {
        let query = self.database.catalog_query(Detail::Definitions);
        let output = self
            .database
            .session
            .ask(&query)
            .map_err(|ending| fault_of(ending, Stage::Begin))?;
        let text = output.stdout.join("\n");
        Catalog::parse(&text).map_err(|error| Fault::lost(&error, None))
    }
}
