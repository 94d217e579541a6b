//! The schema that a run leaves, recorded in the database where that is wished.

use std::collections::BTreeSet;

use super::Context;
use crate::database::Database;
use crate::database::ledger::Row;
use crate::database::ledger::recorded::Recording;
use crate::execution::row::RunRow;
use crate::process::progress::Progress;
use crate::tree::Track;

/// Records it behind the last commit, under the lock. Whatever comes of it, the run stands: a record that
/// is not made leaves an older one that no longer counts.
pub(super) fn record(
    context: &Context,
    database: &mut Database,
    rows: &[Row],
    done: &[RunRow],
    is_undo: bool,
    progress: Progress,
) {
    let is_wished = context.caller.settings.record_schema && !context.is_replay;
    let (true, Some(last)) = (is_wished, done.last()) else {
        return;
    };
    let Some(mut place) = place_in(rows, done, is_undo) else {
        return;
    };
    // The ledgers of tracks that nobody asked for have rows, too.
    let all = if place.is_repeatables {
        database.recorded(|_| true).unwrap_or_default().rows
    } else {
        vec![]
    };
    if let Some(other) = place_in(&all, done, is_undo).filter(|_| place.is_repeatables) {
        place = other;
    }
    let recording = Recording {
        execution_id: last.applied.as_ref().map_or("", |it| &it.execution_id),
        last: &last.name,
        track: place.track,
    };
    if let Err(reason) = database.record_schema(&recording) {
        progress.note(&format!(
            "everything is committed, but the schema is not recorded: {reason}"
        ));
    }
}

/// The ledger that has a row for it.
struct Place<'a> {
    track: &'a Track,
    /// Has it no rows but those of repeatables? To write to one makes it look newer than what its objects
    /// stand on.
    is_repeatables: bool,
}

/// That of the last step's track, if it has such a row. `rows` are those from before the run.
fn place_in<'a>(rows: &'a [Row], done: &'a [RunRow], is_undo: bool) -> Option<Place<'a>> {
    let last = &done.last()?.name.track;
    let names: BTreeSet<_> = done.iter().map(|row| row.name.file_name()).collect();
    let before = rows
        .iter()
        .filter(|row| !is_undo || !names.contains(&row.name))
        .map(|row| (row.is_repeatable(), &row.track));
    let new = done
        .iter()
        .filter(|_| !is_undo)
        .map(|row| (row.name.is_repeatable(), &row.name.track));
    before
        .chain(new)
        .min_by_key(|(is_repeatable, track)| (*is_repeatable, *track != last, *track))
        .map(|(is_repeatables, track)| Place {
            track,
            is_repeatables,
        })
}
