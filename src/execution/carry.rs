//! Carried dependents: dropped before the step in whose way they stand, in the same transaction, and
//! looked at once their files were applied again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::Circumstances;
use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use crate::database::catalog::{Catalog, Detail, QUALIFIED};
use crate::database::parse;
use crate::error::list;
use crate::plan::carrying::{Carried, Dropped, lost};
use crate::plan::repeatables::Due;
use crate::plan::{Reason, Step};
use crate::psql::Output;
use crate::sql::quote::Literal;
use crate::tree::{Material, Name};

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

    /// Drops what stands in the way of a step, before these other steps of the transaction.
    pub(super) fn make_way(&mut self, step: &Step, later: &[Step]) -> Result<(), Fault> {
        let objects: Vec<_> = self
            .carried_over(step)
            .filter(|object| !self.dropped.contains(object))
            .cloned()
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        let name = &step.migration.name;
        self.refuse_to_be_passed_over(name, later)?;
        self.drop_by(name, &objects.iter().filter_map(lock).collect::<String>())?;
        self.refuse_what_has_changed(name, &objects)?;
        if self.before_drop.is_none() {
            self.before_drop = Some(self.everything()?);
        }
        let statements: String = objects
            .iter()
            .filter_map(Dropped::statement)
            .map(|statement| statement + ";\n")
            .collect();
        self.drop_by(name, &statements)?;
        self.dropped.extend(objects);
        Ok(())
    }

    fn drop_by(&mut self, name: &Name, statements: &str) -> Result<(), Fault> {
        let told = self.tell(statements).map(drop);
        told.map_err(|fault| match fault {
            Fault::Ledger { diagnostic, .. } => Fault::NotDropped {
                name: name.clone(),
                diagnostic,
            },
            other => other,
        })
    }

    /// A file between the drop and the end would not find what is dropped. Most statements say so; those
    /// that act on whatever is there do not.
    fn refuse_to_be_passed_over(&self, name: &Name, later: &[Step]) -> Result<(), Fault> {
        for step in later {
            let Circumstances {
                folders, interrupt, ..
            } = self.circumstances;
            let Ok(material) = Material::read(&step.migration, folders, interrupt) else {
                continue;
            };
            let mut found = None;
            let read = material.scripts(|script| {
                found = found.take().or_else(|| passes_over(script.content));
            });
            read.map_err(|error| Fault::lost(&error, Some(name)))?;
            if let Some(found) = found {
                return Err(Fault::PassedOver {
                    name: name.clone(),
                    later: step.migration.name.clone(),
                    found,
                });
            }
        }
        Ok(())
    }

    /// Its file would not bring back what somebody has changed in a view, nor the data of a materialized one.
    fn refuse_what_has_changed(&mut self, name: &Name, objects: &[Dropped]) -> Result<(), Fault> {
        let files = self.carried.iter().flat_map(|one| &one.files);
        let tracks: BTreeSet<_> = files.map(|file| &file.migration.name.track).collect();
        let query = self.database.place.changed_query(&Vec::from_iter(tracks));
        let changed: BTreeSet<String> =
            parse(&self.tell(&query)?).map_err(|error| Fault::lost(&error, Some(name)))?;
        let found: Vec<_> = objects
            .iter()
            .filter(|object| is_view(object) && changed.contains(&object.name))
            .map(Dropped::words)
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(Fault::ChangedSince {
            name: name.clone(),
            objects: found.join(", "),
        })
    }

    /// Is all that was dropped there again, with its owners, grants and comments?
    pub(super) fn look_at_carried(&mut self, applied: &[Step]) -> Result<(), Fault> {
        let Some(before) = self.before_drop.take() else {
            return Ok(());
        };
        let after = self.everything()?;
        // What a file says differently on purpose is no loss.
        let is_changed = |step: &&Step| {
            let reason = step.reason.as_ref();
            step.migration.name.is_repeatable()
                && !matches!(
                    reason,
                    Some(Reason::Repeatable(Due::Carried | Due::Dependency))
                )
        };
        let changed: BTreeSet<_> = applied
            .iter()
            .filter(is_changed)
            .map(|step| {
                let name = &step.migration.name;
                (name.track.to_string(), name.file_name())
            })
            .collect();
        let lost = lost(&self.dropped, &before, &after, &changed);
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

fn is_view(object: &Dropped) -> bool {
    matches!(object.kind.as_str(), "view" | "materialized view")
}

/// What keeps others from changing an object before it is dropped: it is given to whom it belongs.
fn lock(object: &Dropped) -> Option<String> {
    is_view(object).then(|| {
        format!(
            "SELECT pg_catalog.format('ALTER TABLE %s OWNER TO %I', oid::pg_catalog.regclass, \
             pg_catalog.pg_get_userbyid(relowner))\n  \
             FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass({}) \\gexec\n",
            Literal(&object.name)
        )
    })
}

/// What of a file acts on all that is there, and says nothing about what is not.
fn passes_over(content: &[u8]) -> Option<String> {
    static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let kinds = "view|function|routine|procedure|aggregate|trigger|policy|rule";
        let words = format!(
            r"(?i)\bon\s+all\s+(?:tables|functions|routines|procedures)\b|\b(?:reassign|drop)\s+owned\b|\b(?:{kinds})\s+if\s+exists\b"
        );
        Regex::new(&words).ok()
    });
    let text = String::from_utf8_lossy(content);
    let found = WORDS.as_ref()?.find(&text)?;
    Some(found.as_str().to_owned())
}
