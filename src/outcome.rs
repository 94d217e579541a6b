//! What each command reports, as plain data.
//! Must not know nushell; `value` turns these into tables.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};

use crate::ledger::Row;
use crate::migration::{Name, Track};
use crate::rehearsal::Effects;
use crate::standing::State;
use crate::validation::Check;

/// A row of `migrate status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// The track.
    pub track: Track,
    /// What the name says; `None` where a ledger holds a name of another form.
    pub name: Option<Name>,
    /// The file name, or the recorded one where the file is gone.
    pub file_name: String,
    /// Where it stands.
    pub state: State,
    /// When it was applied.
    pub applied_at: Option<DateTime<FixedOffset>>,
    /// How long its SQL took.
    pub duration: Option<Duration>,
    /// The file; `None` where it is gone.
    pub file: Option<PathBuf>,
    /// How long its checks took.
    pub validation_time: Option<Duration>,
    /// Which of its files have changed since: itself, or what it includes.
    pub changes: Vec<String>,
}

/// A row of `migrate status --summary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// The track.
    pub track: Track,
    /// How many migrations it has.
    pub total: usize,
    /// How many are applied and unchanged.
    pub applied: usize,
    /// How many a run would apply.
    pub pending: usize,
    /// How many were changed after they were applied.
    pub changed: usize,
    /// How many applied ones have no file any more.
    pub missing: usize,
    /// How many steps outside a transaction failed or never reported back.
    pub failed: usize,
    /// When the latest was applied.
    pub last_applied_at: Option<DateTime<FixedOffset>>,
    /// How long all of them took.
    pub duration: Duration,
}

/// A row of `migrate run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The migration.
    pub name: Name,
    /// What was recorded; `None` in a dry run.
    pub applied: Option<Applied>,
    /// The transaction it shares with others, counted from 1.
    pub group: usize,
    /// What the server and psql said while it ran.
    pub notices: Vec<String>,
    /// The checks that it passed before.
    pub checks: Vec<Check>,
}

impl RunRow {
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
    /// The run.
    pub execution_id: String,
}

/// A row of `migrate rehearse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsalRow {
    /// What a run would report; what it says of the ledger was rolled back.
    pub run: RunRow,
    /// How it went.
    pub ending: RehearsalEnding,
    /// What it did.
    pub effects: Effects,
}

/// How the rehearsal of a migration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalEnding {
    /// Well.
    Rehearsed,
    /// It was left out, because it runs outside of a transaction.
    Skipped,
    /// With an error, and the others were rehearsed all the same.
    Failed,
}

impl RehearsalEnding {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rehearsed => "rehearsed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl RehearsalRow {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        let applied = self.run.applied.as_ref();
        applied.map(|applied| applied.duration).unwrap_or_default()
    }
}

/// A row of `migrate history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// What the recorded name says, where it has our form.
    pub name: Option<Name>,
    /// The ledger row.
    pub row: Row,
}

/// A row of `migrate repair`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRow {
    /// The track.
    pub track: Track,
    /// The migration.
    pub name: String,
    /// What was done to its ledger row.
    pub action: &'static str,
}

/// A row of `migrate add`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRow {
    /// The new file.
    pub file: PathBuf,
    /// What it is.
    pub kind: &'static str,
}
