//! Checks the steps of a plan: all of them before any SQL, the late ones right before theirs.
//! Wires the context to `validation`; must not judge what a check says.

use std::collections::BTreeMap;

use nu_protocol::{Span, Value};

use super::Context;
use crate::database::Database;
use crate::error::Error;
use crate::migration::Migration;
use crate::plan::{Plan, Step};
use crate::progress::Progress;
use crate::runner::{Checks, Refusal};
use crate::validation::subject::{Run, subject};
use crate::validation::{
    Answer, Broken, Check, Closures, Invocation, Kit, Rejection, Script, Stage, Surroundings,
};

/// What a command checks, and how.
pub struct Preflight<'a> {
    /// The closures in the caller's shell.
    pub closures: &'a Closures,
    /// Where the scripts' output goes.
    pub progress: Progress,
    /// Check nothing.
    pub skip: bool,
}

/// The checks of one run, and what has passed so far.
pub(super) struct Checker<'a> {
    context: &'a Context,
    preflight: &'a Preflight<'a>,
    execution_id: &'a str,
    passed: BTreeMap<String, Vec<Check>>,
    /// What the late checks are told, by file name.
    subjects: BTreeMap<String, Value>,
    child: Option<(Surroundings, Kit)>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        context: &'a Context,
        preflight: &'a Preflight<'a>,
        execution_id: &'a str,
    ) -> Self {
        Self {
            context,
            preflight,
            execution_id,
            passed: BTreeMap::new(),
            subjects: BTreeMap::new(),
            child: None,
        }
    }

    /// Checks all steps of a plan that were not checked before in this run.
    ///
    /// # Errors
    /// The first that does not pass, or a check that cannot be run.
    pub(super) fn check(&mut self, plan: &Plan, database: &Database) -> Result<(), Error> {
        let has_scripts = plan.steps().any(|step| step.validation.is_some());
        if self.preflight.skip || (!has_scripts && self.preflight.closures.is_empty()) {
            return Ok(());
        }
        let mut planned: Vec<&Migration> = Vec::new();
        for step in plan.steps() {
            let name = step.migration.name.file_name();
            if !self.passed.contains_key(&name) {
                let checks = self.early_checks(step, &planned, database)?;
                self.passed.insert(name, checks);
            }
            planned.push(&step.migration);
        }
        Ok(())
    }

    pub(super) fn subject(
        &self,
        migration: &Migration,
        planned: &[&Migration],
        database: &Database,
    ) -> Value {
        let run = Run {
            execution_id: self.execution_id.to_owned(),
            database: database.server.database.clone(),
            schema: database.place.schema.clone(),
            prefix: database.place.prefix.clone(),
            variables: self.context.settings.variables.clone(),
        };
        subject(migration, planned, &run, Span::unknown())
    }

    fn early_checks(
        &mut self,
        step: &Step,
        planned: &[&Migration],
        database: &Database,
    ) -> Result<Vec<Check>, Error> {
        let mut checks = self.closures(&step.migration, database)?;
        // What comes before is put together where it is needed: for thousands of steps it is much.
        let Some(script) = &step.validation else {
            return Ok(checks);
        };
        self.prepare(database)?;
        let subject = self.subject(&step.migration, planned, database);
        match script.stage {
            Stage::Early => {
                let check = self
                    .run(script, subject, None)
                    .map_err(no_session)?
                    .map_err(|rejection| self.rejected(rejection))?;
                checks.push(check);
            }
            Stage::Late => {
                self.subjects
                    .insert(step.migration.name.file_name(), subject);
            }
        }
        Ok(checks)
    }

    /// The closures' word on a migration.
    fn closures(&self, migration: &Migration, database: &Database) -> Result<Vec<Check>, Error> {
        if self.preflight.closures.is_empty() {
            return Ok(vec![]);
        }
        let subject = self.subject(migration, &[], database);
        self.preflight
            .closures
            .check(&migration.name, &subject)
            .map_err(|rejection| match self.context.interrupt.requested() {
                true => Error::Interrupted,
                false => self.rejected(rejection),
            })
    }

    fn rejected(&self, rejection: Rejection) -> Error {
        Error::Rejected {
            rejection: Box::new(self.with_output(rejection)),
            passed: self.passed.values().flatten().cloned().collect(),
        }
    }

    /// What nobody saw while the script ran belongs to the report.
    fn with_output(&self, mut rejection: Rejection) -> Rejection {
        if self.preflight.progress.quiet && !rejection.output.is_empty() {
            let message = &mut rejection.complaint.message;
            *message += "\nIt had printed:\n";
            *message += &rejection.output.join("\n");
        }
        rejection
    }

    /// Makes everything ready for scripts, once.
    pub(super) fn prepare(&mut self, database: &Database) -> Result<(), Error> {
        if self.child.is_none() {
            let kit = Kit::lay_out(self.context.variables(true)?)?;
            let reached = database.server.reached();
            let surroundings =
                self.context
                    .surroundings(Some(&reached), &kit, self.preflight.progress)?;
            self.child = Some((surroundings, kit));
        }
        Ok(())
    }

    /// Sees whether a script parses.
    pub(super) fn parse(&self, script: &Script) -> Result<Result<Check, Rejection>, Broken> {
        let (surroundings, kit) = self.child.as_ref().ok_or(Broken::Error(Error::Bug))?;
        surroundings.parse(kit, script)
    }

    pub(super) fn run<'s>(
        &self,
        script: &'s Script,
        subject: Value,
        session: Option<&'s mut (dyn Answer + 's)>,
    ) -> Result<Result<Check, Rejection>, Broken> {
        let (surroundings, kit) = self.child.as_ref().ok_or(Broken::Error(Error::Bug))?;
        let invocation = Invocation {
            script,
            subject,
            session,
        };
        surroundings.run(kit, invocation)
    }
}

/// Without a session there is none that could have ended.
pub(super) fn no_session(broken: Broken) -> Error {
    match broken {
        Broken::Error(error) => error,
        Broken::Session(_) => Error::Bug,
    }
}

impl Checks for Checker<'_> {
    fn early(&self, step: &Step) -> Vec<Check> {
        let name = step.migration.name.file_name();
        self.passed.get(&name).cloned().unwrap_or_default()
    }

    fn late(&mut self, step: &Step, session: &mut dyn Answer) -> Result<Option<Check>, Refusal> {
        let late = step
            .validation
            .as_ref()
            .filter(|script| script.stage == Stage::Late);
        let Some(script) = late.filter(|_| !self.preflight.skip) else {
            return Ok(None);
        };
        let subject = self.subjects.get(&step.migration.name.file_name()).cloned();
        self.run(script, subject.unwrap_or_default(), Some(session))
            .map_err(Refusal::Broken)?
            .map(Some)
            .map_err(|rejection| Refusal::Rejected(Box::new(self.with_output(rejection))))
    }
}
