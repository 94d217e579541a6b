//! Why a step stands where it stands in a plan. Pure.

use std::fmt;

use super::repeatables::Due;
use crate::tree::{Migration, Requirement};

/// What a plan says of a step besides its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It prepares for a step of another track, which follows in the same plan.
    Before(Requirement),
    /// The step that it prepares for is applied, and it runs all the same.
    OrNow(Requirement),
    /// It is a repeatable.
    Repeatable(Due),
}

impl Reason {
    /// Why a bridge runs in a plan of these migrations.
    pub(super) fn of_bridge(migration: &Migration, planned: &[&Migration]) -> Option<Self> {
        let step = &migration.directives.before.as_ref()?.step;
        let follows = planned.iter().any(|one| one.identity() == *step);
        Some(if follows {
            Self::Before(step.clone())
        } else {
            Self::OrNow(step.clone())
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(step) => write!(formatter, "before {step}"),
            Self::Repeatable(due) => due.fmt(formatter),
            Self::OrNow(step) => write!(formatter, "after {step} (or-now)"),
        }
    }
}
