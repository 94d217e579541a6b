//! Files, our ledgers and the other history side by side: what is to be marked.
//! Reads files to verify them; must not speak to the database.

use std::collections::BTreeSet;

use super::squashed::squashed;
use super::{AdoptRow, Decision, Order, Takeover};
use crate::database::Ledgers;
use crate::database::ledger::Row;
use crate::database::ledger::table::Place;
use crate::foreign::history::{Entry, Meaning};
use crate::foreign::matching::{Match, matching, shown};
use crate::foreign::{self, Tool};
use crate::tree::{self, Migration, Name, Requirement, Track, Tree, Version};
use crate::verbs::Error;

/// What the files and our ledgers say.
pub(super) struct Sides<'a> {
    pub tree: &'a Tree,
    pub ledgers: &'a Ledgers,
    pub place: &'a Place,
    /// Of this adoption.
    pub id: &'a str,
}

impl Sides<'_> {
    pub fn take_over(
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
        let squashed = squashed(tool, track, &matches, &files, &self.ledgers.rows)?;
        let is_squashed = |found: &Match<'_>| {
            let version = foreign::version(tool, &found.entry.version);
            let one = version.map(|version| Requirement {
                track: track.clone(),
                version,
            });
            let standing = one.as_ref().and_then(|one| {
                let mut standing = squashed.iter();
                standing.find(|standing| standing.migration.provides(one))
            });
            found.migration.is_none() && standing.is_some()
        };
        let unmapped: Vec<_> = matches
            .iter()
            .filter(|found| found.is_lost(tool) && !is_squashed(found))
            .map(|found| shown(found.entry))
            .collect();
        if !unmapped.is_empty() && !order.partial && !order.dry_run {
            let versions = unmapped;
            return Err(foreign::Error::NotMapped { tool, versions }.into());
        }
        let mut statements = String::new();
        let mut rows = Vec::with_capacity(matches.len());
        for standing in &squashed {
            let migration = standing.migration;
            statements += &self
                .place
                .adopt(migration, self.id, standing.applied_at, None);
            rows.push(AdoptRow {
                track: track.clone(),
                name: Some(migration.name.file_name()),
                decision: Decision::Marked,
                applied_at: standing.applied_at,
                version: migration.name.version.to_string(),
                is_verified: None,
            });
        }
        for found in &matches {
            let mut row = row(track, found, &known);
            if is_squashed(found) {
                row.decision = Decision::Replaced;
            }
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
    pub fn baseline(&self, tracks: &BTreeSet<Track>, to: &Version) -> Result<Takeover, Error> {
        let mut statements = String::new();
        let mut rows = Vec::new();
        for track in tracks {
            let known = self.known(track);
            if let Some(file) = self.cut_by(track, to, &known) {
                let version = to.clone();
                return Err(foreign::Error::BaselineInside { version, file }.into());
            }
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
        Ok(Takeover {
            statements,
            tracks: tracks.clone(),
            rows,
        })
    }

    /// The file that stands for others, of which a version would take some, where these have no files
    /// any more to be marked themselves.
    fn cut_by(&self, track: &Track, to: &Version, known: &BTreeSet<Version>) -> Option<Name> {
        let is_here = |version: &Version| {
            known.contains(version)
                || of_track(self.tree, track).any(|found| found.name.version == *version)
        };
        let mut standing = of_track(self.tree, track);
        let cut = standing.find(|found| {
            let Some(replaces) = &found.directives.replaces else {
                return false;
            };
            let ends = [&replaces.span.first, &replaces.span.last];
            let mut parts = replaces.parts.values().flatten().chain(ends);
            replaces.span.first <= *to && *to < found.name.version && !parts.all(is_here)
        });
        cut.map(|found| found.name.clone())
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
