//! Carried dependents: dropped before the step in whose way they stand, in the same transaction, and
//! looked at once their files were applied again.

use std::borrow::Cow;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use crate::database::catalog::{Catalog, Detail, QUALIFIED};
use crate::error::list;
use crate::plan::carrying::{Carried, Dropped, lost};
use crate::plan::repeatables::Due;
use crate::plan::{Reason, Step};
use crate::psql::Output;

/// The steps of a transaction, with the files that make again what is dropped in it behind them.
pub(super) fn with_carried<'s>(steps: &'s [Step], carried: &[Carried]) -> Cow<'s, [Step]> {
    let mut all = Cow::Borrowed(steps);
    let is_of = |one: &&Carried| steps.iter().any(|step| step.migration.name == one.step);
    for file in carried.iter().filter(is_of).flat_map(|one| &one.files) {
        if all
            .iter()
            .all(|step| step.migration.name != file.migration.name)
        {
            all.to_mut().push(file.clone());
        }
    }
    all
}

impl Runner<'_, '_> {
    /// Does something stand in the way of a step?
    pub(super) fn has_to_make_way(&self, step: &Step) -> bool {
        self.carried_over(step).next().is_some()
    }

    fn carried_over(&self, step: &Step) -> impl Iterator<Item = &Dropped> {
        let name = &step.migration.name;
        let carried = self.carried.iter().filter(move |one| one.step == *name);
        let objects = carried.flat_map(|one| &one.objects);
        objects.filter(|object| object.statement().is_some())
    }

    /// Is nothing more carried over a step?
    pub(super) fn is_settled(&self, step: &Step) -> bool {
        let name = &step.migration.name;
        let mut entries = self.carried.iter().filter(|one| one.step == *name);
        entries.any(|one| one.objects.is_empty())
    }

    /// What was carried, for the report of the step.
    pub(super) fn carried_for(&self, step: &Step) -> Option<String> {
        let words: Vec<_> = self.carried_over(step).map(Dropped::words).collect();
        (!words.is_empty()).then(|| {
            format!(
                "dropped for this step and applied again: {}",
                words.join(", ")
            )
        })
    }

    /// Drops what stands in the way of a step.
    pub(super) fn make_way(&mut self, step: &Step) -> Result<(), Fault> {
        let objects: Vec<_> = self
            .carried_over(step)
            .filter(|object| !self.dropped.contains(object))
            .cloned()
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        if self.before_drop.is_none() {
            self.before_drop = Some(self.everything()?);
        }
        let statements: String = objects
            .iter()
            .filter_map(Dropped::statement)
            .map(|statement| statement + ";\n")
            .collect();
        let name = &step.migration.name;
        self.tell(&statements).map_err(|fault| match fault {
            Fault::Ledger { diagnostic, .. } => Fault::NotDropped {
                name: name.clone(),
                diagnostic,
            },
            other => other,
        })?;
        self.dropped.extend(objects);
        Ok(())
    }

    /// Is all that was dropped there again, with its owners, grants and comments?
    pub(super) fn look_at_carried(&mut self, applied: &[Step]) -> Result<(), Fault> {
        let Some(before) = self.before_drop.take() else {
            return Ok(());
        };
        let after = self.everything()?;
        // What a file says differently on purpose is no loss.
        let files = self.carried.iter().flat_map(|one| &one.files);
        let is_as_it_was = files.into_iter().all(|file| {
            let step = applied.iter().find(|step| step.migration == file.migration);
            step.is_none_or(|step| {
                matches!(
                    step.reason,
                    Some(Reason::Repeatable(Due::Carried | Due::Dependency))
                )
            })
        });
        let lost = lost(&self.dropped, &before, &after, is_as_it_was);
        if lost.is_empty() {
            return Ok(());
        }
        Err(Fault::NotRestored { lost: list(&lost) })
    }

    fn everything(&mut self) -> Result<Catalog, Fault> {
        let query = self.database.catalog_query(Detail::Everything);
        let output = self.tell(&format!(
            "SAVEPOINT migrate_carried;\n{QUALIFIED}{query}ROLLBACK TO SAVEPOINT migrate_carried;\n\
             RELEASE SAVEPOINT migrate_carried;\n"
        ))?;
        let text = output.stdout.join("\n");
        Catalog::parse(&text).map_err(|error| Fault::lost(&error, None))
    }

    fn tell(&mut self, text: &str) -> Result<Output, Fault> {
        let session = &mut self.database.session;
        session
            .ask(text)
            .map_err(|ending| fault_of(ending, Stage::Begin))
    }
}
