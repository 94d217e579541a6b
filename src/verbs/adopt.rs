//! `migrate adopt`: what another tool has applied, or everything up to a point, counts as applied.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};
use uuid::Uuid;

use super::look::{look, look_under_lock};
use super::{Context, Error};
use crate::database::ledger::table::Place;
use crate::database::ledger::{Row, RowState};
use crate::database::{Address, Database, Ledgers};
use crate::foreign::history::{self, Entry, Meaning};
use crate::foreign::matching::{Match, MatchError, matching, shown};
use crate::foreign::{self, Layout, Located, Tool, choose};
use crate::plan::status::compare;
use crate::tree::checksum::is_legacy;
use crate::tree::{self, Migration, Track, Tree, Version};

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
        look_under_lock(context, &address)?
    };
    let id = Uuid::new_v4().to_string();
    let sides = Sides {
        tree: &tree,
        ledgers: &ledgers,
        place: &database.place.clone(),
        id: &id,
    };
    let takeover = match &order.source {
        Source::Baseline(version) => sides.baseline(&context.scope(&tree, &ledgers)?, version),
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
        write(&address, context, &mut database, &ledgers, &takeover, &id)?;
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
    let table = choose(tool, layout, found)?;
    let answer = database.read(&history::query(tool, &table.quoted()))?;
    Ok(history::parse(&answer).map_err(unreadable)?)
}

/// What the files and our ledgers say.
struct Sides<'a> {
    tree: &'a Tree,
    ledgers: &'a Ledgers,
    place: &'a Place,
    /// Of this adoption.
    id: &'a str,
}

impl Sides<'_> {
    fn take_over(
        &self,
        tool: Tool,
        track: &Track,
        entries: &[Entry],
        order: &Order,
    ) -> Result<Takeover, Error> {
        let files: Vec<_> = of_track(self.tree, track).collect();
        let known = self.known(track);
        let read = |file: &Migration| tree::content(&file.path);
        let matches = matching(tool, entries, &files, &known, read)?;
        let unmapped: Vec<_> = matches
            .iter()
            .filter(|found| found.is_lost(tool))
            .map(|found| shown(found.entry))
            .collect();
        if !unmapped.is_empty() && !order.partial && !order.dry_run {
            let versions = unmapped;
            return Err(foreign::Error::NotMapped { tool, versions }.into());
        }
        let mut statements = String::new();
        let mut rows = Vec::with_capacity(matches.len());
        for found in &matches {
            let row = row(track, found, &known);
            if let (Decision::Marked, Some(migration)) = (row.decision, found.migration) {
                // A line that was drawn says nothing about when.
                let entry = Some(found.entry).filter(|entry| entry.meaning == Meaning::Applied);
                statements += &self.place.adopt(
                    migration,
                    self.id,
                    entry.and_then(|entry| entry.applied_at),
                    entry.and_then(|entry| entry.execution_time_ms),
                );
            }
            rows.push(row);
        }
        Ok(Takeover {
            statements,
            tracks: BTreeSet::from([track.clone()]),
            rows,
        })
    }

    /// Everything up to a version.
    fn baseline(&self, tracks: &BTreeSet<Track>, to: &Version) -> Takeover {
        let mut statements = String::new();
        let mut rows = Vec::new();
        for track in tracks {
            let known = self.known(track);
            for migration in of_track(self.tree, track).filter(|found| found.name.version <= *to) {
                let is_known = known.contains(&migration.name.version);
                if !is_known {
                    statements += &self.place.mark_applied(migration, self.id);
                }
                rows.push(AdoptRow {
                    track: track.clone(),
                    name: Some(migration.name.file_name()),
                    decision: if is_known {
                        Decision::Known
                    } else {
                        Decision::Marked
                    },
                    applied_at: None,
                    version: migration.name.version.to_string(),
                    is_verified: None,
                });
            }
        }
        Takeover {
            statements,
            tracks: tracks.clone(),
            rows,
        }
    }

    /// The versions of a track that our ledger knows.
    fn known(&self, track: &Track) -> BTreeSet<Version> {
        let rows = self.ledgers.rows.iter();
        rows.filter(|row| row.track == *track)
            .filter_map(Row::version)
            .collect()
    }
}

fn of_track<'a>(tree: &'a Tree, track: &'a Track) -> impl Iterator<Item = &'a Migration> {
    let migrations = tree.migrations.iter();
    migrations.filter(move |migration| migration.name.track == *track)
}

fn row(track: &Track, found: &Match<'_>, known: &BTreeSet<Version>) -> AdoptRow {
    let decision = match found.migration {
        None => Decision::Unmapped,
        Some(migration) if known.contains(&migration.name.version) => Decision::Known,
        Some(_) => Decision::Marked,
    };
    AdoptRow {
        track: track.clone(),
        name: found.migration.map(|migration| migration.name.file_name()),
        decision,
        applied_at: found.entry.applied_at,
        version: if found.entry.version.is_empty() {
            shown(found.entry)
        } else {
            found.entry.version.clone()
        },
        is_verified: found.is_verified,
    }
}

/// The predecessor's ledgers are ours: its hashes become ours where the file is what was applied.
fn predecessor(
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

/// Writes all of it or nothing. Where the answer does not come, the server is asked once more.
fn write(
    address: &Address,
    context: &Context,
    database: &mut Database,
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
    let Err(error) = database.change(&format!("{ensure}{}", takeover.statements)) else {
        return Ok(());
    };
    if !error.is_lost() {
        return Err(error.into());
    }
    let seen = address
        .dial(&context.caller.interrupt)
        .map_err(crate::database::Error::from)
        .and_then(|dialing| dialing.answer())
        .and_then(|mut other| other.recorded(|track| takeover.tracks.contains(track)));
    let is_written =
        |row: &Row| row.state == RowState::Applied && row.execution_id.as_deref() == Some(id);
    match seen {
        Ok(seen) if seen.rows.iter().any(is_written) => Ok(()),
        Ok(_) => Err(error.into()),
        Err(_) => Err(Error::AdoptUnknown {
            error: Box::new(error),
        }),
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
