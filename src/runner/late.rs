//! Late checks: right before a step's SQL, with the run's own session to answer their questions.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Refusal, Runner, confused};
use crate::error::{Error, Fault};
use crate::fault::{self, Stage};
use crate::inspection::{Script, inspect};
use crate::plan::Step;
use crate::psql::message::decisive_error;
use crate::psql::{Ending, Session};
use crate::script::{self, Bracket};
use crate::validation::questions::Reply;
use crate::validation::{Answer, Broken, Check};

impl Runner<'_> {
    /// All checks of a step, the late one just passed.
    pub(super) fn checked(&mut self, step: &Step, bracket: Bracket) -> Result<Vec<Check>, Fault> {
        let name = &step.migration.name;
        let mut checks = self.checks.early(step);
        let mut session = Questioned {
            session: &mut self.database.session,
            bracket,
        };
        let late = self
            .checks
            .late(step, &mut session)
            .map_err(|refusal| match refusal {
                Refusal::Rejected(rejection) => Fault::Rejected {
                    name: name.clone(),
                    rejection,
                },
                Refusal::Broken(Broken::Error(Error::Interrupted)) => Fault::Interrupted,
                Refusal::Broken(Broken::Error(error)) => confused(&error, Some(name)),
                Refusal::Broken(Broken::Session(ending)) => fault::of(ending, Stage::Begin),
            })?;
        checks.extend(late);
        Ok(checks)
    }
}

/// The run's session, in which questions can only read.
struct Questioned<'a> {
    session: &'a mut Session,
    bracket: Bracket,
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
        let text = script::question(self.bracket, &question, &answer, patience);
        let output = self.session.ask(&text)?;
        let lines = output.stderr.iter().map(String::as_str);
        Ok(Reply {
            failed: decisive_error(lines).is_some(),
            stdout: fs::read_to_string(&answer).unwrap_or_default() + &output.stdout.join("\n"),
            stderr: output.stderr.join("\n"),
        })
    }
}

/// A question must not take the transaction or the session away from the run.
fn refused(text: &str) -> Option<Reply> {
    let script = Script {
        path: Path::new("question"),
        content: text.as_bytes(),
    };
    let inspection = inspect(script, &[]);
    let found = inspection
        .transaction_control
        .iter()
        .chain(&inspection.forbidden)
        .next()?;
    Some(Reply {
        stderr: format!(
            "ERROR:  a late check cannot use {}: it asks within the run\'s own transaction\n",
            found.found
        ),
        failed: true,
        ..Reply::default()
    })
}

fn failed(error: &io::Error) -> Reply {
    Reply {
        stderr: format!("ERROR:  the question cannot be passed on: {error}\n"),
        failed: true,
        ..Reply::default()
    }
}
