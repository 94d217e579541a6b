//! What the ledgers, the requirements and the database's indexes say. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;

use super::Finding;
use crate::plan::status::Status;
use crate::plan::{Obstacle, ways_out};
use crate::sql::rules::Rule;
use crate::tree::{Migration, Name};

/// The files of migrations.
pub type Files<'a> = BTreeMap<&'a Name, &'a Path>;

/// What stands in the way of a run, in the history or between migrations.
pub fn obstacle(obstacle: &Obstacle, files: &Files<'_>) -> Finding {
    let help = obstacle
        .help()
        .map(|help| ways_out([(help.to_string(), obstacle.to_repair())].into_iter()));
    let base = Finding::new(
        rule(obstacle),
        obstacle.to_string(),
        help.unwrap_or_default(),
    );
    match obstacle {
        Obstacle::Missing { track, recorded } => Finding {
            track: Some(track.clone()),
            name: Some(recorded.clone()),
            ..base
        },
        Obstacle::Circle { links } => Finding {
            track: links.first().map(|link| link.name.track.clone()),
            name: links.first().map(|link| link.name.file_name()),
            ..base
        },
        Obstacle::Changed { name, .. }
        | Obstacle::Unfinished { name, .. }
        | Obstacle::DuplicateRow { name, .. }
        | Obstacle::Unmet { name, .. }
        | Obstacle::PartlyReplaced { name, .. }
        | Obstacle::TooLate { name, .. }
        | Obstacle::UnmetBridge { name, .. }
        | Obstacle::OwnBridge { name }
        | Obstacle::OutOfOrder { name, .. } => Finding {
            track: Some(name.track.clone()),
            name: Some(name.file_name()),
            file: files.get(name).map(|path| path.to_path_buf()),
            ..base
        },
    }
}

fn rule(obstacle: &Obstacle) -> Rule {
    match obstacle {
        Obstacle::Changed { name, changes, .. } if !changes.contains(&name.file_name()) => {
            Rule::ChangedInclude
        }
        Obstacle::Changed { .. } => Rule::Changed,
        Obstacle::Missing { .. } => Rule::Missing,
        Obstacle::DuplicateRow { .. } => Rule::DuplicateRow,
        Obstacle::Unfinished { .. } => Rule::Unfinished,
        Obstacle::Unmet { .. } => Rule::UnmetRequirement,
        Obstacle::UnmetBridge { .. } | Obstacle::OwnBridge { .. } => Rule::UnmetBridge,
        Obstacle::Circle { .. } => Rule::CircularRequirement,
        Obstacle::PartlyReplaced { .. } => Rule::PartlyReplaced,
        Obstacle::OutOfOrder { .. } | Obstacle::TooLate { .. } => Rule::OutOfOrder,
    }
}

/// A file that the predecessor recorded with other line endings.
pub fn line_endings(migration: &Migration) -> Finding {
    let message =
        "it was applied with other line endings, which does not count as a change".to_owned();
    Finding {
        help: Some("`migrate repair DIR --rehash NAME` is not needed".to_owned()),
        ..Finding::about(migration, Rule::LineEndings, message)
    }
}

/// An index that no query can use.
pub fn invalid_index(index: &str) -> Finding {
    Finding::new(
        Rule::InvalidIndex,
        format!("the index {index} is invalid: every write maintains it, and no query uses it"),
        format!("DROP INDEX CONCURRENTLY IF EXISTS {index};"),
    )
}

/// A repeatable that is applied, and whose file is gone.
pub fn gone(status: &Status<'_>) -> Finding {
    let name = status.name();
    Finding {
        track: Some(status.track.clone()),
        name: Some(name.clone()),
        ..Finding::new(
            Rule::RepeatableGone,
            format!(
                "{name} is applied, and its file is gone; the objects that it made still exist"
            ),
            "drop its objects in a migration, and type `migrate repair DIR --forget NAME`",
        )
    }
}

/// A repeatable with a directive that only versioned migrations can have.
pub fn misfit(migration: &Migration, directive: &str) -> Finding {
    Finding {
        help: Some("remove this line, or write a versioned migration instead".to_owned()),
        ..Finding::about(
            migration,
            Rule::BadRepeatable,
            format!("a repeatable cannot have `-- migrate: {directive}`"),
        )
    }
}

pub fn no_such_track(track: &str) -> Finding {
    let message = format!(
        "the setting `tracks` names {track}, but no migration belongs to \
                           that track"
    );
    Finding::new(
        Rule::TrackSettings,
        message,
        "correct the name, or remove it",
    )
}

pub fn track_settings(track: &str, problem: &str) -> Finding {
    let message = format!("the server refuses the settings of the track {track}: {problem}");
    let help = "correct the setting `tracks`; if a role is refused, GRANT it TO the user";
    Finding::new(Rule::TrackSettings, message, help)
}
