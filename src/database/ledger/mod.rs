//! The ledgers: what the database remembers of each track's migrations.
//! Rows and tables as data; must not speak to psql itself.

mod edits;
pub mod entry;
#[cfg(test)]
pub mod examples;
pub mod guard;
pub mod legacy;
pub mod made;
pub mod makers;
pub mod memory;
pub mod objects;
pub mod receipts;
pub mod recorded;
mod renaming;
pub mod rows;
pub mod search;
pub mod table;

use std::time::Duration;

use serde::Deserialize;

use crate::tree::checksum::{Parts, REPLACED};
use crate::tree::directives::Span;
use crate::tree::file_name::parse_recorded;
use crate::tree::{Requirement, Track, Version};
use chrono::{DateTime, FixedOffset};

/// What a ledger row says about its migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum RowState {
    /// It is in the database.
    Applied,
    /// A step outside a transaction began and did not report back.
    Running,
    /// A step outside a transaction failed part of the way.
    Failed,
}

/// A row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub track: Track,
    /// The file name with `.sql`.
    pub name: String,
    /// SHA-256 of the file when it was applied, or the predecessor's MD5.
    pub hash: String,
    pub applied_at: Option<DateTime<FixedOffset>>,
    /// How long its SQL took, in milliseconds; the predecessor never filled it.
    pub execution_time_ms: Option<i64>,
    /// Whether it is really there.
    pub state: RowState,
    /// The run that applied it.
    pub execution_id: Option<String>,
    /// The database user of that run.
    pub applied_by: Option<String>,
    pub error: Option<String>,
    /// How long its checks took, in milliseconds.
    pub validation_time_ms: Option<i64>,
    /// What its single files were, where it includes others.
    pub parts: Parts,
}

impl Row {
    /// How long its SQL took.
    pub fn duration(&self) -> Option<Duration> {
        milliseconds(self.execution_time_ms)
    }

    /// How long its checks took.
    pub fn validation_time(&self) -> Option<Duration> {
        milliseconds(self.validation_time_ms)
    }

    /// Does it stand for this one, which need not have a row then?
    pub fn stands_for(&self, requirement: &Requirement) -> bool {
        let mut names = self.parts.iter().filter(|(_, hash)| *hash == REPLACED);
        names.any(|(name, _)| {
            name.parse::<Requirement>()
                .is_ok_and(|one| one == *requirement)
                || name
                    .parse::<Span>()
                    .is_ok_and(|span| span.holds(requirement))
        })
    }

    /// The version in the recorded name, where the name has our form and is that of no repeatable.
    pub fn version(&self) -> Option<Version> {
        let name = parse_recorded(&self.name)?;
        name.digits().cloned()
    }

    /// Is it that of a repeatable?
    pub fn is_repeatable(&self) -> bool {
        parse_recorded(&self.name).is_some_and(|name| name.is_repeatable())
    }
}

fn milliseconds(number: Option<i64>) -> Option<Duration> {
    Some(Duration::from_millis(u64::try_from(number?).ok()?))
}
