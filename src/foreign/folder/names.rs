//! What a file's name says, tool by tool.

use std::sync::LazyLock;

use regex::Regex;

use super::{Piece, Reading, Side, Source, blocks, version};
use crate::foreign::Tool;
use crate::foreign::matching::description;

/// What other files say about how one runs: is it outside of a transaction?
pub fn said_beside(source: &Source, all: &[Source]) -> bool {
    let folder = source.path.rsplit_once('/').map(|(folder, _)| folder);
    let flyway = format!("{}.conf", source.path);
    let diesel = folder.map(|folder| format!("{folder}/metadata.toml"));
    all.iter().any(|other| {
        let is_flyways = other.path == flyway && says(other, "executeInTransaction", "false");
        let is_diesels =
            Some(&other.path) == diesel.as_ref() && says(other, "run_in_transaction", "false");
        is_flyways || is_diesels
    })
}

/// Does a file of lines `key = value` say so?
fn says(source: &Source, key: &str, value: &str) -> bool {
    let text = String::from_utf8_lossy(&source.content);
    text.lines()
        .filter_map(|line| line.split_once('='))
        // TOML has comments behind values.
        .map(|(found, said)| (found, said.split('#').next().unwrap_or_default()))
        .any(|(found, said)| found.trim() == key && said.trim().eq_ignore_ascii_case(value))
}

/// Reads a file of the tool.
///
/// # Errors
/// It is SQL, and not of this tool.
pub fn read(tool: Tool, source: &Source, is_outside: bool) -> Result<Reading, String> {
    let file = source.path.as_str();
    if !file.ends_with(".sql") {
        return match (tool, file.rsplit('.').next()) {
            (Tool::Goose, Some("go")) | (Tool::Refinery, Some("rs")) => Err(PROGRAM.to_owned()),
            _ => Ok(Reading::Nothing),
        };
    }
    if tool == Tool::Flyway && REPEATABLE.as_ref().is_some_and(|name| name.is_match(file)) {
        return Ok(Reading::Skipped(
            "it is repeatable, and runs whenever it has changed",
        ));
    }
    let pattern = match tool {
        Tool::Sqlx => &SQLX,
        Tool::Dbmate | Tool::Goose => &ONE_FILE,
        Tool::GolangMigrate => &PAIR,
        Tool::Flyway => &FLYWAY,
        Tool::Refinery => &REFINERY,
        Tool::Diesel => &DIESEL,
        Tool::Sqitch | Tool::Predecessor => return Err("its files need no import".to_owned()),
    };
    let found = pattern
        .as_ref()
        .and_then(|pattern| pattern.captures(file))
        .ok_or_else(|| format!("its name is not a file name of {tool}"))?;
    let part = |name: &str| found.name(name).map_or("", |found| found.as_str());
    let digits = part("version");
    let version = version(tool, digits)
        .ok_or_else(|| format!("its version {digits} does not fit into 14 digits"))?;
    let words = description(part("description"));
    let piece = |side, content: &[u8], is_outside| Piece {
        from: source.path.clone(),
        version: version.clone(),
        // A description must not be empty.
        description: if words.is_empty() {
            digits.to_owned()
        } else {
            words.clone()
        },
        side,
        content: content.to_vec(),
        is_outside,
    };
    let content = source.content.as_slice();
    if let Some(other) = blocks::marked_for_another(tool, content) {
        return Err(format!("it has marks of {other}"));
    }
    let blocks = match tool {
        Tool::Dbmate => blocks::dbmate(content)?,
        Tool::Goose => blocks::goose(content)?,
        _ => {
            let side = match part("side") {
                "down" | "U" => Side::Down,
                _ => Side::Up,
            };
            let is_outside =
                is_outside || tool == Tool::Sqlx && content.starts_with(b"-- no-transaction");
            return Ok(Reading::Pieces(vec![piece(side, content, is_outside)]));
        }
    };
    if blocks.is_empty() {
        return Err(format!("it has no mark of {tool}"));
    }
    Ok(Reading::Pieces(
        blocks
            .into_iter()
            .map(|block| piece(block.side, block.content, block.is_outside))
            .collect(),
    ))
}

const PROGRAM: &str = "it is a program: write it as SQL first";

/// The patterns are constant; the tests need each of them.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

// The tools without `(?:.*/)?` look into no folder below theirs; `2023/1_a.sql` is not version 2023.
static SQLX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?<version>\d+)_(?<description>[^/]*?)(?:\.(?<side>up|down))?\.sql$")
});
static ONE_FILE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?<version>\d+)_?(?<description>[^/]*)\.sql$"));
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?<version>\d+)_(?<description>[^/]*)\.(?<side>up|down)\.sql$"));
static FLYWAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?:.*/)?(?<side>[VU])(?<version>\d[\d._]*?)__(?<description>[^/]*)\.sql$")
});
static REPEATABLE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^(?:.*/)?R__.*\.sql$"));
static REFINERY: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^(?:.*/)?[VU](?<version>\d+)__(?<description>\w+)\.sql$"));
static DIESEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?:.*/)?(?<version>\d[\d-]*)_(?<description>[^/]*)/(?<side>up|down)\.sql$")
});
