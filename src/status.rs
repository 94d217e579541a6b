//! From standings to the rows of `migrate status` and its summary. Pure.

use std::time::Duration;

use crate::discovery::name::parse_recorded;
use crate::ledger::Row;
use crate::outcome::{StatusRow, SummaryRow};
use crate::standing::{Standing, State};

/// One row per migration.
pub fn rows(standings: &[Standing<'_>]) -> Vec<StatusRow> {
    standings.iter().map(row).collect()
}

fn row(standing: &Standing<'_>) -> StatusRow {
    let recorded = standing.row.map(|row| row.name.clone()).unwrap_or_default();
    let name = match standing.migration {
        Some(migration) => Some(migration.name.clone()),
        None => parse_recorded(&recorded),
    };
    StatusRow {
        track: standing.track.clone(),
        file_name: standing
            .migration
            .map_or(recorded, |migration| migration.name.file_name()),
        name,
        state: standing.state,
        applied_at: standing.row.and_then(|row| row.applied_at),
        duration: standing.row.and_then(duration),
        validation_time: standing.row.and_then(validation_time),
        changes: standing.changes(),
        file: standing.migration.map(|migration| migration.path.clone()),
    }
}

/// How long a recorded migration took.
pub fn duration(row: &Row) -> Option<Duration> {
    let milliseconds = u64::try_from(row.execution_time_ms?).ok()?;
    Some(Duration::from_millis(milliseconds))
}

/// How long a recorded migration's checks took.
pub fn validation_time(row: &Row) -> Option<Duration> {
    let milliseconds = u64::try_from(row.validation_time_ms?).ok()?;
    Some(Duration::from_millis(milliseconds))
}

/// One row per track.
pub fn summary(rows: &[StatusRow]) -> Vec<SummaryRow> {
    rows.chunk_by(|one, next| one.track == next.track)
        .filter_map(|rows| {
            let count = |state| rows.iter().filter(|row| row.state == state).count();
            Some(SummaryRow {
                track: rows.first()?.track.clone(),
                total: rows.len(),
                applied: count(State::Applied),
                pending: count(State::Pending),
                changed: count(State::Changed),
                missing: count(State::Missing),
                failed: count(State::Failed) + count(State::Running),
                last_applied_at: rows.iter().filter_map(|row| row.applied_at).max(),
                duration: rows.iter().filter_map(|row| row.duration).sum(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standing::compare;
    use crate::standing::examples::{migration, row, tracks};

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
                (
                    row.track.as_str(),
                    row.total,
                    row.applied,
                    row.pending,
                    row.missing,
                )
            })
            .collect();
        assert_eq!(counts, [("core", 2, 1, 1, 0), ("impl", 2, 0, 1, 1)]);
        assert_eq!(
            summary.first().map(|row| row.duration),
            Some(Duration::from_millis(5))
        );
    }
}
