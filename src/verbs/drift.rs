//! `migrate drift`: how the live schema differs from what the migrations made.

use std::collections::BTreeSet;

use super::scratch::{Order, Schemas, schemas};
use super::snapshot::{comparable, kept};
use super::{Context, Error};
use crate::database::catalog::{Detail, Difference, Object, compare};
use crate::database::ledger::{Row, RowState};
use crate::plan::Request;
use crate::preflight::Preflight;
use crate::tree::{Track, Version};

/// An object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRow {
    pub object: Object,
    /// `missing`, `unexpected` or `different`.
    pub difference: &'static str,
    pub expected: Option<String>,
    pub actual: Option<String>,
}

/// What the live schema is compared with.
pub enum Expected<'a> {
    /// What the applied migrations make of a new database.
    Replay(&'a Request),
    /// A snapshot in a folder.
    Folder(String),
}

/// # Errors
/// The history cannot be replayed, or the folder holds no snapshot.
pub fn drift(
    context: &Context,
    expected: &Expected<'_>,
    detail: Detail,
    preflight: &Preflight<'_>,
) -> Result<Vec<DriftRow>, Error> {
    let mut database = context
        .address()?
        .dial(&context.caller.interrupt)?
        .answer()?;
    let differences = match expected {
        Expected::Folder(folder) => {
            let folder = context.caller.shell.directory.join(folder);
            let expected = kept(&folder)?;
            compare(&comparable(&database.catalog(detail)?), &expected)
        }
        Expected::Replay(request) => {
            let applied = applied(&database.recorded(|_| true)?.rows);
            drop(database);
            let order = Order {
                request,
                preflight,
                detail,
            };
            let Schemas { target, scratch } = schemas(&replayable(context, applied)?, &order)?;
            compare(&target, &scratch)
        }
    };
    Ok(differences.into_iter().map(row).collect())
}

/// What is applied, by what identifies it, and by its name.
fn applied(rows: &[Row]) -> Vec<(Track, Option<Version>, String)> {
    rows.iter()
        .filter(|row| row.state == RowState::Applied)
        .map(|row| (row.track.clone(), row.version(), row.name.clone()))
        .collect()
}

/// The context with the files of what is applied.
fn replayable(
    context: &Context,
    applied: Vec<(Track, Option<Version>, String)>,
) -> Result<Context, Error> {
    let tree = context.tree()?;
    let files: BTreeSet<_> = tree
        .migrations
        .iter()
        .map(|migration| (migration.name.track.clone(), migration.name.version.clone()))
        .collect();
    let (mut only, mut missing) = (BTreeSet::new(), Vec::new());
    for (track, version, name) in applied {
        match version.map(|version| (track, version)) {
            Some(file) if files.contains(&file) => drop(only.insert(file)),
            _ => missing.push(name),
        }
    }
    if missing.is_empty() {
        Ok(context.with_only(only))
    } else {
        Err(Error::NotReplayable { missing })
    }
}

fn row(found: Difference) -> DriftRow {
    let difference = match (&found.target, &found.scratch) {
        (None, _) => "missing",
        (_, None) => "unexpected",
        _ => "different",
    };
    DriftRow {
        object: (found.kind, found.name),
        difference,
        expected: found.scratch,
        actual: found.target,
    }
}
