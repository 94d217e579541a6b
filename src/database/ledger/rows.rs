//! The rows of ledgers, as COPY tells them: asked for and read. JSON takes the server three times as long.
//! Text only; must not judge what a row means.

use std::borrow::Cow;

use chrono::DateTime;

use super::Row;
use super::table::{Place, Table};
use crate::database::Error;
use crate::sql::quote::Literal;
use crate::tree::Track;

/// How many values a row has.
const VALUES: usize = 11;

impl Place {
    /// Asks for the rows of these ledgers, the oldest of each first.
    pub fn rows_query(&self, tables: &[Table]) -> String {
        let selects: Vec<_> = tables.iter().map(|table| self.rows_of(table)).collect();
        format!(
            "COPY (SELECT {COLUMNS} FROM (\n{}\n) AS ledger ORDER BY id) TO STDOUT;\n",
            selects.join("\nUNION ALL\n")
        )
    }

    /// Asks for a text that is another one as soon as the answer to [`Self::rows_query`] may be: a line. A
    /// version of a row is told by its place and its transaction, which no other has as long as the server
    /// runs. New columns and other names of columns leave the rows as they are, but not the catalogue's.
    pub fn mark_query(&self, tables: &[Table]) -> String {
        let versions = "pg_catalog.concat(count(*), ' ', sum(pg_catalog.hashtextextended(ctid::text || xmin::text, tableoid::bigint)))";
        let marks: Vec<_> = tables
            .iter()
            .map(|table| {
                let name = self.table(&table.track);
                format!(
                    "(SELECT {versions} FROM {name}), (SELECT {versions} FROM pg_catalog.pg_attribute WHERE attrelid = {}::regclass)",
                    Literal(&name)
                )
            })
            .collect();
        format!(
            "COPY (SELECT pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time(), \
             pg_catalog.current_setting('TimeZone'),\n  {})) TO STDOUT;\n",
            marks.join(",\n  ")
        )
    }

    /// Asks for the mark and for the rows that have it.
    pub fn marked_query(&self, tables: &[Table]) -> String {
        format!(
            "{}\\;\n{}",
            self.mark_query(tables).trim_end_matches(";\n"),
            self.rows_query(tables)
        )
    }

    fn rows_of(&self, table: &Table) -> String {
        let added = if table.is_current {
            "state, execution_id::text AS execution_id, applied_by, error, validation_time_ms, parts"
        } else {
            // The predecessor's, or that of an earlier version: what is there counts.
            "coalesce(whole ->> 'state', 'applied') AS state, whole ->> 'execution_id' AS execution_id, \
             whole ->> 'applied_by' AS applied_by, whole ->> 'error' AS error, \
             (whole ->> 'validation_time_ms')::bigint AS validation_time_ms, whole -> 'parts' AS parts"
        };
        let whole = if table.is_current {
            ""
        } else {
            " AS ledger, to_jsonb(ledger) AS whole"
        };
        format!(
            "  SELECT {}::text AS track, id, migration_name, coalesce(migration_hash, '') AS migration_hash,\n    \
             CASE WHEN pg_catalog.isfinite(applied_at) THEN applied_at::timestamptz END AS applied_at,\n    \
             execution_time_ms, {added}\n  FROM {}{whole}",
            Literal(table.track.as_str()),
            self.table(&table.track)
        )
    }
}

/// What a row tells, in this order; [`row`] reads it.
const COLUMNS: &str = "track, migration_name, migration_hash, pg_catalog.to_json(applied_at), execution_time_ms, \
                       state, execution_id, applied_by, error, validation_time_ms, parts";

/// Reads the answer to [`Place::rows_query`].
pub fn parse_rows(answer: &str) -> Result<Vec<Row>, Error> {
    answer.lines().map(row).collect()
}

fn row(line: &str) -> Result<Row, Error> {
    let values: Vec<_> = line.split('\t').map(value).collect();
    let Ok(
        [
            track,
            name,
            hash,
            applied_at,
            time,
            state,
            id,
            by,
            error,
            validation,
            parts,
        ],
    ) = <[Option<Cow<'_, str>>; VALUES]>::try_from(values)
    else {
        return Err(unreadable(format!("a row has not {VALUES} values")));
    };
    let track = track.unwrap_or_default();
    let track =
        Track::parse(&track).ok_or_else(|| unreadable(format!("`{track}` is not a track name")))?;
    let name = name.ok_or_else(|| Error::NamelessRow {
        track: track.to_string(),
    })?;
    let state = state.unwrap_or_default();
    let parts = parts.map_or(Ok(None), |parts| {
        serde_json::from_str(&parts).map_err(|error| unreadable(error.to_string()))
    });
    Ok(Row {
        track,
        name: name.into_owned(),
        hash: hash.unwrap_or_default().into_owned(),
        // PostgreSQL's dates go further than anybody's calendar.
        applied_at: applied_at
            .and_then(|text| DateTime::parse_from_rfc3339(text.trim_matches('"')).ok()),
        execution_time_ms: number(time)?,
        state: state
            .parse()
            .map_err(|_| unreadable(format!("`{state}` is no state")))?,
        execution_id: id.map(Cow::into_owned),
        applied_by: by.map(Cow::into_owned),
        error: error.map(Cow::into_owned),
        validation_time_ms: number(validation)?,
        parts: parts?.unwrap_or_default(),
    })
}

fn number(value: Option<Cow<'_, str>>) -> Result<Option<i64>, Error> {
    value
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| unreadable("a time is no number".to_owned()))
}

fn unreadable(problem: String) -> Error {
    Error::LedgerUnreadable { problem }
}

/// A value, without what COPY writes for characters that would end it (manual of COPY, "Text Format").
fn value(written: &str) -> Option<Cow<'_, str>> {
    if written == "\\N" {
        return None;
    }
    if !written.contains('\\') {
        return Some(Cow::Borrowed(written));
    }
    let mut characters = written.chars();
    let mut text = String::with_capacity(written.len());
    while let Some(character) = characters.next() {
        text.push(match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => '\\',
            },
            (plain, false) => plain,
        });
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::RowState;

    #[test]
    fn rows_of_ours_and_of_the_predecessor() {
        let rows = parse_rows(concat!(
            "core\t20240101000000_core_a.sql\tab\t\"2024-01-02T03:04:05.123456+02:00\"\t12\tapplied\t",
            "6b1f9d5e-0000-4000-8000-000000000000\tme\t\\N\t7\t{\"\": \"x\", \"a.psql\": \"y\"}\n",
            "impl\todd name\tcd\t\\N\t\\N\tfailed\t\\N\t\\N\tline 1\\n\\\\N\\tx\t\\N\t\\N",
        ))
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
        assert_eq!(rows[1].error.as_deref(), Some("line 1\n\\N\tx"));
        assert_eq!(parse_rows("").unwrap(), []);
    }

    #[test]
    fn what_a_ledger_cannot_hold_is_refused() {
        for row in [
            "1",
            "Core\tn\th\t\\N\t\\N\tapplied\t\\N\t\\N\t\\N\t\\N\t\\N",
            "core\tn\th\t\\N\tsoon\tapplied\t\\N\t\\N\t\\N\t\\N\t\\N",
            "core\tn\th\t\\N\t\\N\tgone\t\\N\t\\N\t\\N\t\\N\t\\N",
            "core\tn\th\t\\N\t\\N\tapplied\t\\N\t\\N\t\\N\t\\N\t[1]",
        ] {
            let parsed = parse_rows(row);
            assert!(
                matches!(parsed, Err(Error::LedgerUnreadable { .. })),
                "{row}"
            );
        }
        let nameless = "core\t\\N\th\t\\N\t\\N\tapplied\t\\N\t\\N\t\\N\t\\N\t\\N";
        assert!(matches!(
            parse_rows(nameless),
            Err(Error::NamelessRow { .. })
        ));
    }

    #[test]
    fn a_predecessors_ledger_is_read_without_the_columns_it_lacks() {
        let place = Place {
            schema: "public".to_owned(),
            prefix: "migrations_".to_owned(),
        };
        let legacy = [Table {
            track: Track::parse("core").unwrap(),
            is_current: false,
        }];
        let query = place.rows_query(&legacy);
        assert!(
            query.contains("coalesce(whole ->> 'state', 'applied')"),
            "{query}"
        );
    }
}
