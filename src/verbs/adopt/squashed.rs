//! What the other tool has applied and a file of ours stands for. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};

use crate::database::ledger::{Row, RowState};
use crate::foreign::history::{Entry, Meaning};
use crate::foreign::matching::Match;
use crate::foreign::{self, Tool, version};
use crate::plan::status::{State, compare};
use crate::tree::{Migration, Requirement, Track};

/// A file that counts as applied, because the other tool has applied all that it stands for.
pub struct Squashed<'a> {
    pub migration: &'a Migration,
    /// When the last of these was.
    pub applied_at: Option<DateTime<FixedOffset>>,
}

/// What of the other history has no file any more, and a file that stands for it.
///
/// # Errors
/// Of what a file stands for, the other tool has applied a part.
pub fn squashed<'a>(
    tool: Tool,
    track: &Track,
    matches: &[Match<'_>],
    files: &[&'a Migration],
    rows: &[Row],
) -> Result<Vec<Squashed<'a>>, foreign::Error> {
    let standing: Vec<_> = files
        .iter()
        .copied()
        .filter(|file| file.directives.replaces.is_some())
        .collect();
    let gone: Vec<_> = matches
        .iter()
        .filter(|found| found.migration.is_none())
        .flat_map(|found| covered(tool, track, found.entry, &standing))
        .collect();
    if gone.is_empty() {
        return Ok(vec![]);
    }
    let mut known = rows.to_vec();
    known.extend(gone.iter().map(|(one, _)| recorded(one)));
    let marked = matches.iter().filter_map(|found| found.migration);
    known.extend(marked.map(|file| recorded(&file.identity())));
    let all: Vec<_> = files.iter().map(|file| (*file).clone()).collect();
    let tracks = BTreeSet::from([track.clone()]);
    let statuses = compare(&tracks, &all, &known);
    let state = |file: &Migration| {
        let mut statuses = statuses.iter();
        let found =
            statuses.find(|status| status.migration.is_some_and(|one| one.name == file.name));
        found.map(|status| (status.state, status.row.is_some()))
    };
    let mut found = Vec::new();
    for file in standing {
        let of_it = || gone.iter().filter(|(one, _)| file.provides(one));
        match state(file) {
            Some((State::Partial, _)) if of_it().next().is_some() => {
                return Err(foreign::Error::PartlyReplaced {
                    tool,
                    file: file.name.clone(),
                });
            }
            Some((State::Applied, false)) => found.push(Squashed {
                migration: file,
                applied_at: of_it().filter_map(|(_, entry)| entry.applied_at).max(),
            }),
            _ => {}
        }
    }
    Ok(found)
}

/// What of these an entry without a file means.
fn covered<'e>(
    tool: Tool,
    track: &Track,
    entry: &'e Entry,
    standing: &[&Migration],
) -> Vec<(Requirement, &'e Entry)> {
    let Some(version) = version(tool, &entry.version) else {
        return vec![];
    };
    let of_track = |version: &crate::tree::Version| Requirement {
        track: track.clone(),
        version: version.clone(),
    };
    let one = of_track(&version);
    let Some(file) = standing.iter().find(|file| file.provides(&one)) else {
        return vec![];
    };
    match entry.meaning {
        Meaning::Applied => vec![(one, entry)],
        Meaning::UpTo => {
            let replaces = file.directives.replaces.as_ref();
            let parts = replaces
                .into_iter()
                .flat_map(|replaces| replaces.parts.values());
            let earlier = parts.flatten().filter(|part| **part <= version);
            earlier
                .map(|part| (of_track(part), entry))
                .chain([(one, entry)])
                .collect()
        }
        Meaning::Undone | Meaning::Failed | Meaning::Repeatable => vec![],
    }
}

/// A row as it would be.
fn recorded(one: &Requirement) -> Row {
    Row {
        track: one.track.clone(),
        name: format!("{}_{}_adopted.sql", one.version, one.track),
        hash: String::new(),
        applied_at: None,
        execution_time_ms: None,
        state: RowState::Applied,
        execution_id: None,
        applied_by: None,
        error: None,
        validation_time_ms: None,
        parts: Default::default(),
    }
}
