//! Pending files, each read and linted once, however many look at it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::plan::{self, Fit, place};
use crate::settings::TransactionControl;
use crate::sql::inspection::{Inspection, Script, inspect};
use crate::sql::unsafe_ddl::{Statement, lint};
use crate::tree::{Material, Migration, Name, WorkingFolder};

/// A pending file with what it includes.
pub struct Reading<'m> {
    pub migration: &'m Migration,
    pub material: Material,
    pub inspection: Inspection,
    /// Of the migration itself.
    own: Vec<Statement>,
    /// Of each script that it includes.
    included: Vec<Vec<Statement>>,
}

impl<'m> Reading<'m> {
    fn of(migration: &'m Migration, manner: &Manner) -> Result<Self, plan::Error> {
        let material = Material::read(migration, &manner.folders)?;
        let inspection = inspect(material.script(migration), &material.scripts());
        let fit = place(migration, &inspection, manner.control);
        let is_in_transaction = fit != Some(Fit::NoTransaction);
        let lint = |script: Script<'_>| lint(script.content, manner.major, is_in_transaction);
        Ok(Self {
            own: lint(material.script(migration)),
            included: material.scripts().into_iter().map(lint).collect(),
            inspection,
            material,
            migration,
        })
    }

    pub fn own(&self) -> (Script<'_>, &[Statement]) {
        (self.material.script(self.migration), &self.own)
    }

    pub fn included(&self) -> impl Iterator<Item = (Script<'_>, &[Statement])> {
        let scripts = self.material.scripts().into_iter();
        scripts.zip(self.included.iter().map(Vec::as_slice))
    }
}

/// How files are read.
pub struct Manner {
    pub folders: WorkingFolder,
    pub control: TransactionControl,
    /// The server's major version, where one is connected.
    pub major: Option<u32>,
}

/// The files that were read so far.
pub struct Readings<'m> {
    manner: Manner,
    known: BTreeMap<&'m Name, Reading<'m>>,
}

impl<'m> Readings<'m> {
    pub fn new(manner: Manner) -> Self {
        let known = BTreeMap::new();
        Self { manner, known }
    }

    pub fn of(&mut self, migration: &'m Migration) -> Result<&Reading<'m>, plan::Error> {
        Ok(match self.known.entry(&migration.name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Reading::of(migration, &self.manner)?),
        })
    }
}
