//! Migrations for unit tests, of this room and those above.

use std::collections::BTreeSet;

use super::checksum::Checksum;
use super::directives::Directives;
use super::file_name::parse_recorded;
use super::{Migration, Track};

pub fn migration(file: &str) -> Migration {
    Migration {
        validation: None,
        undo: None,
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
