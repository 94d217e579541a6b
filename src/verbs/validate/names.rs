//! What the files' names and places say. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::Finding;
use crate::sql::rules::Rule;
use crate::tree::error::NAME_THEM;
use crate::tree::file_name;
use crate::tree::{self, Migration, Misnamed, Survey, Track};

pub fn structure(survey: &Survey) -> Vec<Finding> {
    let misnamed = survey.misnamed.iter().map(|found| misnamed(survey, found));
    let unreadable = survey
        .unreadable
        .iter()
        .map(|(file, error)| not_read(error, file));
    let mut findings: Vec<_> = misnamed.chain(unreadable).collect();
    findings.extend(survey.migrations.iter().filter_map(no_date));
    findings.extend(mixed_folders(&survey.migrations));
    findings
}

fn misnamed(survey: &Survey, found: &Misnamed) -> Finding {
    let rule = match &found.rule {
        file_name::Rule::TimestampTaken { .. } => Rule::DuplicateTimestamp,
        file_name::Rule::CompanionAlone { .. } => Rule::OrphanCompanion,
        _ => Rule::BadName,
    };
    Finding {
        file: Some(survey.root.join(&found.file)),
        ..Finding::new(rule, found.rule.to_string(), NAME_THEM)
    }
}

/// A file that the tree could not take in.
pub fn not_read(error: &tree::Error, file: &Path) -> Finding {
    match error {
        tree::Error::BadDirective(error) => unreadable(error, file, Some(error.line)),
        error => unreadable(error, file, None),
    }
}

/// A track whose files are not as its lock file says, or whose lock file is none.
pub fn seal(error: &tree::Error, track: &Track) -> Finding {
    let rule = match error {
        tree::Error::NotSealed { .. } => Rule::NotSealed,
        _ => Rule::BadSeal,
    };
    Finding {
        track: Some(track.clone()),
        help: error.help().map(|help| help.to_string()),
        ..Finding::new(rule, error.to_string(), "")
    }
}

/// A file that cannot be read, or with a directive in this line that is wrong.
pub fn unreadable(error: &dyn Diagnostic, file: &Path, line: Option<usize>) -> Finding {
    let rule = if line.is_some() {
        Rule::BadDirective
    } else {
        Rule::UnreadableFile
    };
    let name = file.file_name();
    Finding {
        name: name.map(|name| name.to_string_lossy().into_owned()),
        file: Some(file.to_owned()),
        line,
        help: error.help().map(|help| help.to_string()),
        ..Finding::new(rule, error.to_string(), "")
    }
}

fn no_date(migration: &Migration) -> Option<Finding> {
    let version = &migration.name.version;
    let is_odd = !migration.name.is_repeatable() && version.timestamp().is_none();
    is_odd.then(|| Finding {
        help: Some("this does no harm; do not rename an applied file".to_owned()),
        ..Finding::about(
            migration,
            Rule::NoDate,
            format!("{version} is not a date and time"),
        )
    })
}

/// One finding for each folder with several tracks.
fn mixed_folders(migrations: &[Migration]) -> Vec<Finding> {
    let mut folders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for migration in migrations {
        let tracks = folders.entry(migration.path.parent()).or_default();
        tracks.insert(migration.name.track.to_string());
    }
    folders
        .into_iter()
        .filter(|(_, tracks)| tracks.len() > 1)
        .map(|(folder, tracks)| {
            let tracks: Vec<_> = tracks.into_iter().collect();
            let message = format!("the folder holds the tracks {}", tracks.join(", "));
            Finding {
                file: folder.map(PathBuf::from),
                ..Finding::new(
                    Rule::MixedFolder,
                    message,
                    "give each track a folder of its own",
                )
            }
        })
        .collect()
}
