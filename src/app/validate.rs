//! `migrate validate`: what a run would stumble over, all of it at once.
//! Wires the lookers together; what each looks for is theirs.

use std::collections::BTreeSet;

use super::Context;
use super::preflight::{Checker, Preflight, no_session};
use crate::database::{Database, Ledgers};
use crate::discovery::{Survey, survey};
use crate::error::Error;
use crate::finding::{Finding, Severity};
use crate::ledger::legacy;
use crate::migration::{Migration, Track};
use crate::outlook;
use crate::plan::{self, Request};
use crate::preparation::{self, validation};
use crate::scope::everything;
use crate::standing::{Standing, compare, pending};
use crate::validation::{Kit, Script, Stage};

/// Looks for everything. `offline` leaves out what needs a database, and only parses the scripts.
///
/// # Errors
/// See the README's list of codes. What is wrong with a migration is no error but a finding; with
/// `strict` it becomes one.
pub fn validate(
    context: &Context,
    preflight: &Preflight<'_>,
    offline: bool,
    strict: bool,
) -> Result<Vec<Finding>, Error> {
    let survey = survey(&context.root, &context.folders(), &context.interrupt)?;
    let mut findings = match offline {
        true => Validation::offline(context, preflight, &survey)?,
        false => Validation::online(context, preflight, &survey)?,
    };
    let is_wanted = |track: &Track| context.tracks.is_empty() || context.tracks.contains(track);
    findings.retain(|finding| finding.track.as_ref().is_none_or(is_wanted));
    findings.retain(|finding| !is_allowed(finding, &survey));
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    match strict && errors > 0 {
        true => Err(Error::Invalid { findings }),
        false => Ok(findings),
    }
}

/// Does the migration itself say that this is meant so?
fn is_allowed(finding: &Finding, survey: &Survey) -> bool {
    survey.migrations.iter().any(|migration| {
        Some(migration.name.file_name()) == finding.name
            && migration.directives.allows.contains(finding.rule)
    })
}

/// What is looked at, and what was found.
struct Validation<'a> {
    context: &'a Context,
    findings: Vec<Finding>,
}

impl<'a> Validation<'a> {
    fn offline(
        context: &'a Context,
        preflight: &Preflight<'_>,
        survey: &Survey,
    ) -> Result<Vec<Finding>, Error> {
        let mut validation = Self::begin(context, survey);
        let ledgers = Ledgers::default();
        let tracks = validation.tracks(survey, &ledgers)?;
        let standings = compare(&tracks, &survey.migrations, &[]);
        for migration in pending(&standings) {
            validation.files(migration, None)?;
        }
        validation.scripts_parse(&standings, preflight)?;
        Ok(validation.findings)
    }

    fn online(
        context: &'a Context,
        preflight: &Preflight<'_>,
        survey: &Survey,
    ) -> Result<Vec<Finding>, Error> {
        let mut validation = Self::begin(context, survey);
        let mut database = context.address()?.dial(&context.interrupt)?.answer()?;
        let mut ledgers = database.recorded(|_| true)?;
        let only_endings = legacy::other_line_endings(&ledgers.rows, &survey.migrations)?;
        validation
            .findings
            .extend(only_endings.into_iter().map(outlook::line_endings));
        legacy::translate(&mut ledgers.rows, &survey.migrations)?;
        let tracks = validation.tracks(survey, &ledgers)?;
        let standings = compare(&tracks, &survey.migrations, &ledgers.rows);
        validation.history(&standings, &ledgers);
        for index in database.invalid_indexes()? {
            validation.findings.push(outlook::invalid_index(&index));
        }
        let major = database.server.version / 10_000;
        for migration in pending(&standings) {
            validation.files(migration, Some(major))?;
        }
        validation.checks(&standings, preflight, &database)?;
        Ok(validation.findings)
    }

    /// What the files' names and places say.
    fn begin(context: &'a Context, survey: &Survey) -> Self {
        Self {
            context,
            findings: outlook::structure(survey),
        }
    }

    /// The tracks that were asked for, else those of the tree. Unlike elsewhere, an empty tree is
    /// no error: its files may all be misnamed, which is said.
    fn tracks(&self, survey: &Survey, ledgers: &Ledgers) -> Result<BTreeSet<Track>, Error> {
        let tree = survey.tree();
        let in_tree = everything(&tree, &Ledgers::default());
        match self.context.tracks.is_empty() {
            true => Ok(in_tree),
            false => self.context.scope(&tree, ledgers),
        }
    }

    /// What the ledgers and the requirements say.
    fn history(&mut self, standings: &[Standing<'_>], ledgers: &Ledgers) {
        let request = Request::default();
        if let Err(obstacles) = plan::select(standings, &ledgers.rows, &request) {
            let found = obstacles
                .iter()
                .map(|obstacle| outlook::obstacle(obstacle, standings));
            self.findings.extend(found);
        }
    }

    /// What a pending file and its includes hold.
    fn files(&mut self, migration: &Migration, major: Option<u32>) -> Result<(), Error> {
        let settings = &self.context.settings;
        let material = preparation::read(migration, &self.context.folders())?;
        self.findings.extend(outlook::content(
            migration,
            &material,
            settings.transaction_control,
            &settings.variables,
            major,
        ));
        Ok(())
    }

    fn scripts_parse(
        &mut self,
        standings: &[Standing<'_>],
        preflight: &Preflight<'_>,
    ) -> Result<(), Error> {
        let mut child = None;
        for migration in pending(standings) {
            let Some(script) = self.script(migration) else {
                continue;
            };
            let (surroundings, kit) = match &child {
                Some(child) => child,
                None => {
                    let kit = Kit::lay_out(self.context.variables(false)?)?;
                    let surroundings = self.context.surroundings(None, &kit, preflight.progress)?;
                    child.insert((surroundings, kit))
                }
            };
            let parsed = surroundings.parse(kit, &script).map_err(no_session)?;
            self.findings
                .extend(outlook::unparsed(migration, &script, parsed.err()));
        }
        Ok(())
    }

    /// Runs the closures and the early scripts of everything pending; late ones are parsed.
    fn checks(
        &mut self,
        standings: &[Standing<'_>],
        preflight: &Preflight<'_>,
        database: &Database,
    ) -> Result<(), Error> {
        let execution_id = uuid::Uuid::new_v4().to_string();
        let mut checker = Checker::new(self.context, preflight, &execution_id);
        let mut planned: Vec<&Migration> = Vec::new();
        for migration in pending(standings) {
            let subject = checker.subject(migration, &[], database);
            let closures = preflight.closures.check(&migration.name, &subject);
            self.findings
                .extend(outlook::checked(migration, None, closures));
            if let Some(script) = self.script(migration) {
                checker.prepare(database)?;
                let found = match script.stage {
                    Stage::Early => {
                        let subject = checker.subject(migration, &planned, database);
                        let result = checker.run(&script, subject, None).map_err(no_session)?;
                        let result = result.map(|check| vec![check]);
                        outlook::checked(migration, Some(&script), result)
                    }
                    Stage::Late => {
                        let parsed = checker.parse(&script).map_err(no_session)?;
                        outlook::unparsed(migration, &script, parsed.err()).map_or_else(
                            || vec![outlook::postponed(migration, &script)],
                            |finding| vec![finding],
                        )
                    }
                };
                self.findings.extend(found);
            }
            planned.push(migration);
        }
        Ok(())
    }

    /// The script of a migration; one that cannot be read is a finding.
    fn script(&mut self, migration: &Migration) -> Option<Script> {
        match validation(migration) {
            Ok(script) => script,
            Err(error) => {
                self.findings
                    .push(outlook::unreadable_script(migration, &error));
                None
            }
        }
    }
}
