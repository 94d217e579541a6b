//! `migrate adopt`: what another tool has applied, or everything up to a point, counts as applied.

mod predecessor;
mod sides;
mod squashed;

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};
use uuid::Uuid;

use self::predecessor::predecessor;
use self::sides::Sides;
use super::look::{look, look_under_lock};
use super::{Context, Error};
use crate::database::identity::{Identity, Kinship};
use crate::database::ledger::Row;
use crate::database::ledger::table::Place;
use crate::database::reconnect::{Patience, reconnect};
use crate::database::{self, Address, Database, Ledgers};
use crate::error::Report;
use crate::execution::outcome::Outcome;
use crate::foreign::history::{self, Entry};
use crate::foreign::matching::MatchError;
use crate::foreign::{self, Layout, Located, Tool, choose};
use crate::process::watch::Watch;
use crate::tree::{self, Track, Version};

/// Whose word is taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Tool {
        tool: Tool,
        /// Its table, where it has another name than usual.
        table: Option<String>,
    },
    /// The user's: everything up to this version.
    Baseline(Version),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub source: Source,
    /// Leave out what has no file.
    pub partial: bool,
    pub dry_run: bool,
}

/// What becomes of an entry of the other history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Decision {
    Marked,
    Planned,
    /// Our ledger has it already.
    Known,
    /// A file stands for it.
    Replaced,
    /// There is no file of it.
    Unmapped,
}

/// A row of `migrate adopt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptRow {
    pub track: Track,
    pub name: Option<String>,
    pub decision: Decision,
    pub applied_at: Option<DateTime<FixedOffset>>,
    /// As the other tool writes it.
    pub version: String,
    /// Is the file what was applied, as far as the other tool can tell?
    pub is_verified: Option<bool>,
}

/// What is to be written, and the report of it.
#[derive(Default)]
struct Takeover {
    statements: String,
    /// The tracks whose ledgers are written to.
    tracks: BTreeSet<Track>,
    rows: Vec<AdoptRow>,
}

/// Marks what is applied, under the lock and in one transaction.
pub fn adopt(context: &Context, order: &Order) -> Result<Vec<AdoptRow>, Error> {
    let address = context.address()?.for_writing();
    let (tree, mut database, ledgers) = if order.dry_run {
        look(context)?
    } else {
        look_under_lock(context, &address, &Watch::default())?
    };
    let id = Uuid::new_v4().to_string();
    let sides = Sides {
        tree: &tree,
        ledgers: &ledgers,
        place: &database.place.clone(),
        id: &id,
    };
    let takeover = match &order.source {
        Source::Baseline(version) => sides.baseline(&context.scope(&tree, &ledgers)?, version)?,
        Source::Tool {
            tool: Tool::Predecessor,
            ..
        } => predecessor(context, &tree, &mut database, &ledgers)?,
        Source::Tool { tool, table } => {
            // A foreign history is one history, and so becomes one track.
            let track = context.only_track(&tree)?;
            let entries = read(&mut database, *tool, table.as_deref())?;
            sides.take_over(*tool, &track, &entries, order)?
        }
    };
    if !order.dry_run {
        write(&address, context, database, &ledgers, &takeover, &id)?;
    }
    Ok(with_fate(takeover.rows, order.dry_run))
}

fn with_fate(mut rows: Vec<AdoptRow>, dry_run: bool) -> Vec<AdoptRow> {
    if dry_run {
        for row in rows
            .iter_mut()
            .filter(|row| row.decision == Decision::Marked)
        {
            row.decision = Decision::Planned;
        }
    }
    rows
}

fn read(database: &mut Database, tool: Tool, named: Option<&str>) -> Result<Vec<Entry>, Error> {
    let Some(layout) = Layout::of(tool) else {
        return Ok(vec![]);
    };
    let unreadable = |error: serde_json::Error| foreign::Error::Unreadable {
        tool,
        problem: error.to_string(),
    };
    let found = database.read(&layout.search(named))?;
    let found: Vec<Located> = serde_json::from_str(&found).map_err(unreadable)?;
    let table = choose(tool, layout, named, found)?;
    let answer = database.read(&history::query(tool, &table.quoted()));
    let answer = answer.map_err(|error| match error {
        database::Error::LedgerBusy { waited, .. } => Error::from(foreign::Error::Locked {
            tool,
            table: table.name(),
            waited,
        }),
        other => other.into(),
    })?;
    Ok(history::parse(&answer).map_err(unreadable)?)
}

/// Writes all of it or nothing. Where the answer does not come, the server is asked once more.
fn write(
    address: &Address,
    context: &Context,
    mut database: Database,
    ledgers: &Ledgers,
    takeover: &Takeover,
    id: &str,
) -> Result<(), Error> {
    if takeover.statements.is_empty() {
        return Ok(());
    }
    let ensure: String = takeover
        .tracks
        .iter()
        .map(|track| {
            let existing = ledgers.tables.iter().find(|table| table.track == *track);
            database.place.ensure(track, existing)
        })
        .collect();
    database.make_ready()?;
    let Err(error) = database.change(&format!("{ensure}{}", takeover.statements)) else {
        return Ok(());
    };
    if !error.is_lost() {
        return Err(error.into());
    }
    let is_interrupted = error.is_interruption();
    let patience = Patience::new(&context.caller.interrupt, is_interrupted);
    let (place, identity) = (database.place.clone(), database.identity.clone());
    // The old session may still be at work; the new one sees it off.
    drop(database);
    let outcome = ask(
        address,
        &place,
        identity.as_ref(),
        &takeover.tracks,
        id,
        &patience,
    );
    if outcome == Outcome::Committed && !is_interrupted {
        return Ok(());
    }
    Err(Error::AdoptStopped {
        error: Box::new(error.into()),
        outcome,
    })
}

/// Asks the server that was to be changed, over a new connection, whether the rows are there.
fn ask(
    address: &Address,
    place: &Place,
    before: Option<&Identity>,
    tracks: &BTreeSet<Track>,
    id: &str,
    patience: &Patience,
) -> Outcome {
    let look = || {
        let before = before.ok_or("it is not known which server it was")?;
        let mut server =
            reconnect(address, place, before, patience).map_err(|error| error.to_string())?;
        let recorded = server.database.recorded(|track| tracks.contains(track));
        let rows = recorded.map_err(|error| error.to_string())?.rows;
        match server.kinship {
            Kinship::Same | Kinship::Restarted => Ok(rows),
            _ => Err("another server answers".to_owned()),
        }
    };
    let is_written = |row: &Row| row.execution_id.as_deref() == Some(id);
    match look() {
        Ok(rows) if rows.iter().any(is_written) => Outcome::Committed,
        Ok(_) => Outcome::RolledBack,
        Err(reason) => Outcome::Unknown { reason },
    }
}

impl From<MatchError> for Error {
    fn from(error: MatchError) -> Self {
        match error {
            MatchError::Foreign(error) => error.into(),
            MatchError::Unreadable(error) => tree::Error::from(error).into(),
        }
    }
}
