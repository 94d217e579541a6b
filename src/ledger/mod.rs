//! The ledgers: what the database remembers of each track's migrations.
//! Rows and tables as data; must not speak to psql itself.

pub mod legacy;
pub mod table;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use crate::discovery::checksum::Parts;
use crate::discovery::name::parse_recorded;
use crate::error::Error;
use crate::migration::{Track, Version};

/// What a ledger row says about its migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// It is in the database.
    Applied,
    /// A step outside a transaction began and did not report back.
    Running,
    /// A step outside a transaction failed part of the way.
    Failed,
}

impl RowState {
    /// The state as users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Running => "running",
            Self::Failed => "failed",
        }
    }
}

/// A row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The ledger's track.
    pub track: Track,
    /// The file name with `.sql`.
    pub name: String,
    /// SHA-256 of the file when it was applied, or the predecessor's MD5.
    pub hash: String,
    /// When it was applied.
    pub applied_at: Option<DateTime<FixedOffset>>,
    /// How long its SQL took, in milliseconds; the predecessor never filled it.
    pub execution_time_ms: Option<i64>,
    /// Whether it is really there.
    pub state: RowState,
    /// The run that applied it.
    pub execution_id: Option<String>,
    /// The database user of that run.
    pub applied_by: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// How long its checks took, in milliseconds.
    pub validation_time_ms: Option<i64>,
    /// What its single files were, where it includes others.
    pub parts: Parts,
}

impl Row {
    /// The version in the recorded name, where the name has our form.
    pub fn version(&self) -> Option<Version> {
        parse_recorded(&self.name).map(|name| name.version)
    }
}

/// Reads the answer to [`table::Place::rows_query`].
///
/// # Errors
/// The answer is not what a ledger can hold.
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
    String,
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
        let odd = r#"[["core", "n", "h", null, null, "gone", null, null, null, null, null]]"#;
        assert!(parse_rows(odd).is_err());
    }
}
