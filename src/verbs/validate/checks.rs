//! Runs the closures and early scripts of pending migrations.

use super::super::Error;
use super::{Validation, scripts};
use crate::checks::{self, Script, Stage, Verdict};
use crate::database::Database;
use crate::plan::status::{Status, pending};
use crate::tree::Migration;

impl Validation<'_> {
    /// Runs the closures and the early scripts of everything pending; late ones are parsed.
    pub(super) fn checks(
        &mut self,
        statuses: &[Status<'_>],
        database: &Database,
    ) -> Result<(), Error> {
        let mut planned: Vec<&Migration> = Vec::new();
        for migration in pending(statuses) {
            let record = self.checker.record(migration, &[], database);
            match self.preflight.closures.check(&migration.name, &record) {
                Ok(checks) => self.findings.extend(
                    checks
                        .iter()
                        .map(|check| scripts::passed(migration, None, check)),
                ),
                Err(rejection) => {
                    self.findings
                        .push(scripts::rejected(migration, None, rejection));
                }
            }
            if let Some(script) = self.script(migration) {
                self.checker.prepare(database)?;
                let finding = match script.stage {
                    Stage::Early => {
                        let record = self.checker.record(migration, &planned, database);
                        match self.checker.run(&script, record)? {
                            Verdict::Passed(check) => {
                                scripts::passed(migration, Some(&script), &check)
                            }
                            Verdict::Rejected(rejection) => {
                                scripts::rejected(migration, Some(&script), *rejection)
                            }
                        }
                    }
                    Stage::Late | Stage::After => {
                        let verdict = self.checker.parse(&script)?;
                        scripts::parsed(migration, &script, verdict)
                            .unwrap_or_else(|| scripts::postponed(migration, &script))
                    }
                };
                self.findings.push(finding);
            }
            planned.push(migration);
        }
        Ok(())
    }

    /// The script of a migration; one that cannot be read is a finding.
    pub(super) fn script(&mut self, migration: &Migration) -> Option<Script> {
        let path = migration.validation.as_deref()?;
        let text = migration.validation_text().map_err(checks::Error::from);
        match text.and_then(|text| Script::read(path, &text.unwrap_or_default())) {
            Ok(script) => Some(script),
            Err(error) => {
                self.findings
                    .push(scripts::unusable(migration, path, &error));
                None
            }
        }
    }
}
