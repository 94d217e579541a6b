//! `migrate objects`: who made what of the schema.

use super::rebuild::rebuild;
use super::whose::makers;
use super::{Context, Error};
use crate::database::catalog::{Object, Owned};
use crate::database::ledger::makers::Maker;
use crate::error::count;
use crate::preflight::Preflight;

/// An object of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRow {
    pub object: Object,
    /// `None` is known to no ledger.
    pub maker: Option<Maker>,
    pub owner: Option<String>,
}

/// Fills first what the ledgers do not remember.
///
/// # Errors
/// The history cannot be replayed, or the ledgers cannot be written.
pub fn rebuilt_objects(
    context: &Context,
    all: bool,
    preflight: &Preflight<'_>,
) -> Result<Vec<ObjectRow>, Error> {
    let filled = rebuild(context, preflight)?;
    let rows = count(filled, "ledger row", "ledger rows");
    preflight.progress.note(&format!("{rows} filled"));
    objects(context, all)
}

/// A row per object; columns and constraints only where all are asked for.
pub fn objects(context: &Context, all: bool) -> Result<Vec<ObjectRow>, Error> {
    let mut database = context
        .address()?
        .dial(&context.caller.interrupt)?
        .answer()?;
    let makers = makers(&mut database)?;
    let mut rows: Vec<_> = database
        .owned()?
        .into_iter()
        .filter(|Owned(kind, ..)| all || !matches!(kind.as_str(), "column" | "constraint"))
        .map(|Owned(kind, name, part_of, owner)| {
            let object = (kind, name);
            ObjectRow {
                maker: makers.maker(&object, part_of.as_deref()).cloned(),
                object,
                owner,
            }
        })
        .collect();
    let is_wanted = |row: &ObjectRow| {
        let track = row.maker.as_ref().map(|maker| maker.track.as_str());
        context.tracks.is_empty()
            || context
                .tracks
                .iter()
                .any(|wanted| Some(wanted.as_str()) == track)
    };
    rows.retain(is_wanted);
    rows.sort_by(|one, other| one.object.cmp(&other.object));
    Ok(rows)
}
