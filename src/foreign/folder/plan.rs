//! Sqitch: a plan with names and moments, and a folder of scripts for each direction.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::DateTime;
use regex::Regex;

use super::{Imported, Outcome, Piece, Side, Source};
use crate::foreign::matching::description;
use crate::tree::Version;

/// A change of the plan.
struct Change<'a> {
    name: &'a str,
    version: Version,
    /// The first tag behind it: the script of a change that was reworked later goes by it.
    tag: Option<&'a str>,
}

/// The pieces in the order of the plan, and what has no counterpart.
pub fn read(sources: &[Source], problems: &mut Vec<String>) -> (Vec<Piece>, Vec<Imported>) {
    let Some(plan) = sources.iter().find(|source| source.path == PLAN) else {
        problems.push(format!("the folder has no {PLAN}"));
        return (vec![], vec![]);
    };
    let text = String::from_utf8_lossy(&plan.content);
    let changes = changes(&text, problems);
    let mut pieces = Vec::new();
    for (place, change) in changes.iter().enumerate() {
        let later = changes.iter().skip(place + 1);
        let is_reworked = later.into_iter().any(|later| later.name == change.name);
        let file = match change.tag.filter(|_| is_reworked) {
            Some(tag) => format!("{}@{tag}.sql", change.name),
            None => format!("{}.sql", change.name),
        };
        let found = |folder: &str| {
            let path = format!("{folder}/{file}");
            sources.iter().find(|source| source.path == path)
        };
        let piece = |side, source: &Source| Piece {
            from: source.path.clone(),
            version: change.version.clone(),
            description: description(change.name),
            side,
            content: source.content.clone(),
            is_outside: false,
        };
        match found("deploy") {
            Some(deploy) => pieces.push(piece(Side::Up, deploy)),
            None => problems.push(format!("there is no deploy/{file}, which the plan names")),
        }
        pieces.extend(found("revert").map(|revert| piece(Side::Down, revert)));
    }
    let taken: BTreeSet<_> = pieces.iter().map(|piece| piece.from.as_str()).collect();
    let skipped = sources.iter().filter_map(|source| {
        let is_in = |folder: &str| source.path.starts_with(folder) && source.path.ends_with(".sql");
        let reason = if is_in("verify/") {
            "a check after deploying"
        } else if (is_in("deploy/") || is_in("revert/")) && !taken.contains(source.path.as_str()) {
            "the plan does not name it"
        } else {
            return None;
        };
        Some(Imported {
            from: source.path.clone(),
            outcome: Outcome::Skipped(reason),
        })
    });
    let skipped = skipped.collect();
    (pieces, skipped)
}

const PLAN: &str = "sqitch.plan";

/// The changes, each with a version behind that of the one before.
fn changes<'a>(text: &'a str, problems: &mut Vec<String>) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['%', '#']) {
            continue;
        }
        if let Some(tag) = line.strip_prefix('@') {
            let tag = tag.split_whitespace().next();
            for change in changes.iter_mut().filter(|change| change.tag.is_none()) {
                change.tag = tag;
            }
            continue;
        }
        match change(line, changes.last().map(|last| &last.version)) {
            Some(change) => changes.push(change),
            None => problems.push(format!("{PLAN}, line {number} is not a change: {line}")),
        }
    }
    changes
}

fn change<'a>(line: &'a str, last: Option<&Version>) -> Option<Change<'a>> {
    let found = CHANGE.as_ref()?.captures(line)?;
    let moment = DateTime::parse_from_rfc3339(found.name("moment")?.as_str()).ok()?;
    let mut version = Version::at(moment.to_utc());
    if let Some(last) = last.filter(|last| **last >= version) {
        let next = last.as_str().parse::<u64>().ok()? + 1;
        version = Version::parse(&next.to_string())?;
    }
    Some(Change {
        name: found.name("name")?.as_str(),
        version,
        tag: None,
    })
}

static CHANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\+?\s*(?<name>[^\s\[]+)\s*(?:\[[^\]]*\])?\s*(?<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)",
    )
    .ok()
});
