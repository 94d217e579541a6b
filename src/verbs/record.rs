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
    let Some(track) = place(rows, done, is_undo) else {
        return;
    };
    let recording = Recording {
        execution_id: last.applied.as_ref().map_or("", |it| &it.execution_id),
        last: &last.name,
        track,
    };
    if let Err(reason) = database.record_schema(&recording) {
        progress.note(&format!(
            "everything is committed, but the schema is not recorded: {reason}"
        ));
    }
}

/// The track whose ledger has a row for it: that of the last step, if an undo has left some of it. `rows`
/// are those from before the run.
fn place<'a>(rows: &'a [Row], done: &'a [RunRow], is_undo: bool) -> Option<&'a Track> {
    let last = &done.last()?.name.track;
    if !is_undo {
        return Some(last);
    }
    let undone: BTreeSet<_> = done.iter().map(|row| row.name.file_name()).collect();
    let left = rows.iter().filter(|row| !undone.contains(&row.name));
    let tracks: BTreeSet<_> = left.map(|row| &row.track).collect();
    let is_left = |track: &&Track| tracks.contains(track);
    Some(last)
        .filter(is_left)
        .or_else(|| tracks.first().copied())
}
