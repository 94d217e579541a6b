//! Pending files, each read and linted once, however many look at it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use crate::plan::{self, Fit, place};
use crate::process::interrupt::Interrupt;
use crate::settings::Settings;
use crate::sql::script::Script;
use crate::sql::unsafe_ddl::{Statement, lint};
use crate::tree::{Judgement, Material, Migration, Name, WorkingFolder};

/// A pending file with what it includes.
pub struct Reading<'m> {
    pub migration: &'m Migration,
    pub material: Material,
    pub judgement: Judgement,
    pub own: Linted,
    /// The scripts that it includes.
    pub included: Vec<Linted>,
}

/// A script with what the linter finds in it.
pub struct Linted {
    pub path: PathBuf,
    pub statements: Vec<Statement>,
    /// Does it name the setting `search_path`?
    pub sets_path: bool,
}

impl Linted {
    fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            statements: vec![],
            sets_path: false,
        }
    }

    /// Goes on with the next piece of a script.
    fn take(&mut self, piece: &Script<'_>, mut statements: Vec<Statement>) {
        // A large file is mostly one statement over and over.
        statements.dedup();
        self.statements.append(&mut statements);
        self.sets_path |= String::from_utf8_lossy(piece.content)
            .to_lowercase()
            .contains("search_path");
    }
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
        let mut scripts: Vec<Linted> = Vec::new();
        material.scripts(|script| {
            if script.offset == 0 {
                scripts.push(Linted::of(script.path));
            }
            if let Some(linted) = scripts.last_mut() {
                linted.take(script, lint(script, manner.major, is_in_transaction));
            }
        })?;
        let included = scripts.split_off(scripts.len().min(1));
        Ok(Self {
            own: scripts.pop().unwrap_or_else(|| Linted::of(&migration.path)),
            included,
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
