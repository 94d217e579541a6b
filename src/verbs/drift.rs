//! `migrate drift`: how the live schema differs from what the migrations made.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};

use super::scratch::{Order, Schemas, schemas};
use super::snapshot::{comparable, kept};
use super::whose::makers;
use super::{Context, Error};
use crate::database::Database;
use crate::database::catalog::{self, Detail, Difference, Object};
use crate::database::ledger::makers::{Maker, Makers};
use crate::database::ledger::{Row, RowState};
use crate::plan::Request;
use crate::plan::status::{State, compare};
use crate::preflight::Preflight;
use crate::process::progress::Progress;

/// An object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRow {
    pub object: Object,
    /// `missing`, `unexpected` or `different`.
    pub difference: &'static str,
    /// Who made it, or what it is part of.
    pub maker: Option<Maker>,
    pub expected: Option<String>,
    pub actual: Option<String>,
    /// After this, it was done by hand.
    pub since: Option<DateTime<FixedOffset>>,
}

/// What the live schema is compared with.
pub enum Expected<'a> {
    /// What the last run has recorded, else a replay.
    Recorded(&'a Request),
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
    let makers = makers(&mut database)?;
    let mut since = None;
    let differences = match expected {
        Expected::Folder(folder) => {
            let folder = context.caller.shell.directory.join(folder);
            let expected = kept(&folder)?;
            catalog::compare(&comparable(&database.catalog(detail)?), &expected)
        }
        Expected::Recorded(request) => match recorded(&mut database, detail, preflight.progress)? {
            Some(Compared { at, differences }) => {
                since = Some(at);
                differences
            }
            None => replayed(context, database, request, detail, preflight)?,
        },
        Expected::Replay(request) => {
            preflight
                .progress
                .note("compared with a replay of the files");
            replayed(context, database, request, detail, preflight)?
        }
    };
    let rows = differences.into_iter();
    Ok(rows.map(|found| row(found, &makers, since)).collect())
}

/// How a database differs from what was recorded of it.
struct Compared {
    at: DateTime<FixedOffset>,
    differences: Vec<Difference>,
}

/// `None` if there is no record that counts.
fn recorded(
    database: &mut Database,
    detail: Detail,
    progress: Progress,
) -> Result<Option<Compared>, Error> {
    let recorded = match database.recorded_schema()? {
        Ok(recorded) => recorded,
        Err(stale) => {
            progress.note(&format!("{stale}: compared with a replay of the files"));
            return Ok(None);
        }
    };
    let (mut expected, mut actual) = (recorded.expected, recorded.actual);
    if detail == Detail::Definitions {
        (expected, actual) = (expected.definitions(), actual.definitions());
    }
    let head = recorded.head;
    progress.note(&format!(
        "compared with the schema as recorded at {} after {}; --replay compares with the files",
        head.at.format("%Y-%m-%d %H:%M:%S %:z"),
        head.last
    ));
    Ok(Some(Compared {
        at: head.at,
        differences: catalog::compare(&actual, &expected),
    }))
}

fn replayed(
    context: &Context,
    mut database: Database,
    request: &Request,
    detail: Detail,
    preflight: &Preflight<'_>,
) -> Result<Vec<Difference>, Error> {
    let recorded = database.recorded(|_| true)?.rows;
    drop(database);
    let order = Order {
        request,
        preflight,
        detail,
    };
    let Schemas { target, scratch } = schemas(&replayable(context, recorded)?, &order)?;
    Ok(catalog::compare(&target, &scratch))
}

/// The context with the files of what is applied, and those that stand for such.
pub(super) fn replayable(context: &Context, rows: Vec<Row>) -> Result<Context, Error> {
    let tree = context.tree()?;
    let in_tree = tree.migrations.iter().map(|found| &found.name.track);
    let tracks: BTreeSet<_> = rows
        .iter()
        .map(|row| &row.track)
        .chain(in_tree)
        .cloned()
        .collect();
    let applied: Vec<_> = rows
        .into_iter()
        .filter(|row| row.state == RowState::Applied)
        .collect();
    let (mut only, mut missing) = (BTreeSet::new(), Vec::new());
    for status in compare(&tracks, &tree.migrations, &applied) {
        match (status.migration, status.row) {
            (Some(file), row) if row.is_some() || status.state == State::Applied => {
                only.insert((file.name.track.clone(), file.name.version.clone()));
            }
            (None, Some(row)) if status.state != State::Replaced => missing.push(row.name.clone()),
            _ => {}
        }
    }
    if missing.is_empty() {
        Ok(context.with_only(only))
    } else {
        Err(Error::NotReplayable { missing })
    }
}

/// `recorded` is when the schema was recorded that it is compared with.
fn row(found: Difference, makers: &Makers, recorded: Option<DateTime<FixedOffset>>) -> DriftRow {
    let difference = match (&found.target, &found.scratch) {
        (None, _) => "missing",
        (_, None) => "unexpected",
        _ => "different",
    };
    let object = (found.kind, found.name);
    let maker = makers.maker(&object, found.part_of.as_deref());
    DriftRow {
        since: recorded.or_else(|| maker?.last_changed_at),
        maker: maker.cloned(),
        object,
        difference,
        expected: found.scratch,
        actual: found.target,
    }
}
