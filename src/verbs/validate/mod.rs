//! `migrate validate`: what a run would stumble over, all of it at once.
//! Wires the lookers together; what each looks for is theirs.

mod checks;
mod content;
mod files;
mod finding;
mod hazards;
mod history;
mod names;
mod needs;
mod planned;
mod reading;
mod requirements;
mod scripts;
mod setup;
mod surroundings;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::look::{look_at_dependencies, look_at_variables};
use super::{Context, Error};
use crate::database::ledger::legacy;
use crate::database::{Database, Ledgers};
use crate::plan;
use crate::plan::repeatables::{Due, due};
use crate::plan::scope::everything;
use crate::plan::status::{State, compare, pending};
use crate::preflight::{Checker, Preflight};
use crate::sql::rules::{Rule, Severity};
use crate::tree::{Migration, Survey, Track, survey};
pub use finding::Finding;
use reading::{Manner, Readings};
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
            settings: self.context.caller.settings.clone(),
            interrupt: self.context.caller.interrupt.clone(),
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
}
