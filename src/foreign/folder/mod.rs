//! A folder of another tool as migrations of ours. Pure: files come as names and bytes.

mod blocks;
mod finish;
mod names;
mod plan;

use std::collections::BTreeMap;

use super::{Error, Tool, version};
use crate::tree::{Name, Track, Version};
use finish::finish;

/// A file of the folder: its path in it, with `/`, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: String,
    pub content: Vec<u8>,
}

/// What a file of theirs becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub from: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    File {
        name: Name,
        side: Side,
        content: Vec<u8>,
        /// The lines put on top, without what begins them.
        directives: Vec<&'static str>,
    },
    /// It has no counterpart here, for this reason.
    Skipped(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Side {
    #[strum(serialize = "migration")]
    Up,
    #[strum(serialize = "undo")]
    Down,
}

/// One direction of one of their migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    from: String,
    version: Version,
    description: String,
    side: Side,
    content: Vec<u8>,
    /// Does the tool run it outside of a transaction?
    is_outside: bool,
}

/// What a reader makes of one file.
enum Reading {
    Pieces(Vec<Piece>),
    Skipped(&'static str),
    /// Nothing of the tool's; no SQL either.
    Nothing,
}

/// Turns a folder into migrations of a track, in their order.
///
/// # Errors
/// All that is wrong with it, at once.
pub fn import(tool: Tool, track: &Track, sources: &[Source]) -> Result<Vec<Imported>, Error> {
    let mut problems = Vec::new();
    let (pieces, skipped) = match tool {
        Tool::Sqitch => plan::read(sources, &mut problems),
        _ => each(tool, sources, &mut problems),
    };
    problems.extend(collisions(&pieces));
    let mut imported = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match finish(tool, track, piece) {
            Ok(file) => imported.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if imported.is_empty() && problems.is_empty() {
        problems.push("the folder has no migration".to_owned());
    }
    if !problems.is_empty() {
        return Err(Error::BadFolder { tool, problems });
    }
    imported.extend(skipped);
    Ok(imported)
}

fn each(tool: Tool, sources: &[Source], problems: &mut Vec<String>) -> (Vec<Piece>, Vec<Imported>) {
    let mut pieces = Vec::new();
    let mut skipped = Vec::new();
    for source in sources {
        let said = names::said_beside(source, sources);
        match names::read(tool, source, said) {
            Ok(Reading::Pieces(found)) => pieces.extend(found),
            Ok(Reading::Skipped(reason)) => skipped.push(Imported {
                from: source.path.clone(),
                outcome: Outcome::Skipped(reason),
            }),
            Ok(Reading::Nothing) => {}
            Err(problem) => problems.push(format!("{}: {problem}", source.path)),
        }
    }
    pieces.sort_by(|one, other| (&one.version, one.side).cmp(&(&other.version, other.side)));
    (pieces, skipped)
}

/// Two files of one version, and undo files without what they undo.
fn collisions(pieces: &[Piece]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<(&Version, Side), &Piece> = BTreeMap::new();
    for piece in pieces {
        if let Some(other) = seen.insert((&piece.version, piece.side), piece) {
            problems.push(format!(
                "{} and {} have the same version",
                other.from, piece.from
            ));
        }
    }
    let downs = seen.values().filter(|piece| piece.side == Side::Down);
    for down in downs.filter(|down| !seen.contains_key(&(&down.version, Side::Up))) {
        problems.push(format!(
            "{}: there is no migration for this undo file",
            down.from
        ));
    }
    problems
}

#[cfg(test)]
mod tests;
