//! `migrate status`: where every migration stands, and its summary by track.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};

use super::look::{look, look_at_dependencies, look_at_variables, missed};
use super::{Context, Error};
use crate::database::Ledgers;
use crate::database::ledger::Row;
use crate::plan::repeatables::Due;
use crate::plan::status::{State, Status, compare};
use crate::process::progress::Progress;
use crate::tree::file_name::parse_recorded;
use crate::tree::{Name, Track};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    pub track: Track,
    /// What the name says; `None` where a ledger holds a name of another form.
    pub name: Option<Name>,
    /// The file name, or the recorded one where the file is gone.
    pub file_name: String,
    /// `None` where nobody asked a database.
    pub state: Option<State>,
    /// Why a repeatable is pending.
    pub due: Option<Due>,
    pub applied_at: Option<DateTime<FixedOffset>>,
    /// How long its SQL took.
    pub duration: Option<Duration>,
    /// The file; `None` where it is gone.
    pub file: Option<PathBuf>,
    /// How long its checks took.
    pub validation_time: Option<Duration>,
    /// Which of its files have changed since: itself, or what it includes.
    pub changes: Vec<String>,
    /// How it failed.
    pub error: Option<String>,
}

/// A row of `migrate status --summary`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    pub track: Track,
    /// How many migrations it has.
    pub total: usize,
    /// `None` where nobody asked a database.
    pub counts: Option<Counts>,
    /// When the latest was applied.
    pub last_applied_at: Option<DateTime<FixedOffset>>,
    /// How long all of them took.
    pub duration: Option<Duration>,
}

/// How many migrations of a track are in which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// How many are applied and unchanged.
    pub applied: usize,
    /// How many a run would apply.
    pub pending: usize,
    /// How many were changed after they were applied.
    pub changed: usize,
    /// How many applied ones have no file any more.
    pub missing: usize,
    /// How many steps outside a transaction failed or never reported back, or stand for others of
    /// which only some are applied.
    pub failed: usize,
}

/// Where every migration stands. `offline` looks at the files alone.
pub fn status(context: &Context, offline: bool) -> Result<Vec<StatusRow>, Error> {
    let (tree, database, ledgers) = if offline {
        (context.tree()?, None, Ledgers::default())
    } else {
        let (tree, mut database, ledgers) = look(context)?;
        for missed in missed(context, &tree, &mut database, &ledgers)? {
            Progress { quiet: false }.note(&missed);
        }
        (tree, Some(database), ledgers)
    };
    let tracks = context.scope(&tree, &ledgers)?;
    let mut statuses = compare(&tracks, &tree.migrations, &ledgers.rows);
    if let Some(mut database) = database {
        look_at_variables(context, &mut statuses)?;
        look_at_dependencies(&mut database, &mut statuses)?;
        database.close();
    }
    let mut rows = rows(&statuses);
    if offline {
        // What stands for what, the files say.
        let unknown = rows
            .iter_mut()
            .filter(|row| row.state != Some(State::Replaced));
        unknown.for_each(|row| {
            row.state = None;
            row.due = None;
        });
    }
    Ok(rows)
}

fn rows(statuses: &[Status<'_>]) -> Vec<StatusRow> {
    statuses.iter().map(row).collect()
}

fn row(status: &Status<'_>) -> StatusRow {
    let recorded = status.row.map(|row| row.name.clone()).unwrap_or_default();
    let name = match status.migration {
        Some(migration) => Some(migration.name.clone()),
        None => parse_recorded(&recorded),
    };
    StatusRow {
        track: status.track.clone(),
        file_name: status
            .migration
            .map_or(recorded, |migration| migration.name.file_name()),
        name,
        state: Some(status.state),
        due: status.due,
        applied_at: status.row.and_then(|row| row.applied_at),
        duration: status.row.and_then(Row::duration),
        validation_time: status.row.and_then(Row::validation_time),
        changes: status.changes(),
        error: status.row.and_then(|row| row.error.clone()),
        file: status.migration.map(|migration| migration.path.clone()),
    }
}

pub fn summary(rows: &[StatusRow]) -> Vec<SummaryRow> {
    rows.chunk_by(|one, next| one.track == next.track)
        .filter_map(|rows| {
            let first = rows.first()?;
            let is_known = rows
                .iter()
                .any(|row| row.state.is_some_and(|state| state != State::Replaced));
            let durations = || rows.iter().filter_map(|row| row.duration).sum();
            Some(SummaryRow {
                track: first.track.clone(),
                // What another one stands for is counted with that one.
                total: rows.len() - count(rows, State::Replaced),
                counts: is_known.then(|| counts(rows)),
                last_applied_at: rows.iter().filter_map(|row| row.applied_at).max(),
                duration: is_known.then(durations),
            })
        })
        .collect()
}

fn counts(rows: &[StatusRow]) -> Counts {
    let count = |state| rows.iter().filter(|row| row.state == Some(state)).count();
    Counts {
        applied: count(State::Applied),
        pending: count(State::Pending),
        changed: count(State::Changed),
        missing: count(State::Missing),
        failed: count(State::Failed) + count(State::Running) + count(State::Partial),
    }
}

fn count(rows: &[StatusRow], state: State) -> usize {
    let found = rows.iter().filter(|row| row.state == Some(state));
    found.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::examples::row;
    use crate::plan::status::compare;
    use crate::tree::examples::{migration, tracks};

    #[test]
    fn a_summary_counts_by_track() {
        let files = [
            "20240101000000_core_a.sql",
            "20240102000000_core_b.sql",
            "20240101000000_impl_a.sql",
        ];
        let files = files.map(migration);
        let applied = [
            row("20240101000000_core_a.sql"),
            row("20240103000000_impl_gone.sql"),
        ];
        let tracks = tracks(&["core", "impl"]);
        let summary = summary(&rows(&compare(&tracks, &files, &applied)));
        let counts: Vec<_> = summary
            .iter()
            .map(|row| {
                let counts = row.counts.clone().unwrap();
                (
                    row.track.as_str(),
                    row.total,
                    counts.applied,
                    counts.pending,
                    counts.missing,
                )
            })
            .collect();
        assert_eq!(counts, [("core", 2, 1, 1, 0), ("impl", 2, 0, 1, 1)]);
        assert_eq!(
            summary.first().and_then(|row| row.duration),
            Some(Duration::from_millis(5))
        );
    }
}
