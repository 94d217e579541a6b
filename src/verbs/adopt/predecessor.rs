//! The interpreted predecessor of this tool: its ledgers are ours, with other hashes.

use super::{AdoptRow, Decision, Takeover};
use crate::database::ledger::Row;
use crate::database::{Database, Ledgers};
use crate::foreign::{self, Tool};
use crate::plan::status::compare;
use crate::tree::Tree;
use crate::tree::checksum::is_legacy;
use crate::verbs::{Context, Error};

/// The predecessor's ledgers are ours: its hashes become ours where the file is what was applied.
pub(super) fn predecessor(
    context: &Context,
    tree: &Tree,
    database: &mut Database,
    ledgers: &Ledgers,
) -> Result<Takeover, Error> {
    let tracks = context.scope(tree, ledgers)?;
    let raw = database.recorded(|track| tracks.contains(track))?;
    let legacy: Vec<&Row> = raw.rows.iter().filter(|row| is_legacy(&row.hash)).collect();
    let statuses = compare(&tracks, &tree.migrations, &ledgers.rows);
    let file_of = |row: &Row| {
        let mut found = statuses.iter();
        let status = found.find(|status| {
            status
                .row
                .is_some_and(|known| known.track == row.track && known.name == row.name)
        })?;
        Some((status.row?, status.migration?))
    };
    let mut takeover = Takeover {
        statements: String::new(),
        tracks: legacy.iter().map(|row| row.track.clone()).collect(),
        rows: vec![],
    };
    let mut changed = Vec::new();
    for row in legacy {
        let file = file_of(row);
        let is_same =
            file.is_some_and(|(known, migration)| known.hash == migration.checksum.as_str());
        match file {
            Some((_, migration)) if is_same => {
                takeover.statements += &database.place.rehash(row, &migration.checksum);
            }
            Some((_, migration)) => changed.push(migration.name.to_string()),
            None => {}
        }
        takeover.rows.push(AdoptRow {
            track: row.track.clone(),
            name: file.map(|(_, migration)| migration.name.file_name()),
            decision: if file.is_some() {
                Decision::Marked
            } else {
                Decision::Unmapped
            },
            applied_at: row.applied_at,
            version: row.name.clone(),
            is_verified: file.map(|_| is_same),
        });
    }
    if changed.is_empty() {
        Ok(takeover)
    } else {
        Err(foreign::Error::Changed {
            tool: Tool::Predecessor,
            files: changed,
        }
        .into())
    }
}
