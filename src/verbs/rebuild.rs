//! `migrate objects --rebuild`: what the ledgers do not remember, found out by running the history once more.

use std::collections::{BTreeMap, BTreeSet};

use super::drift::replayable;
use super::run::run;
use super::scratch::{dial, in_scratch};
use super::{Context, Error};
use crate::database::Database;
use crate::database::catalog::Object;
use crate::database::ledger::makers::Makers;
use crate::database::ledger::objects::{Change, Deeds};
use crate::database::ledger::{Row, RowState};
use crate::execution::script::{Present, Rows, Touched, drops};
use crate::plan::Request;
use crate::preflight::Preflight;
use crate::process::watch::Watch;
use crate::settings::TransactionMode;
use crate::tree::Track;

/// Fills what is missing. Gives how many ledger rows were filled.
///
/// # Errors
/// The history cannot be replayed, or the ledgers cannot be written.
pub(super) fn rebuild(context: &Context, preflight: &Preflight<'_>) -> Result<usize, Error> {
    let mut database = dial(context)?;
    let recorded = database.recorded(|_| true)?.rows;
    let present = present(&mut database)?;
    let replay = replayable(context, recorded)?.remembering_each();
    let request = Request {
        transaction: TransactionMode::Each,
        ..Request::default()
    };
    let deeds = in_scratch(&replay, database, preflight.progress, |scratch| {
        if !scratch.has_nothing() {
            run(scratch, &request, preflight)?;
        }
        Ok(dial(scratch)?.deeds()?)
    })?;
    write(context, &translated(deeds, &present))
}

/// What there is in the target, with its numbers.
fn present(database: &mut Database) -> Result<BTreeMap<Object, i64>, Error> {
    let touched = Touched {
        major: database.server.major(),
        catalogues: None,
        is_locked: false,
    };
    let question = drops(&database.place, Rows::All, touched, "\\;");
    let present: Vec<Present> = crate::database::parse_json(&database.read(&question)?)?;
    let numbered = present
        .into_iter()
        .map(|(_, id, column, _, kind, name, ..)| {
            let id = if column > 0 { column } else { id };
            ((kind, name), id)
        });
    Ok(numbered.collect())
}

/// The same with the target's numbers. What it does not have gets one that nothing can have.
fn translated(deeds: Vec<Deeds>, present: &BTreeMap<Object, i64>) -> Vec<Deeds> {
    let makers = Makers::of(&deeds);
    let number = |object: Option<&Object>, id: i64| {
        let found = object.and_then(|object| present.get(object));
        found.copied().unwrap_or(-id)
    };
    let translate = |change: Change| {
        let last = makers.last_name(&change);
        let id = change.3.map(|id| number(last, id));
        let Change(action, kind, name, _, part_of) = change;
        let part_of = part_of.map(|id| number(makers.relation(id), id));
        Change(action, kind, name, id, part_of)
    };
    deeds
        .into_iter()
        .map(|Deeds(track, migration, at, changes)| {
            Deeds(
                track,
                migration,
                at,
                changes.into_iter().map(translate).collect(),
            )
        })
        .collect()
}

/// Writes to the rows that remember nothing.
fn write(context: &Context, deeds: &[Deeds]) -> Result<usize, Error> {
    let address = context.address()?.for_writing();
    let mut database = address.dial(&context.caller.interrupt)?.answer()?;
    database.require_writable()?;
    database.lock(context.caller.settings.lock_wait, &Watch::default())?;
    database.make_ready()?;
    let ledgers = database.recorded(|_| true)?;
    let known = database.deeds()?;
    let known: BTreeSet<_> = known
        .iter()
        .map(|Deeds(track, name, ..)| (track, name))
        .collect();
    let row = |track: &String, name: &String| -> Option<&Row> {
        let mut rows = ledgers.rows.iter();
        rows.find(|row| row.track.as_str() == track && row.name == *name)
    };
    let newer = newer(&mut database, &ledgers.rows)?;
    let mut statements = String::new();
    let mut ensured: BTreeSet<&Track> = BTreeSet::new();
    let mut filled = 0;
    for Deeds(track, name, _, changes) in deeds {
        let Some(row) = row(track, name).filter(|row| row.state == RowState::Applied) else {
            continue;
        };
        if known.contains(&(track, name)) || newer.contains(name) {
            continue;
        }
        if ensured.insert(&row.track) {
            let table = ledgers.tables.iter().find(|table| table.track == row.track);
            statements += &database.place.ensure(&row.track, table);
        }
        statements += &database.place.fill_objects(row, changes);
        filled += 1;
    }
    if filled > 0 {
        database.change(&statements)?;
    }
    Ok(filled)
}

/// The names of the repeatables that something is newer than: what they stand on, or their own views, which
/// somebody has changed. A row that is written would be newer than all of it, and hide that.
fn newer(database: &mut Database, rows: &[Row]) -> Result<BTreeSet<String>, Error> {
    let repeatables = rows.iter().filter(|row| row.is_repeatable());
    let tracks: BTreeSet<_> = repeatables.clone().map(|row| &row.track).collect();
    let tracks = Vec::from_iter(tracks);
    let mut newer = database.due_by_dependency(&tracks)?;
    let changed = database.views_changed_since(&tracks)?;
    let made_one = |row: &&Row| {
        let mut keys = row
            .parts
            .keys()
            .filter_map(|key| key.strip_prefix("@view "));
        keys.any(|view| changed.contains(view))
    };
    newer.extend(repeatables.filter(made_one).map(|row| row.name.clone()));
    Ok(newer)
}
