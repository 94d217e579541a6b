//! Judges a pending file, what it includes and the file that undoes it.

use super::super::Error;
use super::reading::Reading;
use super::surroundings::Surroundings;
use super::{Finding, Validation, content, hazards, history, names, scripts};
use crate::database::Database;
use crate::plan;
use crate::plan::repeatables::misfit;
use crate::tree::{self, Material, Migration};

impl Validation<'_> {
    pub(super) fn files(
        &mut self,
        reading: &Reading<'_>,
        surroundings: &mut Surroundings,
        database: Option<&mut Database>,
    ) -> Result<(), Error> {
        let settings = &self.context.caller.settings;
        let Reading {
            migration,
            material,
            judgement,
            ..
        } = reading;
        let control = settings.transaction_control;
        let found = content::content(migration, material, judgement, control);
        self.findings.extend(found.map_err(plan::Error::from)?);
        if migration.name.is_repeatable() {
            let found = misfit(migration).map(|directive| history::misfit(migration, directive));
            self.findings.extend(found);
        }
        if let Err(found) = plan::verification(migration, material.verification.as_deref()) {
            let found = found
                .iter()
                .map(|found| scripts::no_query(migration, found));
            self.findings.extend(found);
        }
        let hazards = hazards::hazards(reading, surroundings, database)?;
        self.findings.extend(hazards);
        match migration.undoing(&self.context.folders(), &self.context.caller.interrupt) {
            Ok(Some(mut undo)) => {
                self.context.allow(&mut undo);
                self.undo_file(&undo)?;
            }
            Ok(None) => {}
            Err(tree::Error::Interrupted(cause)) => return Err(tree::Error::from(cause).into()),
            Err(error) => {
                let file = migration.undo.as_deref().unwrap_or(&migration.path);
                self.findings.push(Finding {
                    track: Some(migration.name.track.clone()),
                    name: Some(migration.name.file_name()),
                    ..names::not_read(&error, file)
                });
            }
        }
        Ok(())
    }

    /// What `migrate undo` would stumble over. That it drops things is its purpose.
    pub(super) fn undo_file(&mut self, undo: &Migration) -> Result<(), plan::Error> {
        let settings = &self.context.caller.settings;
        let material = Material::read(
            undo,
            &self.context.folders(),
            &self.context.caller.interrupt,
        )?;
        let judgement = material.judge(&settings.variables_of(undo.name.track.as_str()))?;
        let found = content::content(undo, &material, &judgement, settings.transaction_control)?;
        self.findings.extend(
            found
                .into_iter()
                .filter(|finding| !undo.directives.allows.contains(&finding.rule)),
        );
        Ok(())
    }
}
