//! Reads the files that are going to run and decides how each fits into a transaction.
//! The reading around `inspection` and `plan::fit`; must not decide by itself.

use crate::discovery::includes::Included;
use crate::discovery::{self, WorkingFolder, includes};
use crate::error::Error;
use crate::finding::UNSET_VARIABLE;
use crate::inspection::{Script, inspect};
use crate::migration::Migration;
use crate::plan::{Step, fit};
use crate::settings::TransactionControl;
use crate::validation::Script as Validation;
use crate::variables::Variables;
use crate::variables::usage::{leftovers, unset};

/// What a migration consists of, as it is at this moment.
pub struct Material {
    content: Vec<u8>,
    included: Vec<Included>,
}

impl Material {
    /// The migration itself.
    pub fn script<'a>(&'a self, migration: &'a Migration) -> Script<'a> {
        Script {
            path: &migration.path,
            content: &self.content,
        }
    }

    /// The scripts among what it includes.
    pub fn scripts(&self) -> Vec<Script<'_>> {
        self.included
            .iter()
            .filter(|file| file.is_script)
            .map(|file| Script {
                path: &file.path,
                content: &file.content,
            })
            .collect()
    }
}

/// Reads a migration and what it includes.
///
/// # Errors
/// The migration cannot be read.
pub fn read(migration: &Migration, folders: &WorkingFolder) -> Result<Material, Error> {
    let path = migration.path.as_path();
    let content = discovery::content(path)?;
    let included = includes::follow(path, &content, folders.of(path));
    Ok(Material { content, included })
}

/// The steps of these migrations.
///
/// # Errors
/// A file cannot be read, or files hold what no run can live with; all of them are named.
pub fn prepare(
    pending: &[&Migration],
    folders: &WorkingFolder,
    control: TransactionControl,
    users: &Variables,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::with_capacity(pending.len());
    let mut files = 0;
    let mut violations = Vec::new();
    let mut without_value = Vec::new();
    for migration in pending {
        let material = read(migration, folders)?;
        let script = material.script(migration);
        let included = material.scripts();
        if !migration.directives.allows.contains(UNSET_VARIABLE) {
            without_value.extend(unset(script, &included, users));
        }
        let leftovers = leftovers(&[&[script], included.as_slice()].concat());
        let inspection = inspect(script, &included);
        match fit(migration, inspection, control) {
            Ok(step) => steps.push(Step {
                validation: validation(migration)?,
                leftovers,
                ..step
            }),
            Err(found) => {
                files += 1;
                violations.extend(found);
            }
        }
    }
    if !violations.is_empty() {
        return Err(Error::Forbidden { files, violations });
    }
    match without_value.is_empty() {
        true => Ok(steps),
        false => Err(Error::UnsetVariables {
            uses: without_value,
        }),
    }
}

/// The validation script of a migration, as it is at this moment.
///
/// # Errors
/// It cannot be read, or a line at its top asks for something unknown.
pub fn validation(migration: &Migration) -> Result<Option<Validation>, Error> {
    let Some(path) = &migration.validation else {
        return Ok(None);
    };
    let content = discovery::content(path)?;
    Validation::read(path, &String::from_utf8_lossy(&content)).map(Some)
}
