//! Late checks: right before a step's SQL, with the run's own session to answer their questions, as it
//! does for those behind it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::diagnosis::{Stage, fault_of};
use super::fault::Fault;
use super::runner::Runner;
use crate::checks::questions::Reply;
use crate::checks::verification::QUESTIONS;
use crate::checks::{self, Answer, Broken, Check, Verdict};
use crate::error::Report;
use crate::execution::script::{self, Bracket, Completion};
use crate::plan::Step;
use crate::psql::{Ending, Session};
use crate::sql::inspection::inspect;
use crate::sql::lexer::{Command, Item};
use crate::sql::script::Script;
use crate::tree::Name;

impl Runner<'_, '_> {
    /// All checks of a step, the late one just passed.
    pub(super) fn checked(&mut self, step: &Step, bracket: Bracket) -> Result<Vec<Check>, Fault> {
        let name = &step.migration.name;
        let mut checks = self.checker.early(step);
        let mut session = Questioned {
            session: &mut self.database.session,
            bracket,
            statement_timeout: self.limits.statement_timeout,
        };
        let late = self
            .checker
            .at(checks::Stage::Late, step, &mut session)
            .map_err(|broken| unchecked(name, broken))?;
        match late {
            None => {}
            Some(Verdict::Passed(check)) => checks.push(check),
            Some(Verdict::Rejected(rejection)) => {
                return Err(Fault::Rejected {
                    name: name.clone(),
                    rejection,
                });
            }
        }
        Ok(checks)
    }
}

/// Why a check within the run gives no verdict.
pub(super) fn unchecked(name: &Name, broken: Broken) -> Fault {
    let name = name.clone();
    match broken {
        Broken::Error(error) if error.is_interruption() => Fault::Interrupted { during: None },
        Broken::Error(error) => Fault::Unchecked { name, error },
        // What a question ran has ended the transaction, or the server is gone.
        Broken::Session(ending) => match fault_of(ending, Stage::Begin) {
            Fault::Ledger { .. } => Fault::TransactionEnded { name },
            Fault::ConnectionLost { detail, .. } => Fault::ConnectionLost {
                during: Some(name),
                detail,
            },
            other => other,
        },
    }
}

/// A session in which questions can only read.
pub(super) struct Questioned<'a> {
    pub session: &'a mut Session,
    pub bracket: Bracket,
    pub statement_timeout: Duration,
}

impl Answer for Questioned<'_> {
    fn answer(&mut self, text: &str, patience: Duration, folder: &Path) -> Result<Reply, Ending> {
        if let Some(refused) = refused(text) {
            return Ok(refused);
        }
        let question = folder.join("question.sql");
        let answer = folder.join("answer");
        if let Err(error) = fs::write(&question, text) {
            return Ok(failed(&error));
        }
        let limit = match self.statement_timeout {
            Duration::ZERO => patience,
            timeout => patience.min(timeout),
        };
        let text = script::question(self.bracket, &question, &answer, limit);
        let output = self.session.ask_within(&text, patience)?;
        let mut word = self.session.ask(&script::completion())?;
        Ok(Reply {
            failed: Completion::take(&mut word.stdout).is_none_or(|found| !found.is_clean()),
            stdout: fs::read_to_string(&answer).unwrap_or_default() + &output.stdout.join("\n"),
            stderr: output.stderr.join("\n"),
        })
    }
}

/// The meta-commands that a question may use; none of them runs what a query gives, or a program.
const HARMLESS: [&str; 18] = [
    "set", "unset", "pset", "encoding", "echo", "qecho", "warn", "if", "elif", "else", "endif",
    "g", "gx", "gset", "gdesc", "x", "a", "t",
];

/// A question must not take the transaction or the session away from the run.
fn refused(text: &str) -> Option<Reply> {
    let script = Script::new(Path::new("question"), text.as_bytes());
    let inspection = inspect(&script, &[]);
    let forbidden = [
        inspection.forbidden,
        inspection.bearable,
        inspection.outside,
    ];
    let forbidden = forbidden.into_iter().flatten().next();
    let found = forbidden.map(|found| found.found).or_else(|| {
        script.items.iter().find_map(|item| match item {
            Item::Statement(statement) => {
                let first = statement.words.first().cloned().unwrap_or_default();
                (!QUESTIONS.contains(&first.as_str())).then_some(first)
            }
            Item::Command(command) => {
                let is_harmless = HARMLESS.contains(&command.name.as_str());
                let name = format!("\\{}", command.name);
                (!is_harmless)
                    .then_some(name)
                    .or_else(|| outlet(command, text))
            }
        })
    })?;
    Some(Reply {
        stderr: format!(
            "psql: error: this check cannot use {found}: it runs in the run's own transaction\n"
        ),
        failed: true,
        ..Reply::default()
    })
}

/// Names the program that a harmless command would run, or the file that it would write.
fn outlet(command: &Command, text: &str) -> Option<String> {
    let written = text.get(command.range.clone()).unwrap_or_default();
    let is_expanded = command.arguments.iter().any(|one| one.literal().is_none());
    if is_expanded && written.contains('`') {
        return Some("backquotes".to_owned());
    }
    let sends = ["g", "gx"].contains(&command.name.as_str());
    let behind = written.trim_start_matches('\\').get(command.name.len()..);
    let behind = behind.unwrap_or_default().trim_end_matches('\\').trim();
    // Options in parentheses may come first.
    let target = match behind
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
    {
        Some((_, target)) => target.trim(),
        None => behind,
    };
    (sends && !target.is_empty()).then(|| written.trim().to_owned())
}

fn failed(error: &io::Error) -> Reply {
    Reply {
        stderr: format!("psql: error: the question cannot be passed on: {error}\n"),
        failed: true,
        ..Reply::default()
    }
}
