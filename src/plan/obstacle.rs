//! The reasons not to run, and the way out of each.

use std::fmt;

use crate::migration::{Name, Requirement, Track, Version};
use crate::standing::State;

/// A reason not to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An applied file has another content now.
    Changed {
        /// The file.
        name: Name,
        /// The name it was applied under.
        recorded: String,
        /// Which of its files changed: itself, or what it includes.
        changes: Vec<String>,
    },
    /// An applied file is gone.
    Missing {
        /// The track whose ledger knows it.
        track: Track,
        /// The name it was applied under.
        recorded: String,
    },
    /// A step outside a transaction did not end well.
    Unfinished {
        /// The file.
        name: Name,
        /// `failed` or `running`.
        state: State,
        /// Why it failed, in a line.
        error: Option<String>,
    },
    /// A migration needs one that is neither applied nor part of the plan.
    Unmet {
        /// The migration.
        name: Name,
        /// What it needs.
        required: Requirement,
    },
    /// Migrations need each other.
    Circle {
        /// All of them.
        names: Vec<Name>,
    },
    /// A pending migration is older than one that is applied.
    OutOfOrder {
        /// The pending one.
        name: Name,
        /// The newest applied version of its track.
        newest: Version,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed {
                name,
                recorded,
                changes,
            } => {
                write!(formatter, "{name} was changed after it was applied")?;
                if changes.as_slice() != [name.file_name()] {
                    write!(formatter, ", by {}", changes.join(", "))?;
                }
                match name.file_name() == *recorded {
                    true => Ok(()),
                    false => write!(formatter, " under the name {recorded}"),
                }
            }
            Self::Missing { recorded, .. } => {
                write!(formatter, "{recorded} is applied, but its file is gone")
            }
            Self::Unfinished { name, state, error } => {
                write!(
                    formatter,
                    "{name} is {}: it began and did not end well",
                    state.as_str()
                )?;
                match error {
                    Some(error) => write!(formatter, ":\n  {error}"),
                    None => Ok(()),
                }
            }
            Self::Unmet { name, required } => write!(
                formatter,
                "{name} requires {required}, which is neither applied nor part of this plan"
            ),
            Self::Circle { names } => {
                let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                write!(formatter, "these require each other: {}", names.join(", "))
            }
            Self::OutOfOrder { name, newest } => write!(
                formatter,
                "{name} is pending, but {newest} of track {} is already applied",
                name.track
            ),
        }
    }
}

impl Obstacle {
    /// What to do about it.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Changed { .. } => {
                "changed: restore the file as it was applied and put the change into a new migration, or accept it with `migrate repair DIR --rehash NAME`, which does not run it"
            }
            Self::Missing { .. } => {
                "missing: restore the file, or give it up with `migrate repair DIR --forget NAME`"
            }
            Self::Unfinished { .. } => {
                "unfinished: look at what it has done; undo that by hand and type `migrate repair DIR --retry NAME`, or complete it and type `migrate repair DIR --mark-applied NAME`"
            }
            Self::Unmet { .. } => {
                "unmet: apply what is required first, leave out --track, --to or --steps, or correct the line `-- migrate: requires`"
            }
            Self::Circle { .. } => "circle: remove one of the lines `-- migrate: requires`",
            Self::OutOfOrder { .. } => {
                "out of order: give the file a newer timestamp, or run with --allow-out-of-order"
            }
        }
    }
}
