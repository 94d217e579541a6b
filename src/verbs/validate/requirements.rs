//! Asks the database and the files what tracks use of each other.

use std::collections::BTreeSet;

use super::super::Error;
use super::planned::{Planned, Words};
use super::reading::Readings;
use super::surroundings::Surroundings;
use super::{Validation, needs};
use crate::database::ledger::Row;
use crate::database::ledger::makers::Makers;
use crate::database::ledger::objects::Deeds;
use crate::database::{Database, Ledgers};
use crate::plan;
use crate::plan::scope::everything;
use crate::plan::status::{compare, pending};
use crate::tree::{Migration, Survey};

impl Validation<'_> {
    /// What is used of other tracks and not required, and what is touched that must not be.
    pub(super) fn needs<'m>(
        &mut self,
        survey: &'m Survey,
        rows: &[Row],
        readings: &mut Readings<'m>,
        surroundings: &Surroundings,
        database: Option<&mut Database>,
    ) -> Result<(), Error> {
        let mut deeds = vec![];
        let mut found = BTreeSet::new();
        let files = survey.migrations.iter();
        let mut tracks: BTreeSet<_> = files.map(|file| file.name.track.to_string()).collect();
        if let Some(database) = database {
            deeds = database.deeds()?;
            tracks.extend(deeds.iter().map(|Deeds(track, ..)| track.clone()));
            if !deeds.is_empty() && tracks.len() > 1 {
                found = plan::deeds::needs(&deeds, &database.uses()?);
            }
        }
        if tracks.len() < 2 {
            return Ok(());
        }
        // Other tracks' files count, whichever were asked for.
        let all = everything(&survey.tree(), &Ledgers::default());
        let statuses = compare(&all, &survey.migrations, rows);
        let settings = &self.context.caller.settings;
        let mut files = vec![];
        let waiting: BTreeSet<_> = pending(&statuses).map(|found| &found.name).collect();
        let is_waiting = |found: &&Migration| waiting.contains(&found.name);
        for migration in survey.migrations.iter().filter(is_waiting) {
            let path = settings.path_of(migration.name.track.as_str());
            files.push(Words::of(readings.of(migration)?, path));
        }
        let makers = Makers::of(&deeds);
        let planned = Planned::of(&files, |it| surroundings.has(it));
        for (index, words) in files.iter().enumerate() {
            if words.migration.name.is_repeatable() {
                continue;
            }
            let recorded = needs::of_pending(words, &makers);
            let mut foreign = planned.foreign(index, words);
            foreign.uses.extend(recorded.uses);
            foreign.changes.extend(recorded.changes);
            found.extend(foreign.uses);
            found.extend(foreign.changes.iter().cloned());
            let changed = needs::foreign(foreign.changes, words.migration, settings);
            self.findings.extend(changed);
        }
        let missing = needs::missing(found, &survey.migrations, settings);
        self.findings.extend(missing);
        Ok(())
    }
}
