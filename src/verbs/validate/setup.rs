//! What is wrong around the files: seals, settings of tracks, what stands between files and ledgers.

use std::collections::BTreeSet;

use super::super::Error;
use super::super::seal::unsealed;
use super::{Validation, history, names};
use crate::database::{Database, Ledgers};
use crate::plan::status::Status;
use crate::plan::{self, Request};
use crate::settings::file::FILE_NAME;
use crate::tree::{self, Migration, Survey};

impl Validation<'_> {
    /// Tracks whose files are not as they were sealed.
    pub(super) fn seals(&mut self, survey: &Survey) -> Result<(), Error> {
        let sealed: BTreeSet<_> = survey
            .seals
            .iter()
            .filter_map(|file| tree::seal::track_of(file))
            .collect();
        for track in sealed {
            let found = unsealed(
                self.context,
                &survey.root,
                &survey.seals,
                &survey.migrations,
                &track,
            );
            match found {
                Ok(()) => {}
                Err(error @ tree::Error::Interrupted(_)) => return Err(error.into()),
                Err(error) => self.findings.push(names::seal(&error, &track)),
            }
        }
        Ok(())
    }

    /// Settings of tracks that nobody can have, or that no track has.
    pub(super) fn settings(
        &mut self,
        survey: &Survey,
        mut database: Option<&mut Database>,
    ) -> Result<(), Error> {
        for (track, own) in &self.context.caller.settings.tracks {
            let is_it = |migration: &Migration| migration.name.track.as_str() == track;
            if !survey.migrations.iter().any(is_it) {
                // Of a part of the tree, the rest is not known.
                if survey.root.join(FILE_NAME).exists() {
                    self.findings.push(history::no_such_track(track));
                }
                continue;
            }
            let Some(database) = &mut database else {
                continue;
            };
            match database.try_settings(track, own) {
                Ok(()) => {}
                Err(crate::database::Error::TrackSettings { problem, .. }) => {
                    self.findings
                        .push(history::track_settings(track, &problem.message));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn obstacles(&mut self, statuses: &[Status<'_>], ledgers: &Ledgers) {
        if let Err(obstacles) = plan::select(statuses, &ledgers.rows, &Request::default()) {
            let files = statuses
                .iter()
                .filter_map(|status| status.migration)
                .map(|migration| (&migration.name, migration.path.as_path()))
                .collect();
            let found = obstacles
                .iter()
                .map(|obstacle| history::obstacle(obstacle, &files));
            self.findings.extend(found);
        }
    }
}
