//! `migrate verify`: what must hold behind applied migrations, asked of the database as it is now.

use std::time::Duration;

use super::look::look;
use super::undertaking::circumstances;
use super::{Context, Error};
use crate::checks::{Broken, Check, Rejection, Script, Stage, Verdict};
use crate::database::{Database, unexpected};
use crate::error::list;
use crate::execution::{self, Circumstances};
use crate::plan::status::{State, compare};
use crate::plan::verification;
use crate::preflight::{Checker, Preflight};
use crate::tree::{Migration, Name};

/// What a check behind an applied migration says today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyRow {
    pub name: Name,
    /// The file that checks.
    pub check: String,
    pub ok: bool,
    /// Why it does not hold.
    pub message: Option<String>,
    pub duration: Duration,
}

/// Runs the checks behind all applied migrations. One that does not hold is no error but a row.
pub fn verify(context: &Context, preflight: &Preflight<'_>) -> Result<Vec<VerifyRow>, Error> {
    let (tree, database, ledgers) = look(context)?;
    let tracks = context.scope(&tree, &ledgers)?;
    let statuses = compare(&tracks, &tree.migrations, &ledgers.rows);
    let circumstances = circumstances(context, context.transaction_mode(), preflight.progress);
    let execution_id = circumstances.common.execution_id.clone();
    let mut verifying = Verifying {
        database,
        checker: Checker::new(&context.caller, preflight, &execution_id),
        circumstances: &circumstances,
        rows: vec![],
    };
    let applied = statuses
        .iter()
        .filter(|status| matches!(status.state, State::Applied | State::Changed));
    for migration in applied.filter_map(|status| status.migration) {
        verifying.script(migration)?;
        verifying.queries(migration)?;
    }
    Ok(verifying.rows)
}

struct Verifying<'a> {
    database: Database,
    checker: Checker<'a>,
    circumstances: &'a Circumstances,
    rows: Vec<VerifyRow>,
}

impl Verifying<'_> {
    fn script(&mut self, migration: &Migration) -> Result<(), Error> {
        let Some(path) = &migration.validation else {
            return Ok(());
        };
        let text = migration
            .validation_text()
            .map_err(crate::tree::Error::from)?;
        let script = match Script::read(path, &text.unwrap_or_default()) {
            Ok(script) if script.stage == Stage::After => script,
            // It has had its turn.
            Ok(_) => return Ok(()),
            Err(error) => {
                let name = path.file_name().unwrap_or_default();
                let check = name.to_string_lossy().into_owned();
                self.rows
                    .push(unusable(migration, check, error.to_string()));
                return Ok(());
            }
        };
        self.checker.prepare(&self.database)?;
        let record = self.checker.record(migration, &[], &self.database);
        let verdict = self.checker.run(&script, record)?;
        self.rows.push(row(migration, verdict));
        Ok(())
    }

    fn queries(&mut self, migration: &Migration) -> Result<(), Error> {
        let text = migration
            .verification_text()
            .map_err(crate::tree::Error::from)?;
        match verification(migration, text.as_deref()) {
            Ok(None) => {}
            Ok(Some(verification)) => {
                let limit = self.checker.time_limit();
                let asked = execution::verify(
                    &mut self.database,
                    migration,
                    &verification,
                    self.circumstances,
                    limit,
                );
                let verdict = asked.map_err(|broken| match broken {
                    Broken::Error(error) => Error::from(error),
                    Broken::Session(ending) => unexpected(ending).into(),
                })?;
                self.rows.push(row(migration, verdict));
            }
            Err(found) => {
                let path = migration.verification.as_deref();
                let name = path.and_then(|path| path.file_name()).unwrap_or_default();
                let check = name.to_string_lossy().into_owned();
                let message = format!(
                    "a .verify.sql file may only have queries:\n{}",
                    list(&found)
                );
                self.rows.push(unusable(migration, check, message));
            }
        }
        Ok(())
    }
}

fn unusable(migration: &Migration, check: String, message: String) -> VerifyRow {
    VerifyRow {
        name: migration.name.clone(),
        check,
        ok: false,
        message: Some(message),
        duration: Duration::ZERO,
    }
}

fn row(migration: &Migration, verdict: Verdict) -> VerifyRow {
    let (check, duration, message) = match verdict {
        Verdict::Passed(Check {
            check, duration, ..
        }) => (check, duration, None),
        Verdict::Rejected(rejection) => {
            let Rejection {
                check,
                duration,
                complaint,
                ..
            } = *rejection;
            (check, duration, Some(complaint.message))
        }
    };
    VerifyRow {
        name: migration.name.clone(),
        check,
        ok: message.is_none(),
        message,
        duration,
    }
}
