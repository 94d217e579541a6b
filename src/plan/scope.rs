//! Which tracks a command is about. Pure.

use std::collections::BTreeSet;

use super::Error;
use crate::database::Ledgers;
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
}
