//! Migrations for unit tests, of this room and those above.

use std::collections::BTreeSet;

use super::checksum::Checksum;
use super::directives::{Directives, Replacement};
use super::file_name::parse_recorded;
use super::{Migration, Track};

pub fn migration(file: &str) -> Migration {
    Migration {
        validation: None,
        undo: None,
        verification: None,
        name: parse_recorded(file).unwrap(),
        path: format!("/db/{file}").into(),
        directives: Directives::default(),
        checksum: Checksum::of(file.as_bytes(), []),
    }
}

pub fn tracks(names: &[&str]) -> BTreeSet<Track> {
    names
        .iter()
        .map(|name| Track::parse(name).unwrap())
        .collect()
}

/// One that stands for a range, made of these.
pub fn squash(file: &str, range: &str, made_of: &[&str]) -> Migration {
    let mut replaces = Replacement::new(range.parse().unwrap());
    for parts in made_of {
        replaces.made_of(parts).unwrap();
    }
    let mut found = migration(file);
    found.directives.replaces = Some(replaces);
    found
}
