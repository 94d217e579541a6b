//! What a pending statement meets: objects that the plan has made before it, tables of the connected
//! database, or nobody knows what.

use std::collections::BTreeMap;

use crate::database::relations::{Existing, Usage};
use crate::database::{self, Database};
use crate::sql::unsafe_ddl::{Deed, Named, Violation};

/// The database's objects, by name.
type Known = BTreeMap<String, Vec<Existing>>;

/// Follows the plan, statement by statement.
#[derive(Default)]
pub struct Surroundings {
    /// What the database has; `None` is not known.
    existing: Option<Known>,
    /// Does the script look for names elsewhere than the session does?
    pub sets_path: bool,
    /// What the plan has made of nothing.
    fresh: Vec<Named>,
    filled: Vec<Named>,
    dropped: Vec<Named>,
    /// Old names and new ones.
    renamed: Vec<(Named, Named)>,
    /// What was asked already.
    usages: BTreeMap<u32, Option<Usage>>,
}

/// What a hazard would do here.
pub enum Weight {
    /// Nobody is there who could be hurt.
    None,
    /// It is about no table, or nobody knows about which.
    Unknown,
    /// The largest table that it is about.
    Table(Usage),
}

impl Surroundings {
    pub fn of(database: &mut Database) -> Result<Self, database::Error> {
        let mut known = Known::new();
        for it in database.existing()? {
            known.entry(it.named.name.clone()).or_default().push(it);
        }
        Ok(Self {
            existing: Some(known),
            ..Self::default()
        })
    }

    pub fn is_known(&self) -> bool {
        self.existing.is_some()
    }

    /// Has the database, as far as it is known, such an object?
    pub fn has(&self, it: &Named) -> bool {
        self.find(it).is_some()
    }

    /// What a violation weighs. The database, if it is connected, is asked about tables.
    pub fn weigh(
        &mut self,
        violation: &Violation,
        touched: &[Named],
        database: Option<&mut Database>,
    ) -> Result<Weight, database::Error> {
        if touched.is_empty() || !violation.is_about_others() {
            return Ok(Weight::Unknown);
        }
        if violation.fails_on_rows() && touched.iter().any(|it| is_in(&self.filled, it)) {
            return Ok(Weight::Unknown);
        }
        let old: Vec<_> = touched
            .iter()
            .filter(|it| !is_in(&self.fresh, it) && !is_named_after(&self.fresh, it))
            .collect();
        if !self.is_known() {
            return Ok(if old.is_empty() {
                Weight::None
            } else {
                Weight::Unknown
            });
        }
        let found: Vec<_> = old
            .iter()
            .filter_map(|it| self.find(&self.before(it)))
            .map(|found| found.table)
            .collect();
        if found.is_empty() {
            return Ok(Weight::None);
        }
        let Some(database) = database else {
            return Ok(Weight::Unknown);
        };
        let mut largest: Option<Usage> = None;
        for table in found.into_iter().flatten() {
            let usage = match self.usages.get(&table) {
                Some(known) => known.clone(),
                None => {
                    let usage = database.usage(table)?;
                    self.usages.insert(table, usage.clone());
                    usage
                }
            };
            if let Some(usage) = usage
                && largest
                    .as_ref()
                    .is_none_or(|largest| largest.size < usage.size)
            {
                largest = Some(usage);
            }
        }
        Ok(largest.map_or(Weight::Unknown, Weight::Table))
    }

    /// Takes in what a statement has done.
    pub fn pass(&mut self, deed: &Deed) {
        for it in &deed.dropped {
            self.fresh.retain(|fresh| !fresh.may_be(it));
            self.dropped.push(it.clone());
        }
        for made in &deed.made {
            let is_there = self.find(&self.before(made)).is_some();
            if !is_there || is_in(&self.dropped, made) {
                self.fresh.push(made.clone());
            }
        }
        self.filled.extend(deed.filled.iter().cloned());
        if let Some((from, to)) = &deed.renamed {
            if is_in(&self.fresh, from) {
                self.fresh.push(to.clone());
            }
            self.renamed.push((from.clone(), to.clone()));
        }
    }

    /// Without a schema, it is one of the search path, as the server would find it.
    fn find(&self, it: &Named) -> Option<&Existing> {
        let named = self.existing.as_ref()?.get(&it.name)?;
        named.iter().find(|there| {
            let is_seen = it.schema.is_some() || there.is_on_path || self.sets_path;
            there.named.may_be(it) && is_seen
        })
    }

    /// The name that an object had before the plan.
    fn before(&self, it: &Named) -> Named {
        let mut name = it.clone();
        for (from, to) in self.renamed.iter().rev() {
            if to.may_be(&name) {
                name = from.clone();
            }
        }
        name
    }
}

fn is_in(names: &[Named], it: &Named) -> bool {
    names.iter().any(|name| name.may_be(it))
}

/// What PostgreSQL names after a table: the sequences and indexes that come with its columns.
fn is_named_after(tables: &[Named], it: &Named) -> bool {
    let is_such = |table: &Named| {
        let rest = it.name.strip_prefix(table.name.as_str());
        let ends = ["seq", "pkey", "key", "idx", "excl"];
        let is_made = rest
            .and_then(|rest| rest.strip_prefix('_'))
            .is_some_and(|rest| ends.iter().any(|end| rest.rsplit('_').next() == Some(end)));
        let renamed = Named {
            name: it.name.clone(),
            ..table.clone()
        };
        is_made && renamed.may_be(it)
    };
    tables.iter().any(is_such)
}
