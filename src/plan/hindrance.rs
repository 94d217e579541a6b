//! The reasons not to undo, and the way out of each.

use std::fmt;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::obstacle::{Obstacle, ways_out};
use crate::error::{Report, list};
use crate::tree::Name;

/// A reason not to undo.
#[derive(Debug, Clone, PartialEq, Eq, ThisError, Diagnostic)]
pub enum Hindrance {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Obstacle(Obstacle),

    #[error("{name}: there is no {}", name.undo_name())]
    #[diagnostic(
        code(migrate::no_undo),
        help(
            "no undo file: write one beside the migration, or undo it by hand and type \
             `migrate repair DIR --forget NAME`"
        )
    )]
    NoUndo { name: Name },

    #[error(
        "{recorded} is one of the migrations that {squash} replaces, and cannot be undone alone"
    )]
    #[diagnostic(
        code(migrate::squashed),
        help(
            "squashed: put the change into a new migration; or, if no database has run \
             {squash}, remove it from the directory and restore the replaced files"
        )
    )]
    Squashed {
        /// The name in the ledger; the file may be gone.
        recorded: String,
        squash: Name,
    },

    #[error("{name} is required by {by}, which is applied")]
    #[diagnostic(
        code(migrate::required),
        help(
            "required: undo the migration that requires it first, or both together (--steps, \
             --to, --track)"
        )
    )]
    Required { name: Name, by: Name },
}

impl Hindrance {
    fn to_repair(&self) -> Option<String> {
        match self {
            Self::Obstacle(obstacle) => obstacle.to_repair(),
            Self::NoUndo { name } => Some(name.file_name()),
            Self::Required { .. } | Self::Squashed { .. } => None,
        }
    }
}

/// Everything that stands in the way of one undo. Its code is that of the first, its help names one
/// way out for each kind.
#[derive(Debug)]
pub struct Hindrances(pub Vec<Hindrance>);

impl std::error::Error for Hindrances {}

impl fmt::Display for Hindrances {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "nothing is undone:\n{}", list(&self.0))
    }
}

impl Diagnostic for Hindrances {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.first()?.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let found = self.0.iter();
        let helps = found.filter_map(|found| Some((found.help()?.to_string(), found.to_repair())));
        Some(Box::new(ways_out(helps)))
    }
}

impl Report for Hindrances {}
