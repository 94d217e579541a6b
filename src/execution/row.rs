//! What a run or a rehearsal reports of one migration, as plain data.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};

use super::conflicts::Conflict;
use super::effects::Effects;
use crate::checks::Check;
use crate::database::ledger::objects::Change;
use crate::plan::{Plan, Reason};
use crate::psql::message::Diagnostic;
use crate::tree::Name;

/// A row of `migrate run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    pub name: Name,
    /// What was recorded; `None` in a dry run, or where it was left out.
    pub applied: Option<Applied>,
    /// The transaction it shares with others, counted from 1.
    pub group: usize,
    /// Why it runs, or at this place.
    pub reason: Option<Reason>,
    /// What the server and psql said while it ran.
    pub notices: Vec<String>,
    /// The checks that it passed before.
    pub checks: Vec<Check>,
    /// What it did to the schema.
    pub objects: Vec<Change>,
    /// What it wanted to make and found there.
    pub found: Vec<Diagnostic>,
    /// What stopped it, where the others went on.
    pub error: Option<Diagnostic>,
}

impl RunRow {
    /// The report of a dry run.
    pub fn planned(plan: &Plan) -> Vec<Self> {
        let numbered = (1..).zip(&plan.groups);
        numbered
            .flat_map(|(group, steps)| {
                steps.steps().iter().map(move |step| Self {
                    reason: step.reason.clone(),
                    ..Self::not_applied(step.migration.name.clone(), group)
                })
            })
            .collect()
    }

    /// Of a migration that has not run.
    pub fn not_applied(name: Name, group: usize) -> Self {
        Self {
            name,
            applied: None,
            group,
            reason: None,
            notices: vec![],
            checks: vec![],
            objects: vec![],
            found: vec![],
            error: None,
        }
    }

    /// How long its checks took; `None` where there were none.
    pub fn validation_time(&self) -> Option<Duration> {
        total(&self.checks)
    }
}

/// How long checks took; `None` where there are none.
pub fn total(checks: &[Check]) -> Option<Duration> {
    (!checks.is_empty()).then(|| checks.iter().map(|check| check.duration).sum())
}

/// What a run recorded of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// How long its SQL took, by the server's clock.
    pub duration: Duration,
    /// When it was done.
    pub applied_at: DateTime<FixedOffset>,
    pub execution_id: String,
}

/// A row of `migrate rehearse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsalRow {
    /// What a run would report; what it says of the ledger was rolled back.
    pub run: RunRow,
    pub ending: RehearsalEnding,
    pub effects: Effects,
    pub conflicts: Vec<Conflict>,
}

/// How the rehearsal of a migration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum RehearsalEnding {
    Rehearsed,
    /// It was left out, because it runs outside of a transaction.
    Skipped,
    /// With an error, and the others were rehearsed all the same.
    Failed,
}

impl RehearsalRow {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        let applied = self.run.applied.as_ref();
        applied.map(|applied| applied.duration).unwrap_or_default()
    }
}
