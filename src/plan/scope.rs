//! Which tracks a command is about. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;

use super::Error;
use crate::database::Ledgers;
use crate::database::ledger::Row;
use crate::tree::Track;
use crate::tree::Tree;

/// The tracks that were asked for, else those that have files in the tree. A ledger alone does
/// not count: a part of a tree must not see all other tracks as missing.
///
/// # Errors
/// A track that was asked for is unknown to both sides, or there is none at all.
pub fn scope(wanted: &[Track], tree: &Tree, ledgers: &Ledgers) -> Result<BTreeSet<Track>, Error> {
    let in_tree: BTreeSet<_> = tree
        .migrations
        .iter()
        .map(|migration| migration.name.track.clone())
        .collect();
    if wanted.is_empty() {
        return if in_tree.is_empty() {
            Err(Error::NoMigrations {
                root: tree.root.clone(),
            })
        } else {
            Ok(in_tree)
        };
    }
    let known = everything(tree, ledgers);
    match wanted.iter().find(|track| !known.contains(track)) {
        None => Ok(wanted.iter().cloned().collect()),
        Some(unknown) => Err(Error::UnknownTrack {
            track: unknown.to_string(),
            known: known.iter().map(ToString::to_string).collect(),
        }),
    }
}

/// Are the tracks in the tree that must be?
///
/// # Errors
/// The names of those that are not.
pub fn complete(tree: &Tree, expected: &[String]) -> Result<(), Error> {
    let is_there = |track: &str| {
        let mut names = tree.migrations.iter().map(|migration| &migration.name);
        names.any(|name| name.track.as_str() == track)
    };
    let missing: Vec<_> = expected
        .iter()
        .filter(|track| !is_there(track))
        .cloned()
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::TracksMissing {
            tracks: missing,
            root: tree.root.clone(),
        })
    }
}

/// Tracks that have no file in the tree, and migrations that were applied by the same runs as some of
/// the tree: they stood beside each other. How many migrations, by track.
///
/// Nothing is missed in the folder of a single track.
pub fn vanished(tree: &Tree, rows: &[Row]) -> BTreeMap<Track, usize> {
    let in_tree = everything(tree, &Ledgers::default());
    if is_a_part(tree, &in_tree) {
        return BTreeMap::new();
    }
    let runs: BTreeSet<_> = rows
        .iter()
        .filter(|row| in_tree.contains(&row.track))
        .filter_map(|row| row.execution_id.as_deref())
        .collect();
    let others = rows.iter().filter(|row| !in_tree.contains(&row.track));
    let mut vanished: BTreeMap<Track, (usize, bool)> = BTreeMap::new();
    for row in others {
        let (count, is_beside) = vanished.entry(row.track.clone()).or_default();
        *count += 1;
        *is_beside |= row
            .execution_id
            .as_deref()
            .is_some_and(|run| runs.contains(run));
    }
    vanished
        .into_iter()
        .filter(|(_, (_, is_beside))| *is_beside)
        .map(|(track, (count, _))| (track, count))
        .collect()
}

/// Is the tree the folder of one track, beside others?
fn is_a_part(tree: &Tree, tracks: &BTreeSet<Track>) -> bool {
    let Some(track) = tracks.first().filter(|_| tracks.len() == 1) else {
        return false;
    };
    let is_named_so = tree.root.file_name() == Some(OsStr::new(track.as_str()));
    let mut folders = tree
        .migrations
        .iter()
        .map(|migration| migration.path.parent());
    is_named_so || folders.all(|folder| folder == Some(&tree.root))
}

/// The tracks of the tree and of the ledgers together.
pub fn everything(tree: &Tree, ledgers: &Ledgers) -> BTreeSet<Track> {
    let in_tree = tree
        .migrations
        .iter()
        .map(|migration| migration.name.track.clone());
    in_tree
        .chain(ledgers.tables.iter().map(|table| table.track.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::table::Table;
    use crate::tree::examples::{migration, tracks};

    #[test]
    fn the_trees_tracks_unless_others_are_asked_for() {
        let track = |name| Track::parse(name).unwrap();
        let tree = Tree {
            root: "/db".into(),
            migrations: vec![migration("20240101000000_core_a.sql")],
            seals: vec![],
        };
        let ledgers = Ledgers {
            tables: vec![Table {
                track: track("impl"),
                is_current: true,
            }],
            rows: vec![],
        };
        assert_eq!(scope(&[], &tree, &ledgers).unwrap(), tracks(&["core"]));
        assert_eq!(
            scope(&[track("impl")], &tree, &ledgers).unwrap(),
            tracks(&["impl"])
        );
        match scope(&[track("typo")], &tree, &ledgers) {
            Err(Error::UnknownTrack { known, .. }) => assert_eq!(known, ["core", "impl"]),
            other => panic!("{other:?}"),
        }
        let empty = Tree {
            migrations: vec![],
            ..tree
        };
        assert!(matches!(
            scope(&[], &empty, &ledgers),
            Err(Error::NoMigrations { .. })
        ));
    }

    #[test]
    fn what_stood_beside_the_others_and_is_gone_has_vanished() {
        use crate::database::ledger::examples::row;

        let mut core = migration("20240101000000_core_a.sql");
        core.path = "/db/core/20240101000000_core_a.sql".into();
        let tree = |root: &str| Tree {
            root: root.into(),
            migrations: vec![core.clone()],
            seals: vec![],
        };
        let of_run = |name: &str, run: &str| Row {
            execution_id: Some(run.to_owned()),
            ..row(name)
        };
        let rows = [
            of_run("20240101000000_core_a.sql", "one"),
            of_run("20240101000000_impl_a.sql", "one"),
            of_run("20240102000000_impl_b.sql", "two"),
            of_run("20240101000000_apart_a.sql", "three"),
        ];
        let found = vanished(&tree("/db"), &rows);
        let found: Vec<_> = found
            .iter()
            .map(|(track, count)| (track.as_str(), *count))
            .collect();
        assert_eq!(found, [("impl", 2)]);
        assert!(
            vanished(&tree("/db/core"), &rows).is_empty(),
            "a track's folder"
        );
    }
}
