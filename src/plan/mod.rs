//! What a run would do, in which order and in which transactions, or why it must not.
//! Pure; must not touch files or the database.

pub mod carrying;
pub mod deeds;
pub mod error;
mod grouping;
mod hindrance;
pub mod needs;
mod obstacle;
mod ordering;
mod reason;
pub mod repeatables;
pub mod replacement;
pub mod scope;
mod selection;
pub mod status;
mod steps;
pub mod undo;

use std::ops::Range;

use crate::checks::{Script, Stage, Verification};
use crate::settings::TransactionMode;
use crate::sql::inspection::Plain;
use crate::sql::variables::usage::Leftovers;
use crate::tree::checksum::Parts;
use crate::tree::{Migration, Version};
use carrying::Carried;
pub use error::Error;
pub use grouping::{fit, group, place};
pub use obstacle::{Link, Obstacle, Obstacles, ways_out};
pub use reason::Reason;
pub use selection::{select, select_all, standby};
pub use steps::{down, in_circle, steps, verification};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Nothing later than this version.
    pub to: Option<Version>,
    pub steps: Option<usize>,
    pub transaction: TransactionMode,
    /// Apply a migration although a later one of its track is applied.
    pub allow_out_of_order: bool,
    /// Refuse a plan of more than one transaction.
    pub atomic: bool,
}

impl Request {
    /// What is still asked for after so many steps.
    pub fn after(&self, done: usize) -> Self {
        Self {
            steps: self.steps.map(|steps| steps.saturating_sub(done)),
            ..self.clone()
        }
    }
}

/// Groups of migrations in the order of their running.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub groups: Vec<Group>,
    /// The repeatables that are applied as they are, and due once the run changes what they stand on.
    pub standby: Vec<Step>,
    /// What is dropped before steps in whose way it stood.
    pub carried: Vec<Carried>,
}

/// Migrations that are applied together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// One transaction, with the ledger rows in it.
    Transaction(Vec<Step>),
    /// A single file outside of any transaction of ours, with its ledger row around it.
    NoTransaction(Box<Step>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub migration: Migration,
    /// How it fits into a transaction.
    pub fit: Fit,
    /// The validation script, if there is one.
    pub validation: Option<Script>,
    /// The queries that must hold behind it, if there are any.
    pub verification: Option<Verification>,
    /// What it leaves in psql.
    pub leftovers: Leftovers,
    /// Does it add an enum value, which only later transactions can use?
    pub adds_enum_value: bool,
    /// Is its file SQL and nothing else?
    pub plain: Option<Plain>,
    pub direction: Direction,
    /// Why it runs, or at this place.
    pub reason: Option<Reason>,
    /// What the ledger is to remember of its files.
    pub parts: Parts,
}

/// What a step does to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// The migration is recorded.
    Up,
    /// It is undone, and the row of this name goes.
    Down { recorded: String },
}

/// How a file fits into a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    Whole,
    /// Without its own BEGIN and COMMIT, which are here.
    Unwrapped([Range<usize>; 2]),
    /// Not at all.
    NoTransaction,
}

impl Step {
    /// Does something have to hold behind it, before it counts as applied?
    pub fn is_checked_after(&self) -> bool {
        let script = self.validation.as_ref();
        self.verification.is_some() || script.is_some_and(|script| script.stage == Stage::After)
    }

    /// For an undo, the name under which the ledger has what it undoes.
    pub fn undoes(&self) -> Option<&str> {
        match &self.direction {
            Direction::Up => None,
            Direction::Down { recorded } => Some(recorded),
        }
    }
}

impl Plan {
    /// Does it take back what was applied?
    pub fn is_undo(&self) -> bool {
        self.steps().any(|step| step.undoes().is_some())
    }

    /// Can repeatables that become due run in the transaction of the last group?
    pub fn has_room(&self, mode: TransactionMode) -> bool {
        let Some(Group::Transaction(steps)) = self.groups.last() else {
            return false;
        };
        steps.last().is_some_and(|last| {
            let is_open = mode == TransactionMode::All && !last.adds_enum_value;
            is_open || last.migration.name.is_repeatable()
        })
    }

    /// Is there nothing to do, and nothing that may become due meanwhile?
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.standby.is_empty()
    }

    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.groups.iter().flat_map(Group::steps)
    }
}

impl Group {
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Transaction(steps) => steps,
            Self::NoTransaction(step) => std::slice::from_ref(step),
        }
    }
}
