//! Runs scripts, each in a nu of its own, with a time limit.
//! Must not know why the script is run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use nu_protocol::{Span, Value};

use super::Error;
use super::process::{Aborted, Answer, Printed, ScriptProcess};
use super::questions::ASK;
use super::script::Script;
use super::text::{self, Files};
use super::verdict::{End, Left, complaint};
use super::{Check, Rejection, Verdict, Workspace};
use crate::error::Interrupted;
use crate::process::Watchdog;
use crate::process::interrupt::Interrupt;
use crate::process::progress::Progress;
use crate::psql::Ending;

/// No limit, as a length of time: a year.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A nu for all scripts of a command.
pub struct Nu {
    pub program: PathBuf,
    /// Where the caller stands.
    pub folder: PathBuf,
    /// The whole environment, with the way to the database.
    pub environment: BTreeMap<String, String>,
    /// Folders of modules, beside the workspace's own.
    pub library: Vec<String>,
    pub prelude: Option<PathBuf>,
    pub time_limit: Duration,
    pub interrupt: Interrupt,
    /// Ends a script should the plugin die.
    pub watchdog: Watchdog,
    /// Where output goes while a script runs.
    pub progress: Progress,
    /// psql, for the scripts' questions.
    pub psql: PathBuf,
}

pub struct Invocation<'a> {
    pub script: &'a Script,
    /// `$env.MIGRATION`.
    pub record: Value,
    /// The session that answers a late script's questions.
    pub session: Option<&'a mut dyn Answer>,
}

/// Why there is no verdict.
#[derive(Debug)]
pub enum Broken {
    /// The script could not be run, or the user interrupted it.
    Error(Error),
    /// The session that was to answer has ended.
    Session(Ending),
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Nu {
    pub fn run(
        &self,
        workspace: &Workspace,
        invocation: Invocation<'_>,
    ) -> Result<Verdict, Broken> {
        let Invocation {
            script,
            mut record,
            session,
        } = invocation;
        let program = self.asker(workspace, session.is_some())?;
        if let Value::Record { val, .. } = &mut record {
            val.to_mut().push("psql", program);
        }
        workspace.begin(record)?;
        let files = self.files(workspace);
        let text = text::run(script, &files);
        let (end, printed) = self.watch(workspace, script, &text, session)?;
        let result = fs::read_to_string(&files.result).ok();
        let error = fs::read_to_string(&files.error).ok();
        let has_started = files.started.exists();
        Ok(judge(script, end, has_started, error, result, printed))
    }

    /// Sees whether a script parses; runs nothing of it.
    pub fn parse(&self, workspace: &Workspace, script: &Script) -> Result<Verdict, Broken> {
        workspace.begin(Value::nothing(Span::unknown()))?;
        let text = text::parse(script, &self.files(workspace));
        let (end, printed) = self.watch(workspace, script, &text, None)?;
        Ok(judge(script, end, true, None, None, printed))
    }

    /// How a script reaches the database with SQL: psql, or for a late script the run itself.
    fn asker(&self, workspace: &Workspace, is_late: bool) -> Result<Value, Error> {
        let span = Span::unknown();
        let words = if is_late {
            let program = std::env::current_exe().map_err(|error| self.not_started(&error))?;
            vec![program, ASK.into(), workspace.socket()]
        } else {
            vec![self.psql.clone()]
        };
        let words = words
            .iter()
            .map(|word| Value::string(word.to_string_lossy(), span))
            .collect();
        Ok(Value::list(words, span))
    }

    fn files(&self, workspace: &Workspace) -> Files {
        Files {
            registry: workspace.registry(),
            environment: workspace.environment(),
            migration: workspace.migration(),
            prelude: self.prelude.clone(),
            started: workspace.started(),
            result: workspace.result(),
            error: workspace.error(),
        }
    }

    fn command(&self, workspace: &Workspace, text: &str, script: &Script) -> Command {
        let mut library = vec![workspace.modules().to_string_lossy().into_owned()];
        library.extend(self.library.iter().cloned());
        let mut command = Command::new(&self.program);
        command
            .arg("--no-config-file")
            // nushell separates the folders so, because a path may hold anything else.
            .args(["--include-path", &library.join("\u{1e}")])
            .args(["--commands", text])
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !script.may_write {
            let options = self.environment.get("PGOPTIONS").map_or("", String::as_str);
            command.env(
                "PGOPTIONS",
                format!("{options} -c default_transaction_read_only=on").trim_start(),
            );
        }
        command
    }

    /// Runs the text to its end.
    fn watch<'s>(
        &self,
        workspace: &Workspace,
        script: &Script,
        text: &str,
        session: Option<&'s mut (dyn Answer + 's)>,
    ) -> Result<(End, Printed), Broken> {
        let limit = match script.time_limit.unwrap_or(self.time_limit) {
            Duration::ZERO => FOR_EVER,
            limit => limit,
        };
        let name = script.name();
        let on_line = |line: &str| self.progress.said(&name, line);
        let process = ScriptProcess {
            interrupt: &self.interrupt,
            watchdog: &self.watchdog,
            limit,
            folder: workspace.path(),
            socket: workspace.socket(),
            on_line: &on_line,
            session,
        };
        process
            .run(&mut self.command(workspace, text, script))
            .map_err(|broken| match broken {
                Aborted::NotStarted(error) => self.not_started(&error).into(),
                Aborted::Interrupted => Error::Interrupted(Interrupted).into(),
                Aborted::Session(ending) => Broken::Session(ending),
            })
    }

    fn not_started(&self, error: &io::Error) -> Error {
        Error::NuNotStarted {
            program: self.program.clone(),
            reason: error.to_string(),
        }
    }
}

fn judge(
    script: &Script,
    end: End,
    has_started: bool,
    error: Option<String>,
    result: Option<String>,
    printed: Printed,
) -> Verdict {
    let output: Vec<_> = printed.lines.into();
    // Only for the line of an error; without it there is none.
    let content = fs::read_to_string(&script.path).unwrap_or_default();
    let result = result.filter(|result| result != "null");
    let left = Left {
        has_started,
        error: error.as_deref(),
        result: result.as_deref(),
        output: &output,
    };
    let found = complaint(end, &script.path, &content, &left);
    match found {
        None => Verdict::Passed(Check {
            check: script.name(),
            duration: printed.duration,
            output,
            result,
        }),
        Some(complaint) => Verdict::Rejected(Box::new(Rejection {
            check: script.name(),
            duration: printed.duration,
            output,
            complaint,
        })),
    }
}
