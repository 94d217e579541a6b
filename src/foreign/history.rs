//! What a tool's history says, as entries of one form.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use super::Tool;

/// What an entry means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// This one is in the database.
    Applied,
    /// This one and all before it are.
    UpTo,
    /// It was applied before, and is not any more.
    Undone,
    /// It failed, or the tool does not know.
    Failed,
    /// It has no version, and so no counterpart here.
    Repeatable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As the tool writes it; empty where it has none.
    pub version: String,
    pub description: Option<String>,
    pub applied_at: Option<DateTime<FixedOffset>>,
    pub execution_time_ms: Option<i64>,
    pub checksum: Option<String>,
    pub meaning: Meaning,
}

/// Asks for a history, oldest first: an array of arrays.
pub fn query(tool: Tool, table: &str) -> String {
    let (columns, order) = match tool {
        Tool::Sqlx => (
            "version::text, description, installed_on,\n  \
             CASE WHEN execution_time >= 0 THEN execution_time / 1000000 END, encode(checksum, 'hex'),\n  \
             CASE WHEN success THEN 'applied' ELSE 'failed' END",
            "version",
        ),
        Tool::Dbmate => (
            "version::text, NULL, NULL, NULL, NULL, 'applied'",
            "version",
        ),
        // One row, the last version; -1 where all was taken back.
        Tool::GolangMigrate => (
            "version::text, NULL, NULL, NULL, NULL,\n  \
             CASE WHEN dirty THEN 'failed' WHEN version < 0 THEN 'undone' ELSE 'up-to' END",
            "version",
        ),
        // A row for each time up, and in old versions for each time down; version 0 is none.
        Tool::Goose => (
            "version_id::text, NULL, tstamp::timestamptz, NULL, NULL,\n  \
             CASE WHEN version_id = 0 OR NOT is_applied THEN 'undone' ELSE 'applied' END",
            "id",
        ),
        Tool::Flyway => (
            "coalesce(version, ''), description, installed_on::timestamptz, execution_time::bigint,\n  \
             checksum::text,\n  \
             CASE WHEN NOT success THEN 'failed' WHEN type LIKE '%BASELINE' THEN 'up-to'\n    \
               WHEN type LIKE 'UNDO%' OR type IN ('DELETE', 'SCHEMA') THEN 'undone'\n    \
               WHEN version IS NULL THEN 'repeatable' ELSE 'applied' END",
            "installed_rank",
        ),
        Tool::Refinery => (
            "version::text, name, applied_on::timestamptz, NULL, checksum, 'applied'",
            "version",
        ),
        // Its changes have names; ours are told apart by when they were planned.
        Tool::Sqitch => (
            "pg_catalog.to_char(planned_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS'), change,\n  \
             committed_at, NULL, script_hash, 'applied'",
            "committed_at, planned_at",
        ),
        // Diesel's connections are in UTC.
        Tool::Diesel => (
            "version::text, NULL, run_on AT TIME ZONE 'UTC', NULL, NULL, 'applied'",
            "version",
        ),
        Tool::Predecessor => ("'', NULL, NULL, NULL, NULL, 'applied'", "1"),
    };
    format!(
        "SELECT coalesce(json_agg(json_build_array({columns}) ORDER BY {order}), '[]') FROM {table};\n"
    )
}

#[derive(Deserialize)]
struct Record(
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Meaning,
);

/// Reads the answer to [`query`]. What was applied and taken back is left out, and of several entries
/// for a version the last one counts.
pub fn parse(json: &str) -> Result<Vec<Entry>, serde_json::Error> {
    let records: Vec<Record> = serde_json::from_str(json)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(records.len());
    for record in records {
        let Record(version, description, applied_at, execution_time_ms, checksum, meaning) = record;
        if meaning != Meaning::Repeatable && meaning != Meaning::UpTo {
            entries.retain(|entry| entry.version != version || entry.meaning != Meaning::Applied);
        }
        if meaning != Meaning::Undone {
            entries.push(Entry {
                version,
                description,
                applied_at: applied_at.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()),
                execution_time_ms,
                checksum,
                meaning,
            });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_version_counts() {
        let entries = parse(
            r#"[["0", null, null, null, null, "undone"],
                ["1", null, "2024-01-01T10:00:00+00:00", null, null, "applied"],
                ["2", "b", "2024-01-01T10:00:00+00:00", 5, "ff", "applied"],
                ["2", null, null, null, null, "undone"],
                ["1", null, "2024-01-02T10:00:00+00:00", null, null, "applied"],
                ["", "views", null, null, null, "repeatable"]]"#,
        )
        .unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.version.as_str(), entry.meaning))
            .collect();
        assert_eq!(found, [("1", Meaning::Applied), ("", Meaning::Repeatable)]);
        let day = entries.first().and_then(|entry| entry.applied_at).unwrap();
        assert!(day.to_rfc3339().starts_with("2024-01-02"));
    }
}
