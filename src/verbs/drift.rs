//! `migrate drift`: how the live schema differs from what the migrations made.

use std::collections::BTreeSet;

use super::scratch::{Order, Schemas, schemas};
use super::snapshot::{comparable, kept};
use super::whose::makers;
use super::{Context, Error};
use crate::database::catalog::{self, Detail, Difference, Object};
use crate::database::ledger::objects::{Maker, Makers};
use crate::database::ledger::{Row, RowState};
use crate::plan::Request;
use crate::plan::status::{State, compare};
use crate::preflight::Preflight;

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
    let makers = makers(&mut database)?;
    let differences = match expected {
        Expected::Folder(folder) => {
            let folder = context.caller.shell.directory.join(folder);
            let expected = kept(&folder)?;
            catalog::compare(&comparable(&database.catalog(detail)?), &expected)
        }
        Expected::Replay(request) => {
            let recorded = database.recorded(|_| true)?.rows;
            drop(database);
            let order = Order {
                request,
                preflight,
                detail,
            };
            let Schemas { target, scratch } = schemas(&replayable(context, recorded)?, &order)?;
            catalog::compare(&target, &scratch)
        }
    };
    let rows = differences.into_iter().map(|found| row(found, &makers));
    Ok(rows.collect())
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

fn row(found: Difference, makers: &Makers) -> DriftRow {
    let difference = match (&found.target, &found.scratch) {
        (None, _) => "missing",
        (_, None) => "unexpected",
        _ => "different",
    };
    let object = (found.kind, found.name);
    let maker = makers.maker(&object, found.part_of.as_deref());
    DriftRow {
        maker: maker.cloned(),
        object,
        difference,
        expected: found.scratch,
        actual: found.target,
    }
}
