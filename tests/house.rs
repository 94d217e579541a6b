//! The order of the rooms in `src/lib.rs`: each imports only those that stand before it.

use std::fs;
use std::path::Path;

use regex::Regex;
use walkdir::WalkDir;

const LIB: &str = include_str!("../src/lib.rs");

fn rooms() -> Vec<String> {
    let room = Regex::new(r"(?m)^mod (\w+);").unwrap();
    room.captures_iter(LIB)
        .map(|found| found[1].to_owned())
        .collect()
}

/// The source up to its tests, which may look everywhere below.
fn body(source: &str) -> &str {
    source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or(source)
}

#[test]
fn a_room_imports_only_what_stands_below_it() {
    let rooms = rooms();
    let floor = |name: &str| rooms.iter().position(|room| room == name);
    let path = Regex::new(r"\bcrate::(?:(\w+)|\{([^}]*)\})").unwrap();
    let word = Regex::new(r"(?:^|,)\s*(\w+)").unwrap();
    let mut upwards = Vec::new();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for entry in WalkDir::new(source).sort_by_file_name() {
        let entry = entry.unwrap();
        let file = entry.path().strip_prefix(source).unwrap();
        let first = file.iter().next().and_then(|first| first.to_str());
        let room = first.unwrap_or_default().trim_end_matches(".rs");
        let Some(here) = floor(room) else { continue };
        if file.extension().is_none_or(|end| end != "rs") || entry.file_type().is_dir() {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        for (number, line) in (1..).zip(body(&text).lines()) {
            for found in path.captures_iter(line) {
                let names: Vec<_> = match (found.get(1), found.get(2)) {
                    (Some(one), _) => vec![one.as_str()],
                    (_, Some(several)) => word
                        .captures_iter(several.as_str())
                        .filter_map(|name| Some(name.get(1)?.as_str()))
                        .collect(),
                    _ => vec![],
                };
                upwards.extend(
                    names
                        .into_iter()
                        .filter(|name| floor(name).is_some_and(|there| there > here))
                        .map(|name| format!("src/{}:{number} imports {name}", file.display())),
                );
            }
        }
    }
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

/// The crate's documentation leads newcomers by the names of files and tests.
#[test]
fn the_orientation_names_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documentation: String = LIB.lines().filter(|line| line.starts_with("//!")).collect();
    let path = Regex::new(r"`([a-z_/]+\.(?:rs|sh))`").unwrap();
    let paths: Vec<_> = path
        .captures_iter(&documentation)
        .map(|found| found[1].to_owned())
        .collect();
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        let exists = root.join("src").join(&path).exists() || root.join(&path).exists();
        assert!(exists, "src/lib.rs names {path}");
    }
    for room in rooms() {
        assert!(
            documentation.contains(&room),
            "src/lib.rs explains no {room}"
        );
    }
}
