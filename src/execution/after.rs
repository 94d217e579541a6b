//! Checks behind a step's SQL, in the run's own session: before COMMIT, or for a file outside of a
//! transaction before its row says `applied`.

use std::time::Duration;

use super::fault::Fault;
use super::late::{Questioned, unchecked};
use super::runner::Runner;
use super::script::Bracket;
use super::{Circumstances, variables};
use crate::checks::{self, Broken, Check, Stage, Verdict, Verification};
use crate::database::Database;
use crate::error::NotWritten;
use crate::plan::{Fit, Step};
use crate::tree::Migration;

/// No limit, as a length of time: a year.
const FOR_EVER: Duration = Duration::from_hours(365 * 24);

impl Runner<'_, '_> {
    /// What a step has passed behind its SQL.
    pub(super) fn checked_after(
        &mut self,
        step: &Step,
        bracket: Bracket,
    ) -> Result<Vec<Check>, Fault> {
        if self.checker.skips() || !step.is_checked_after() {
            return Ok(vec![]);
        }
        let name = &step.migration.name;
        let limit = self.checker.time_limit();
        let mut session = Questioned {
            session: &mut self.database.session,
            bracket,
            statement_timeout: self.limits.statement_timeout,
        };
        let script = self
            .checker
            .at(Stage::After, step, &mut session)
            .map_err(|broken| unchecked(name, broken))?;
        let queries = match &step.verification {
            None => None,
            Some(verification) => {
                let variables =
                    variables::of(&step.migration, &step.fit, &self.circumstances.common);
                let asked = ask(verification, &variables, limit, &mut session);
                Some(asked.map_err(|broken| unchecked(name, broken))?)
            }
        };
        let verdicts = script.into_iter().chain(queries);
        verdicts
            .map(|verdict| match verdict {
                Verdict::Passed(check) => Ok(check),
                Verdict::Rejected(rejection) => Err(Fault::Rejected {
                    name: name.clone(),
                    rejection,
                }),
            })
            .collect()
    }
}

/// Asks the queries behind an applied migration, each in a transaction of its own.
pub fn verify(
    database: &mut Database,
    migration: &Migration,
    verification: &Verification,
    circumstances: &Circumstances,
    limit: Duration,
) -> Result<Verdict, Broken> {
    let variables = variables::of(migration, &Fit::Whole, &circumstances.common);
    let mut session = Questioned {
        session: &mut database.session,
        bracket: Bracket::Transaction,
        statement_timeout: circumstances.statement_timeout,
    };
    ask(verification, &variables, limit, &mut session)
}

fn ask(
    verification: &Verification,
    variables: &[(String, Option<String>)],
    limit: Duration,
    session: &mut Questioned<'_>,
) -> Result<Verdict, Broken> {
    let limit = match limit {
        Duration::ZERO => FOR_EVER,
        limit => limit,
    };
    let folder = tempfile::tempdir().map_err(|error| {
        let path = std::env::temp_dir();
        let reason = error.to_string();
        checks::Error::from(NotWritten { path, reason })
    })?;
    verification
        .ask(variables, limit, folder.path(), session)
        .map_err(Broken::Session)
}
