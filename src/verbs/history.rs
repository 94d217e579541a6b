//! `migrate history`: what the ledgers say.

use super::{Context, Error};
use crate::database::ledger::Row;
use crate::tree::file_name::parse_recorded;
use crate::tree::{self, Name, Track};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// What the recorded name says, where it has our form.
    pub name: Option<Name>,
    pub row: Row,
}

/// What the ledgers say, also of files that are gone.
pub fn history(context: &Context) -> Result<Vec<HistoryRow>, Error> {
    if !context.root.is_dir() {
        let path = context.root.clone();
        return Err(tree::Error::NoSuchDirectory { path }.into());
    }
    let wanted = |track: &Track| context.tracks.is_empty() || context.tracks.contains(track);
    let dialing = context.address()?.dial(&context.caller.interrupt)?;
    let mut database = dialing.answer()?;
    let recorded = database.recorded(wanted)?;
    database.close();
    Ok(recorded
        .rows
        .into_iter()
        .map(|row| HistoryRow {
            name: parse_recorded(&row.name),
            row,
        })
        .collect())
}
