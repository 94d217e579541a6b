//! `migrate validate`: what a run would stumble over, all of it at once.
//! Wires the lookers together; what each looks for is theirs.

mod content;
mod finding;
mod hazards;
mod history;
mod names;
mod needs;
mod planned;
mod reading;
mod scripts;
mod surroundings;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::look::{look_at_dependencies, look_at_variables};
use super::seal::unsealed;
use super::{Context, Error};
use crate::checks::{self, Script, Stage, Verdict};
use crate::database::ledger::Row;
use crate::database::ledger::legacy;
use crate::database::ledger::makers::Makers;
use crate::database::ledger::objects::Deeds;
use crate::database::{Database, Ledgers};
use crate::plan::repeatables::{Due, due, misfit};
use crate::plan::scope::everything;
use crate::plan::status::{State, Status, compare, pending};
use crate::plan::{self, Request};
use crate::preflight::{Checker, Preflight};
use crate::settings::file::FILE_NAME;
use crate::sql::inspection::inspect;
use crate::sql::rules::{Rule, Severity};
use crate::tree::{self, Material, Migration, Survey, Track, survey};
pub use finding::Finding;
use planned::{Planned, Words};
use reading::{Manner, Reading, Readings};
use surroundings::Surroundings;

/// What `migrate validate` is asked for.
pub struct Order {
    /// Leave out what needs a database; scripts are only parsed.
    pub offline: bool,
    /// The mildest findings that become an error; without it none do.
    pub fails_on: Option<Severity>,
}

/// Looks for everything.
///
/// # Errors
/// What is wrong with a migration is no error but a finding; with `fails_on` it becomes one.
pub fn validate(
    context: &Context,
    preflight: &Preflight<'_>,
    order: &Order,
) -> Result<Vec<Finding>, Error> {
    let survey = survey(&context.root, &context.folders(), &context.caller.interrupt)?;
    let execution_id = Uuid::new_v4().to_string();
    let mut validation = Validation {
        context,
        preflight,
        checker: Checker::new(&context.caller, preflight, &execution_id),
        findings: names::structure(&survey),
        due: BTreeMap::new(),
    };
    validation.seals(&survey)?;
    if order.offline {
        validation.offline(&survey)?;
    } else {
        validation.online(&survey)?;
    }
    let mut findings = validation.findings;
    for finding in &mut findings {
        let name = finding.name.as_ref();
        finding.due = name.and_then(|name| validation.due.get(name).copied());
    }
    let is_wanted = |track: &Track| context.tracks.is_empty() || context.tracks.contains(track);
    findings.retain(|finding| finding.track.as_ref().is_none_or(is_wanted));
    let allowed = allowed(&survey);
    findings.retain(|finding| !is_allowed(finding, &allowed));
    let everywhere = &context.caller.settings.allow;
    findings.retain(|finding| finding.name.is_none() || !everywhere.contains(&finding.rule));
    // What would hurt most comes first; else the order of the files.
    findings.sort_by_key(|finding| (finding.severity(), Reverse(finding.weight)));
    let fails = |finding: &Finding| {
        // A guess has a severity of its own, and is but a warning.
        let is_guess = finding.measured == Some(Severity::Warning);
        let counts_always = finding.rule == Rule::MissingRequirement && !is_guess;
        Some(finding.severity()) <= order.fails_on || counts_always && order.fails_on.is_some()
    };
    if findings.iter().any(fails) {
        findings.retain(fails);
        return Err(Error::Invalid { findings });
    }
    let findings = findings.into_iter();
    Ok(findings
        .map(|finding| finding.located(&context.root))
        .collect())
}

/// The rules that migrations break on purpose, by file name.
fn allowed(survey: &Survey) -> BTreeMap<String, &BTreeSet<Rule>> {
    let has_some = |migration: &&Migration| !migration.directives.allows.is_empty();
    survey
        .migrations
        .iter()
        .filter(has_some)
        .map(|migration| (migration.name.file_name(), &migration.directives.allows))
        .collect()
}

/// Does the migration itself say that this is meant so?
fn is_allowed(finding: &Finding, allowed: &BTreeMap<String, &BTreeSet<Rule>>) -> bool {
    let name = finding.name.as_ref();
    name.and_then(|name| allowed.get(name))
        .is_some_and(|rules| rules.contains(&finding.rule))
}

/// What is looked at, and what was found.
struct Validation<'a> {
    context: &'a Context,
    preflight: &'a Preflight<'a>,
    checker: Checker<'a>,
    findings: Vec<Finding>,
    /// Why repeatables are pending, by file name.
    due: BTreeMap<String, Due>,
}

impl Validation<'_> {
    fn offline(&mut self, survey: &Survey) -> Result<(), Error> {
        self.settings(survey, None)?;
        let tracks = self.tracks(survey, &Ledgers::default())?;
        let statuses = compare(&tracks, &survey.migrations, &[]);
        let mut surroundings = Surroundings::default();
        let mut readings = self.readings(None);
        self.needs(survey, &[], &mut readings, &surroundings, None)?;
        for migration in pending(&statuses) {
            let reading = readings.of(migration)?;
            self.files(reading, &mut surroundings, None)?;
        }
        for migration in pending(&statuses) {
            if let Some(script) = self.script(migration) {
                self.checker.prepare_offline()?;
                let verdict = self.checker.parse(&script)?;
                self.findings
                    .extend(scripts::parsed(migration, &script, verdict));
            }
        }
        Ok(())
    }

    /// Tracks whose files are not as they were sealed.
    fn seals(&mut self, survey: &Survey) -> Result<(), Error> {
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

    fn online(&mut self, survey: &Survey) -> Result<(), Error> {
        let dialing = self
            .context
            .address()?
            .dial(&self.context.caller.interrupt)?;
        let mut database = dialing.answer()?;
        let mut ledgers = database.recorded(|_| true)?;
        let only_endings = legacy::other_line_endings(&ledgers.rows, &survey.migrations)
            .map_err(crate::database::Error::from)?;
        self.findings
            .extend(only_endings.into_iter().map(history::line_endings));
        legacy::translate(&mut ledgers.rows, &survey.migrations)
            .map_err(crate::database::Error::from)?;
        let tracks = self.tracks(survey, &ledgers)?;
        let mut statuses = compare(&tracks, &survey.migrations, &ledgers.rows);
        look_at_variables(self.context, &mut statuses)?;
        look_at_dependencies(&mut database, &mut statuses)?;
        self.obstacles(&statuses, &ledgers);
        let gone = statuses
            .iter()
            .filter(|status| status.is_repeatable() && status.state == State::Missing);
        self.findings.extend(gone.map(history::gone));
        let invalid = database.invalid_indexes()?;
        self.findings
            .extend(invalid.iter().map(|index| history::invalid_index(index)));
        self.due = due(&statuses)
            .map(|(migration, due)| (migration.name.file_name(), due))
            .collect();
        self.settings(survey, Some(&mut database))?;
        let mut surroundings = Surroundings::of(&mut database)?;
        let mut readings = self.readings(Some(&database));
        let rows = &ledgers.rows;
        let all = Some(&mut database);
        self.needs(survey, rows, &mut readings, &surroundings, all)?;
        for migration in pending(&statuses) {
            let reading = readings.of(migration)?;
            self.files(reading, &mut surroundings, Some(&mut database))?;
        }
        self.checks(&statuses, &database)
    }

    fn readings<'m>(&self, database: Option<&Database>) -> Readings<'m> {
        Readings::new(Manner {
            folders: self.context.folders(),
            control: self.context.caller.settings.transaction_control,
            major: database.map(|database| database.server.major()),
        })
    }

    /// The tracks that were asked for, else those of the tree. Unlike elsewhere, an empty tree is
    /// no error: its files may all be misnamed, which is said.
    fn tracks(&self, survey: &Survey, ledgers: &Ledgers) -> Result<BTreeSet<Track>, plan::Error> {
        let tree = survey.tree();
        if self.context.tracks.is_empty() {
            return Ok(everything(&tree, &Ledgers::default()));
        }
        self.context.scope(&tree, ledgers)
    }

    /// Settings of tracks that nobody can have, or that no track has.
    fn settings(
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

    fn obstacles(&mut self, statuses: &[Status<'_>], ledgers: &Ledgers) {
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

    /// What is used of other tracks and not required, and what is touched that must not be.
    fn needs<'m>(
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

    fn files(
        &mut self,
        reading: &Reading<'_>,
        surroundings: &mut Surroundings,
        database: Option<&mut Database>,
    ) -> Result<(), Error> {
        let settings = &self.context.caller.settings;
        let Reading {
            migration,
            material,
            inspection,
            ..
        } = reading;
        self.findings.extend(content::content(
            migration,
            material,
            inspection,
            settings.transaction_control,
            &settings.variables_of(migration.name.track.as_str()),
        ));
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
    fn undo_file(&mut self, undo: &Migration) -> Result<(), plan::Error> {
        let settings = &self.context.caller.settings;
        let material = Material::read(undo, &self.context.folders())?;
        let found = content::content(
            undo,
            &material,
            &inspect(material.script(undo), &material.scripts()),
            settings.transaction_control,
            &settings.variables_of(undo.name.track.as_str()),
        );
        self.findings.extend(
            found
                .into_iter()
                .filter(|finding| !undo.directives.allows.contains(&finding.rule)),
        );
        Ok(())
    }

    /// Runs the closures and the early scripts of everything pending; late ones are parsed.
    fn checks(&mut self, statuses: &[Status<'_>], database: &Database) -> Result<(), Error> {
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
    fn script(&mut self, migration: &Migration) -> Option<Script> {
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
