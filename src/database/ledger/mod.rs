//! The ledgers: what the database remembers of each track's migrations.
//! Rows and tables as data; must not speak to psql itself.

#[cfg(test)]
pub mod examples;
pub mod legacy;
pub mod made;
pub mod makers;
pub mod objects;
pub mod recorded;
mod renaming;
pub mod search;
pub mod table;

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use crate::database::Error;
use crate::tree::checksum::{Parts, REPLACED};
use crate::tree::directives::Span;
use crate::tree::file_name::parse_recorded;
use crate::tree::{Requirement, Track, Version};

/// What a ledger row says about its migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::Display)]
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

/// Reads the answer to [`table::Place::rows_query`].
pub fn parse_rows(json: &str) -> Result<Vec<Row>, Error> {
    let records: Vec<Record> =
        serde_json::from_str(json).map_err(|error| Error::LedgerUnreadable {
            problem: error.to_string(),
        })?;
    records.into_iter().map(Record::into_row).collect()
}

/// A row as it comes: an array, because repeated keys would cost more than the values.
#[derive(Deserialize)]
struct Record(
    String,
    Option<String>,
    String,
    Option<String>,
    Option<i64>,
    RowState,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<Parts>,
);

impl Record {
    fn into_row(self) -> Result<Row, Error> {
        let Self(
            track,
            name,
            hash,
            applied_at,
            execution_time_ms,
            state,
            execution_id,
            applied_by,
            error,
            validation_time_ms,
            parts,
        ) = self;
        let track = Track::parse(&track).ok_or_else(|| Error::LedgerUnreadable {
            problem: format!("`{track}` is no track name"),
        })?;
        let name = name.ok_or_else(|| Error::NamelessRow {
            track: track.to_string(),
        })?;
        Ok(Row {
            track,
            name,
            hash,
            // PostgreSQL's dates go further than anybody's calendar.
            applied_at: applied_at.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()),
            execution_time_ms,
            state,
            execution_id,
            applied_by,
            error,
            validation_time_ms,
            parts: parts.unwrap_or_default(),
        })
    }
}

fn milliseconds(number: Option<i64>) -> Option<Duration> {
    Some(Duration::from_millis(u64::try_from(number?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_ours_and_of_the_predecessor() {
        let rows = parse_rows(
            r#"[["core", "20240101000000_core_a.sql", "ab", "2024-01-02T03:04:05.123456+02:00", 12,
                 "applied", "6b1f9d5e-0000-4000-8000-000000000000", "me", null, 7, {"": "x", "a.psql": "y"}],
                ["impl", "odd name", "cd", null, null, "failed", null, null, "x", null, null]]"#,
        )
        .unwrap();
        assert_eq!(rows[0].version().unwrap().as_str(), "20240101000000");
        assert_eq!(
            rows[0].applied_at.unwrap().timestamp_subsec_micros(),
            123_456
        );
        assert_eq!(rows[0].validation_time_ms, Some(7));
        assert_eq!(rows[0].parts["a.psql"], "y");
        assert_eq!(rows[1].version(), None);
        assert_eq!(
            (rows[1].state, rows[1].applied_at),
            (RowState::Failed, None)
        );
    }

    #[test]
    fn what_a_ledger_cannot_hold_is_refused() {
        for json in [
            "",
            "[[1]]",
            r#"[["Core", "n", "h", null, null, "applied", null, null, null, null, null]]"#,
        ] {
            assert!(
                matches!(parse_rows(json), Err(Error::LedgerUnreadable { .. })),
                "{json}"
            );
        }
        let nameless =
            r#"[["core", null, "h", null, null, "applied", null, null, null, null, null]]"#;
        assert!(matches!(
            parse_rows(nameless),
            Err(Error::NamelessRow { .. })
        ));
        let odd = r#"[["core", "n", "h", null, null, "gone", null, null, null, null, null]]"#;
        assert!(parse_rows(odd).is_err());
    }
}
