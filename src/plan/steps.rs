//! From pending migrations to steps: how each fits into a transaction, or what forbids it.
//! Pure: files are read through a function that the caller gives.

use super::{Direction, Error, Reason, Step, fit, repeatables};
use crate::checks::{self, Script, Verification};
use crate::settings::TransactionControl;
use crate::sql::inspection::Violation;
use crate::sql::rules::Rule;
use crate::sql::variables::Variables;
use crate::tree::{self, Judgement, Material, Migration, Track};

/// The steps of these migrations.
///
/// # Errors
/// A file cannot be read, or files hold what no run can live with; all of them are named.
pub fn steps(
    pending: &[&Migration],
    read: impl Fn(&Migration) -> Result<Material, tree::Error>,
    control: TransactionControl,
    users: impl Fn(&Track) -> Variables,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::with_capacity(pending.len());
    let mut files = 0;
    let mut violations = Vec::new();
    let mut misread = Vec::new();
    let mut without_value = Vec::new();
    let mut no_queries = Vec::new();
    let mut misfits = Vec::new();
    for migration in pending {
        let material = read(migration)?;
        let users = users(&migration.name.track);
        let Judgement {
            mut inspection,
            unset,
            leftovers,
        } = material.judge(&users)?;
        if !migration.directives.allows.contains(&Rule::UnsetVariable) {
            without_value.extend(unset);
        }
        misread.append(&mut inspection.misread);
        misread.extend(material.circles.iter().cloned().map(in_circle));
        if migration.name.is_repeatable()
            && let Some(directive) = repeatables::misfit(migration)
        {
            misfits.push(format!("{}: `-- migrate: {directive}`", migration.name));
        }
        let verification = verification(migration, material.verification.as_deref());
        let verification = verification.unwrap_or_else(|found| {
            no_queries.extend(found);
            None
        });
        match fit(migration, inspection, control) {
            Ok(step) => steps.push(Step {
                validation: validation(migration, material.validation.as_deref())?,
                verification,
                leftovers,
                parts: if migration.name.is_repeatable() {
                    repeatables::parts(migration, &material, &users)?
                } else {
                    step.parts
                },
                reason: Reason::of_bridge(migration, pending),
                ..step
            }),
            Err(found) => {
                files += 1;
                violations.extend(found);
            }
        }
    }
    if !misread.is_empty() {
        return Err(Error::Misread {
            violations: misread,
        });
    }
    if !misfits.is_empty() {
        return Err(Error::BadRepeatable { misfits });
    }
    if !no_queries.is_empty() {
        return Err(Error::NoQueries {
            violations: no_queries,
        });
    }
    if !violations.is_empty() {
        return Err(Error::Forbidden { files, violations });
    }
    if !without_value.is_empty() {
        return Err(Error::UnsetVariables {
            uses: without_value,
        });
    }
    Ok(steps)
}

/// The steps that undo migrations: each runs its own file, and the row of the recorded name goes.
///
/// # Errors
/// As [`steps`].
pub fn down(
    recorded: Vec<String>,
    files: &[Migration],
    read: impl Fn(&Migration) -> Result<Material, tree::Error>,
    control: TransactionControl,
    users: impl Fn(&Track) -> Variables,
) -> Result<Vec<Step>, Error> {
    if let Some(near_miss) = files
        .iter()
        .find_map(|file| file.directives.near_miss.clone())
    {
        return Err(near_miss.into());
    }
    let files: Vec<_> = files.iter().collect();
    let steps = steps(&files, read, control, users)?;
    Ok(steps
        .into_iter()
        .zip(recorded)
        .map(|(step, recorded)| Step {
            direction: Direction::Down { recorded },
            ..step
        })
        .collect())
}

/// A circle of includes, as people read it.
pub fn in_circle(include: Violation) -> Violation {
    let found = format!("{}, which leads back to this file for ever", include.found);
    Violation { found, ..include }
}

fn validation(migration: &Migration, text: Option<&str>) -> Result<Option<Script>, checks::Error> {
    match (&migration.validation, text) {
        (Some(path), Some(text)) => Script::read(path, text).map(Some),
        _ => Ok(None),
    }
}

/// The queries that must hold behind a migration.
///
/// # Errors
/// What of the file is no query.
pub fn verification(
    migration: &Migration,
    text: Option<&[u8]>,
) -> Result<Option<Verification>, Vec<Violation>> {
    match (&migration.verification, text) {
        (Some(path), Some(text)) => Verification::read(path, text).map(Some),
        _ => Ok(None),
    }
}
