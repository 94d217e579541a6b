//! The ledger's SQL: finding, creating, upgrading, reading and writing its tables.
//! Text only, from escaped types; the one place that knows the columns.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::Row;
use crate::database::Error;
use crate::sql::quote::{Identifier, Literal};
use crate::tree::checksum::{Checksum, Parts};
use crate::tree::{Migration, Name, Track};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub track: Track,
    /// Does it have all columns, or only the predecessor's five?
    pub is_current: bool,
}

/// Where the ledgers live and what they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub schema: String,
    /// What a ledger's name starts with.
    pub prefix: String,
}

impl Place {
    /// The schema-qualified, quoted name of a track's ledger.
    pub fn table(&self, track: &Track) -> String {
        let name = format!("{}{track}", self.prefix);
        format!("{}.{}", Identifier(&self.schema), Identifier(&name))
    }

    /// Asks which ledgers there are, in any schema: every table with the prefix, a track's name
    /// behind it and the predecessor's five columns, without which it is none of ours.
    pub fn tables_query(&self) -> String {
        format!(
            "SELECT coalesce(json_agg(json_build_array(nspname, relname, is_current)), '[]')\n\
             FROM (\n  \
               SELECT n.nspname, c.relname, bool_or(a.attname = 'parts') AS is_current\n  \
               FROM pg_catalog.pg_class c\n  \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n  \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped\n  \
               WHERE c.relkind IN ('r', 'p') AND pg_catalog.starts_with(c.relname::text, {prefix})\n  \
               GROUP BY n.nspname, c.relname\n  \
               HAVING count(*) FILTER (WHERE a.attname IN ('id', 'migration_name', 'migration_hash',\n    \
                 'applied_at', 'execution_time_ms')) = 5\n\
             ) AS ledger;\n",
            prefix = Literal(&self.prefix),
        )
    }

    /// Reads the answer to [`Place::tables_query`].
    ///
    /// # Errors
    /// The answer has another form; or nobody set the schema, there is no ledger in this one, and
    /// there is one elsewhere: a changed search path must not begin a new history.
    pub fn parse_tables(&self, json: &str, is_schema_set: bool) -> Result<Vec<Table>, Error> {
        #[derive(Deserialize)]
        struct Found(String, String, bool);
        let found: Vec<Found> =
            serde_json::from_str(json).map_err(|error| Error::LedgerUnreadable {
                problem: error.to_string(),
            })?;
        let mut elsewhere = BTreeSet::new();
        let mut tables = Vec::new();
        for Found(schema, name, is_current) in found {
            match name.strip_prefix(&self.prefix).and_then(Track::parse) {
                Some(track) if schema == self.schema => tables.push(Table { track, is_current }),
                Some(_) => {
                    elsewhere.insert(schema);
                }
                None => {}
            }
        }
        if tables.is_empty() && !elsewhere.is_empty() && !is_schema_set {
            Err(Error::LedgersElsewhere {
                current: self.schema.clone(),
                elsewhere: elsewhere.into_iter().collect(),
            })
        } else {
            Ok(tables)
        }
    }

    /// Asks for the rows of these ledgers, oldest first within each.
    pub fn rows_query(&self, tables: &[Table]) -> String {
        if tables.is_empty() {
            return "SELECT '[]';\n".to_owned();
        }
        let selects: Vec<_> = tables.iter().map(|table| self.rows_of(table)).collect();
        format!(
            "SELECT coalesce(json_agg(row ORDER BY track, id), '[]')\nFROM (\n{}\n) AS ledger;\n",
            selects.join("\nUNION ALL\n")
        )
    }

    fn rows_of(&self, table: &Table) -> String {
        let added = if table.is_current {
            "state, execution_id, applied_by, error, validation_time_ms, parts"
        } else {
            // The predecessor's, or that of an earlier version: what is there counts.
            "coalesce(whole ->> 'state', 'applied'), whole ->> 'execution_id', \
             whole ->> 'applied_by', whole ->> 'error', whole -> 'validation_time_ms', NULL::jsonb"
        };
        let whole = if table.is_current {
            ""
        } else {
            " AS ledger, to_jsonb(ledger) AS whole"
        };
        let track = Literal(table.track.as_str());
        format!(
            "  SELECT {track} AS track, id, json_build_array({track}, migration_name, coalesce(migration_hash, ''),\n    \
             CASE WHEN pg_catalog.isfinite(applied_at) THEN applied_at::timestamptz END,\n    \
             execution_time_ms, {added}) AS row\n  FROM {}{whole}",
            self.table(&table.track)
        )
    }

    /// Creates a track's ledger, or brings the predecessor's up to date: its five columns stay,
    /// its local times become instants in the session's time zone, which is how they were made.
    pub fn ensure(&self, track: &Track, existing: Option<&Table>) -> String {
        let table = self.table(track);
        match existing {
            Some(Table {
                is_current: true, ..
            }) => String::new(),
            Some(_) => format!(
                "ALTER TABLE {table}\n  \
                 ALTER COLUMN applied_at TYPE timestamptz,\n  \
                 ADD COLUMN IF NOT EXISTS state text NOT NULL DEFAULT 'applied'\n    \
                   CHECK (state IN ('applied', 'running', 'failed')),\n  \
                 ADD COLUMN IF NOT EXISTS execution_id uuid,\n  \
                 ADD COLUMN IF NOT EXISTS applied_by text,\n  \
                 ADD COLUMN IF NOT EXISTS validation_time_ms bigint,\n  \
                 ADD COLUMN IF NOT EXISTS error text,\n  \
                 ADD COLUMN IF NOT EXISTS parts jsonb;\n"
            ),
            None => format!(
                "CREATE TABLE {table} (\n  \
                 id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,\n  \
                 migration_name text NOT NULL UNIQUE,\n  \
                 migration_hash text NOT NULL,\n  \
                 applied_at timestamptz DEFAULT pg_catalog.clock_timestamp(),\n  \
                 execution_time_ms bigint,\n  \
                 state text NOT NULL DEFAULT 'applied'\n    \
                   CHECK (state IN ('applied', 'running', 'failed')),\n  \
                 execution_id uuid,\n  \
                 applied_by text,\n  \
                 validation_time_ms bigint,\n  \
                 error text,\n  \
                 parts jsonb\n);\n"
            ),
        }
    }

    /// Records a migration as applied, timed by the server's clock since `started`, and answers
    /// with what was recorded.
    pub fn record(&self, entry: &Entry<'_>) -> String {
        format!(
            "INSERT INTO {table} (migration_name, migration_hash, applied_at, execution_time_ms,\n  \
             state, execution_id, applied_by, validation_time_ms, parts)\n\
             SELECT {name}, {hash}, now.at, {elapsed}, 'applied', {execution_id}, session_user, {validation}, {parts}\n\
             FROM (SELECT pg_catalog.clock_timestamp() AS at) AS now\n{RECEIPT}",
            table = self.table(&entry.name.track),
            name = Literal(&entry.name.file_name()),
            hash = Literal(entry.hash),
            elapsed = elapsed(entry),
            execution_id = Literal(entry.execution_id),
            validation = milliseconds(entry.validation),
            parts = json(entry.parts),
        )
    }

    /// Records that a file outside of a transaction begins.
    pub fn record_running(&self, entry: &Entry<'_>) -> String {
        format!(
            "INSERT INTO {table} (migration_name, migration_hash, applied_at, state, execution_id, applied_by,\n  \
             validation_time_ms, parts)\n\
             VALUES ({name}, {hash}, pg_catalog.clock_timestamp(), 'running', {execution_id}, session_user, {validation}, {parts});\n",
            table = self.table(&entry.name.track),
            name = Literal(&entry.name.file_name()),
            hash = Literal(entry.hash),
            execution_id = Literal(entry.execution_id),
            validation = milliseconds(entry.validation),
            parts = json(entry.parts),
        )
    }

    /// Records that it ended well.
    pub fn record_finished(&self, entry: &Entry<'_>) -> String {
        format!(
            "UPDATE {table} SET state = 'applied', applied_at = now.at, execution_time_ms = {elapsed}\n\
             FROM (SELECT pg_catalog.clock_timestamp() AS at) AS now\n\
             WHERE migration_name = {name} AND execution_id = {execution_id}\n{RECEIPT}",
            table = self.table(&entry.name.track),
            name = Literal(&entry.name.file_name()),
            elapsed = elapsed(entry),
            execution_id = Literal(entry.execution_id),
        )
    }

    /// A query for the number of these migrations' rows in these tracks' ledgers.
    pub fn count_query(&self, tracks: &[&Track], names: &[String]) -> String {
        let names: Vec<_> = names.iter().map(|name| Literal(name).to_string()).collect();
        let names = names.join(", ");
        let counts: Vec<_> = tracks
            .iter()
            .map(|track| {
                let table = self.table(track);
                format!("(SELECT count(*) FROM {table} WHERE migration_name IN ({names}))")
            })
            .collect();
        format!("SELECT {}", counts.join(" + "))
    }

    pub fn rehash(&self, row: &Row, checksum: &Checksum) -> String {
        format!(
            "UPDATE {} SET migration_hash = {}, parts = {} WHERE migration_name = {};\n",
            self.table(&row.track),
            Literal(checksum.as_str()),
            json(checksum.parts()),
            Literal(&row.name),
        )
    }

    pub fn forget(&self, row: &Row) -> String {
        format!(
            "DELETE FROM {} WHERE migration_name = {};\n",
            self.table(&row.track),
            Literal(&row.name),
        )
    }

    /// Adds a row for a migration that is in the database already.
    pub fn mark_applied(&self, migration: &Migration, execution_id: &str) -> String {
        format!(
            "INSERT INTO {} (migration_name, migration_hash, applied_at, execution_id, applied_by, parts)\n\
             VALUES ({}, {}, pg_catalog.clock_timestamp(), {}, session_user, {});\n",
            self.table(&migration.name.track),
            Literal(&migration.name.file_name()),
            Literal(migration.checksum.as_str()),
            Literal(execution_id),
            json(migration.checksum.parts()),
        )
    }

    /// Asks what a run's row says: a JSON string, or null where there is none.
    pub fn state_query(&self, name: &Name, execution_id: &str) -> String {
        format!(
            "SELECT coalesce((SELECT to_json(state) FROM {}\n  \
             WHERE migration_name = {} AND execution_id = {}), 'null');\n",
            self.table(&name.track),
            Literal(&name.file_name()),
            Literal(execution_id),
        )
    }

    /// Records that it did not.
    pub fn record_failed(&self, name: &Name, execution_id: &str, error: &str) -> String {
        format!(
            "UPDATE {table} SET state = 'failed', error = {error}\n\
             WHERE migration_name = {name} AND execution_id = {execution_id} AND state = 'running';\n",
            table = self.table(&name.track),
            error = Literal(error),
            name = Literal(&name.file_name()),
            execution_id = Literal(execution_id),
        )
    }
}

/// What a new or finished row answers.
const RECEIPT: &str = "RETURNING json_build_object('applied_at', applied_at, \
                       'execution_time_ms', execution_time_ms);\n";

/// The time since a file began, as a whole number of milliseconds.
fn elapsed(entry: &Entry<'_>) -> String {
    // A clock may be set back.
    format!(
        "greatest(0, round(extract(epoch FROM now.at - {}::timestamptz) * 1000))",
        Literal(entry.started)
    )
}

fn json(parts: &Parts) -> String {
    match (parts.is_empty(), serde_json::to_string(parts)) {
        (false, Ok(text)) => Literal(&text).to_string(),
        _ => "NULL".to_owned(),
    }
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "NULL".to_owned(),
        |duration| duration.as_millis().to_string(),
    )
}

#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub name: &'a Name,
    pub hash: &'a str,
    /// When its SQL began, by the server's clock.
    pub started: &'a str,
    pub execution_id: &'a str,
    /// How long its checks took, if there were any.
    pub validation: Option<Duration>,
    /// Its single files, where it includes others.
    pub parts: &'a Parts,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            schema: "my \"ops\"".to_owned(),
            prefix: "migrations_".to_owned(),
        }
    }

    fn track(name: &str) -> Track {
        Track::parse(name).unwrap()
    }

    #[test]
    fn names_are_qualified_and_quoted() {
        assert_eq!(
            place().table(&track("core")),
            r#""my ""ops"""."migrations_core""#
        );
    }

    #[test]
    fn only_tables_named_after_a_track_are_ledgers() {
        let json = r#"[["my \"ops\"", "migrations_core", true], ["other", "migrations_x", true],
            ["my \"ops\"", "migrations_Old copy", true], ["my \"ops\"", "migrations_a-b", false]]"#;
        let tables = place().parse_tables(json, false).unwrap();
        assert_eq!(
            tables,
            [
                Table {
                    track: track("core"),
                    is_current: true
                },
                Table {
                    track: track("a-b"),
                    is_current: false
                },
            ]
        );
    }

    #[test]
    fn a_search_path_that_has_changed_begins_no_new_history() {
        let json = r#"[["public", "migrations_core", true]]"#;
        match place().parse_tables(json, false) {
            Err(Error::LedgersElsewhere { elsewhere, .. }) => assert_eq!(elsewhere, ["public"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(place().parse_tables(json, true).unwrap(), []);
    }

    #[test]
    fn a_predecessors_ledger_is_read_without_the_columns_it_lacks() {
        let legacy = [Table {
            track: track("core"),
            is_current: false,
        }];
        let query = place().rows_query(&legacy);
        assert!(
            query.contains("coalesce(whole ->> 'state', 'applied')"),
            "{query}"
        );
        assert_eq!(place().rows_query(&[]), "SELECT '[]';\n");
    }

    #[test]
    fn a_current_ledger_needs_nothing() {
        let current = Table {
            track: track("core"),
            is_current: true,
        };
        assert_eq!(place().ensure(&track("core"), Some(&current)), "");
        assert!(
            place()
                .ensure(&track("core"), None)
                .starts_with("CREATE TABLE")
        );
    }
}
