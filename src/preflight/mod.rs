//! Checks the steps of a plan: all of them before any SQL, the late ones right before theirs.
//! Wires the caller to `checks`; must not judge what a check says, nor know what runs afterwards.

pub mod environment;
pub mod error;

use std::collections::BTreeMap;

use std::io;
use std::time::Duration;

use nu_protocol::{PluginRegistryFile, Span, Value};

use crate::checks::record::{Run, migration_record};
use crate::checks::{
    self, Answer, Broken, Check, Closures, Invocation, Nu, Rejection, Script, Stage, Verdict,
    Workspace,
};
use crate::database::Database;
use crate::error::Interrupted;
use crate::plan::{Plan, Step};
use crate::process::progress::Progress;
use crate::psql::connection::Reached;
use crate::settings::Caller;
use crate::tree::Migration;
pub use error::{Error, advice};

/// What a command checks, and how.
pub struct Preflight<'a> {
    /// This plugin as `plugin add` would register it, for the scripts.
    pub registry: fn() -> io::Result<PluginRegistryFile>,
    pub closures: &'a Closures,
    /// Where the scripts' output goes.
    pub progress: Progress,
    pub skip: bool,
}

/// The checks of one run, and what has passed so far.
pub struct Checker<'a> {
    caller: &'a Caller,
    preflight: &'a Preflight<'a>,
    execution_id: &'a str,
    passed: BTreeMap<String, Vec<Check>>,
    /// What the late checks and those behind the SQL are told, by file name.
    records: BTreeMap<String, Value>,
    child: Option<(Nu, Workspace)>,
}

impl<'a> Checker<'a> {
    pub fn new(caller: &'a Caller, preflight: &'a Preflight<'a>, execution_id: &'a str) -> Self {
        Self {
            caller,
            preflight,
            execution_id,
            passed: BTreeMap::new(),
            records: BTreeMap::new(),
            child: None,
        }
    }

    /// Checks all steps of a plan that were not checked before in this run.
    ///
    /// # Errors
    /// The first that does not pass, or a check that cannot be run.
    pub fn check(&mut self, plan: &Plan, database: &Database) -> Result<(), Error> {
        let mut all = plan.steps().chain(&plan.standby);
        let has_scripts = all.any(|step| step.validation.is_some());
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
        // What they are told, should they become due.
        for step in &plan.standby {
            if step.validation.is_some() {
                self.prepare(database)?;
                let record = self.record(&step.migration, &planned, database);
                self.records.insert(step.migration.name.file_name(), record);
            }
        }
        Ok(())
    }

    /// `$env.MIGRATION` for a migration, and for the closures' parameter.
    pub fn record(
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
            variables: self
                .caller
                .settings
                .variables_of(migration.name.track.as_str()),
        };
        migration_record(migration, planned, &run, Span::unknown())
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
        let record = self.record(&step.migration, planned, database);
        match script.stage {
            Stage::Early => match self.run(script, record)? {
                Verdict::Passed(check) => checks.push(check),
                Verdict::Rejected(rejection) => return Err(self.rejected(*rejection)),
            },
            Stage::Late | Stage::After => {
                self.records.insert(step.migration.name.file_name(), record);
            }
        }
        Ok(checks)
    }

    /// The closures' word on a migration.
    fn closures(&self, migration: &Migration, database: &Database) -> Result<Vec<Check>, Error> {
        if self.preflight.closures.is_empty() {
            return Ok(vec![]);
        }
        let record = self.record(migration, &[], database);
        self.preflight
            .closures
            .check(&migration.name, &record)
            .map_err(|rejection| {
                if self.caller.interrupt.requested() {
                    Interrupted.into()
                } else {
                    self.rejected(rejection)
                }
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
    pub fn prepare(&mut self, database: &Database) -> Result<(), Error> {
        if self.child.is_none() {
            let reached = database.server.reached();
            self.child = Some(self.child(Some(&reached))?);
        }
        Ok(())
    }

    /// A nu for scripts; `reached` where there is a connection.
    fn child(&self, reached: Option<&Reached>) -> Result<(Nu, Workspace), Error> {
        let variables = environment::variables(self.caller, reached.is_some())?;
        let workspace = Workspace::create(variables, self.preflight.registry)?;
        let nu = environment::nu(self.caller, reached, &workspace, self.preflight.progress)?;
        Ok((nu, workspace))
    }

    /// Makes everything ready for parsing scripts without a database, once.
    pub fn prepare_offline(&mut self) -> Result<(), Error> {
        if self.child.is_none() {
            self.child = Some(self.child(None)?);
        }
        Ok(())
    }

    /// Sees whether a script parses.
    pub fn parse(&self, script: &Script) -> Result<Verdict, Error> {
        let (nu, workspace) = self.ready()?;
        nu.parse(workspace, script).map_err(without_session)
    }

    /// Runs an early script.
    pub fn run(&self, script: &Script, record: Value) -> Result<Verdict, Error> {
        let (nu, workspace) = self.ready()?;
        let invocation = Invocation {
            script,
            record,
            session: None,
        };
        nu.run(workspace, invocation).map_err(without_session)
    }

    fn ready(&self) -> Result<&(Nu, Workspace), checks::Error> {
        self.child
            .as_ref()
            .ok_or_else(|| checks::Error::NuNotFound {
                problem: "nothing was prepared for scripts".to_owned(),
            })
    }

    /// What a step has passed before any SQL of the run.
    pub fn early(&self, step: &Step) -> Vec<Check> {
        let name = step.migration.name.file_name();
        self.passed.get(&name).cloned().unwrap_or_default()
    }

    /// Has a step a check that is to see what the steps before it have made?
    pub fn is_late(&self, step: &Step) -> bool {
        late_script(step).is_some() && !self.preflight.skip
    }

    /// Are checks left out?
    pub fn skips(&self) -> bool {
        self.preflight.skip
    }

    /// How long a check may take that does not say so itself; zero is for ever.
    pub fn time_limit(&self) -> Duration {
        self.caller.settings.validation_timeout
    }

    /// Runs the script of a step at this stage of it, right before or behind its own SQL, if it has
    /// asked for that.
    pub fn at(
        &mut self,
        stage: Stage,
        step: &Step,
        session: &mut dyn Answer,
    ) -> Result<Option<Verdict>, Broken> {
        let script = step
            .validation
            .as_ref()
            .filter(|script| script.stage == stage);
        let Some(script) = script.filter(|_| !self.preflight.skip) else {
            return Ok(None);
        };
        let record = self.records.get(&step.migration.name.file_name()).cloned();
        let (nu, workspace) = self.ready()?;
        let invocation = Invocation {
            script,
            record: record.unwrap_or_default(),
            session: Some(session),
        };
        Ok(Some(match nu.run(workspace, invocation)? {
            Verdict::Rejected(rejection) => {
                Verdict::Rejected(Box::new(self.with_output(*rejection)))
            }
            passed => passed,
        }))
    }
}

fn late_script(step: &Step) -> Option<&Script> {
    let script = step.validation.as_ref();
    script.filter(|script| script.stage == Stage::Late)
}

/// Without a session there is none that could have ended.
fn without_session(broken: Broken) -> Error {
    match broken {
        Broken::Error(error) => error.into(),
        Broken::Session(_) => Interrupted.into(),
    }
}
