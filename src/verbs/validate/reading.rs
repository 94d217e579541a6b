//! Pending files, each read and linted once, however many look at it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use crate::plan::{self, Fit, place};
use crate::process::interrupt::Interrupt;
use crate::settings::Settings;
use crate::sql::unsafe_ddl::{Linting, Statement};
use crate::tree::{Judgement, Material, Migration, Name, WorkingFolder};

/// A pending file with what it includes.
pub struct Reading<'m> {
    pub migration: &'m Migration,
    pub material: Material,
    pub judgement: Judgement,
    /// Its own script, then those that it includes.
    pub scripts: Vec<Linted>,
}

/// A script with what the linter finds in it.
pub struct Linted {
    pub path: PathBuf,
    pub statements: Vec<Statement>,
    /// Does it name the setting `search_path`?
    pub sets_path: bool,
}

impl<'m> Reading<'m> {
    fn of(migration: &'m Migration, manner: &Manner) -> Result<Self, plan::Error> {
        let material = Material::read(migration, &manner.folders, &manner.interrupt)?;
        let settings = &manner.settings;
        let judgement = material.judge(&settings.variables_of(migration.name.track.as_str()))?;
        let fit = place(
            migration,
            &judgement.inspection,
            settings.transaction_control,
        );
        let is_in_transaction = fit != Some(Fit::NoTransaction);
        let mut scripts: Vec<(PathBuf, Linting, bool)> = Vec::new();
        material.scripts(|script| {
            if script.offset == 0 {
                let linting = Linting::new(manner.major, is_in_transaction);
                scripts.push((script.path.to_owned(), linting, false));
            }
            if let Some((_, linting, sets_path)) = scripts.last_mut() {
                linting.take(script);
                *sets_path |= String::from_utf8_lossy(script.content)
                    .to_lowercase()
                    .contains("search_path");
            }
        })?;
        let linted = scripts
            .into_iter()
            .map(|(path, linting, sets_path)| Linted {
                path,
                statements: linting.finish(),
                sets_path,
            });
        Ok(Self {
            scripts: linted.collect(),
            judgement,
            material,
            migration,
        })
    }
}

/// How files are read.
pub struct Manner {
    pub folders: WorkingFolder,
    pub settings: Settings,
    pub interrupt: Interrupt,
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
