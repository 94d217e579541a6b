//! Which tables are ledgers, where they are looked for, and what belongs to them.
//! They are told by their columns; nothing else in this crate tells a ledger by its name.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::table::{Place, Table};
use crate::database::Error;
use crate::sql::quote::Literal;
use crate::tree::Track;

/// What every ledger has, the predecessor's too.
const COLUMNS: [&str; 5] = [
    "id",
    "migration_name",
    "migration_hash",
    "applied_at",
    "execution_time_ms",
];

/// The latest of the columns that ledgers were given since. One that has it has them all.
const NEWEST_COLUMN: &str = "objects";

/// The tables that are ledgers, in any schema, as a query for `oid, relnamespace, relname`: those
/// with the prefix, a track's name behind it and the predecessor's five columns.
pub(super) fn ledgers(prefix: &str) -> String {
    format!(
        "SELECT c.oid, c.relnamespace, c.relname FROM pg_catalog.pg_class c\n  \
         WHERE c.relname LIKE {pattern} AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'\n    \
           AND pg_catalog.substr(c.relname::text, pg_catalog.length({prefix}) + 1) ~ '^[a-z][a-z0-9-]*$'\n    \
           AND (SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid\n      \
             AND NOT a.attisdropped AND a.attname IN ('{columns}')) = {count}",
        prefix = Literal(prefix),
        columns = COLUMNS.join("', '"),
        count = COLUMNS.len(),
        pattern = Literal(&beginning(prefix)),
    )
}

/// The pattern of names that begin so, for which LIKE uses the index of names.
fn beginning(prefix: &str) -> String {
    let mut pattern = String::new();
    for character in prefix.chars() {
        if matches!(character, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "%"
}

/// The ledgers, their indexes, sequences and partitions, as a query for `oid`.
pub fn relations(prefix: &str) -> String {
    format!(
        "WITH ledger AS (\n{ledgers}\n)\n\
         SELECT oid FROM ledger\n\
         UNION SELECT i.indexrelid FROM pg_catalog.pg_index i JOIN ledger l ON l.oid = i.indrelid\n\
         UNION SELECT d.objid FROM pg_catalog.pg_depend d JOIN ledger l ON l.oid = d.refobjid\n  \
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = d.classid\n    \
           AND d.deptype IN ('a', 'i')",
        ledgers = ledgers(prefix),
    )
}

/// The tables in any schema that may be ledgers, as a JSON array of [`Found`]. Which of them are, we see
/// ourselves: every function and operator that a new session meets for the first time costs it time.
pub fn found_ledgers(prefix: &str) -> String {
    format!(
        "(SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, pg_catalog.row_security_active(c.oid),\n  \
           n.nspname = ANY (pg_catalog.current_schemas(false)), ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a\n    \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))), '[]')\n\
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n\
         WHERE c.relname LIKE {pattern} AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't')",
        pattern = Literal(&beginning(prefix)),
    )
}

/// A table that may be a ledger, as the server tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "(String, String, bool, bool, Vec<String>)")]
pub struct Found {
    schema: String,
    table: String,
    /// Does row level security stand between this user and its rows?
    hides_rows: bool,
    is_on_path: bool,
    columns: Vec<String>,
}

impl From<(String, String, bool, bool, Vec<String>)> for Found {
    fn from(told: (String, String, bool, bool, Vec<String>)) -> Self {
        let (schema, table, hides_rows, is_on_path, columns) = told;
        Self {
            schema,
            table,
            hides_rows,
            is_on_path,
            columns,
        }
    }
}

impl Found {
    /// The track, if it is a ledger.
    fn track(&self, prefix: &str) -> Option<Track> {
        let track = self.table.strip_prefix(prefix).and_then(Track::parse)?;
        COLUMNS.iter().all(|name| self.has(name)).then_some(track)
    }

    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|one| one == column)
    }
}

/// The first schema of the search path that has a ledger, as PostgreSQL resolves a name. Else a history
/// that makes a schema which comes first in the path would hide itself.
pub fn schema_on_path<'a>(path: &'a [String], found: &[Found], prefix: &str) -> Option<&'a String> {
    let has_ledger = |schema: &&String| {
        found
            .iter()
            .any(|found| found.schema == **schema && found.track(prefix).is_some())
    };
    path.iter().find(has_ledger)
}

impl Place {
    /// Asks which ledgers there are, in any schema: an array of [`Found`].
    pub fn tables_query(&self) -> String {
        format!("SELECT {};\n", found_ledgers(&self.prefix))
    }

    /// The ledgers at this place.
    pub fn tables(
        &self,
        found: Vec<Found>,
        is_schema_set: bool,
        wanted: impl Fn(&Track) -> bool,
    ) -> Result<Vec<Table>, Error> {
        let mut tables = Vec::new();
        let mut elsewhere = Vec::new();
        for found in found {
            let Some(track) = found.track(&self.prefix) else {
                continue;
            };
            if found.schema != self.schema {
                elsewhere.push((track, found));
                continue;
            }
            if found.hides_rows && wanted(&track) {
                return Err(Error::LedgerHidden {
                    table: self.table(&track),
                });
            }
            tables.push(Table {
                track,
                is_current: found.has(NEWEST_COLUMN),
            });
        }
        if !is_schema_set {
            self.refuse_a_second_history(&tables, &elsewhere, wanted)?;
        }
        Ok(tables)
    }

    /// A history elsewhere is this one, if there is none here, or if the search path leads to it.
    fn refuse_a_second_history(
        &self,
        here: &[Table],
        elsewhere: &[(Track, Found)],
        wanted: impl Fn(&Track) -> bool,
    ) -> Result<(), Error> {
        let is_here = |track: &Track| here.iter().any(|table| table.track == *track);
        let schemas: BTreeSet<_> = elsewhere
            .iter()
            .filter(|(track, found)| {
                here.is_empty() || (found.is_on_path && wanted(track) && !is_here(track))
            })
            .map(|(_, found)| found.schema.clone())
            .collect();
        if schemas.is_empty() {
            return Ok(());
        }
        Err(Error::LedgersElsewhere {
            current: self.schema.clone(),
            has_some: !here.is_empty(),
            elsewhere: schemas.into_iter().collect(),
        })
    }
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

    fn found(schema: &str, table: &str, is_on_path: bool) -> Found {
        Found {
            schema: schema.to_owned(),
            table: table.to_owned(),
            hides_rows: table == "migrations_secret",
            is_on_path,
            columns: COLUMNS
                .into_iter()
                .filter(|column| *column != "id" || table != "migrations_other")
                .chain((table != "migrations_a-b").then_some(NEWEST_COLUMN))
                .map(str::to_owned)
                .collect(),
        }
    }

    fn parse(found: &[Found], is_schema_set: bool) -> Result<Vec<Table>, Error> {
        let unwanted = track("unwanted");
        place().tables(found.to_vec(), is_schema_set, |track| *track != unwanted)
    }

    #[test]
    fn the_first_schema_of_the_path_with_a_ledger_is_the_place() {
        let path = ["fresh".to_owned(), "public".to_owned(), "later".to_owned()];
        let on_path = |found: &[Found]| schema_on_path(&path, found, "migrations_").cloned();
        let both = [
            found("later", "migrations_core", true),
            found("public", "migrations_core", true),
            found("fresh", "migrations_Old copy", true),
        ];
        assert_eq!(on_path(&both).as_deref(), Some("public"));
        assert_eq!(on_path(&[found("off", "migrations_core", false)]), None);
    }

    #[test]
    fn a_prefix_means_itself() {
        assert_eq!(beginning("my_%"), r"my\_\%%");
    }

    #[test]
    fn only_tables_with_a_tracks_name_and_the_columns_are_ledgers() {
        let here = place().schema;
        let tables = parse(
            &[
                found(&here, "migrations_core", true),
                found("other", "migrations_x", false),
                found(&here, "migrations_Old copy", true),
                found(&here, "migrations_a-b", true),
                found(&here, "migrations_other", true),
            ],
            false,
        )
        .unwrap();
        let table = |name: &str, is_current| Table {
            track: track(name),
            is_current,
        };
        assert_eq!(tables, [table("core", true), table("a-b", false)]);
    }

    #[test]
    fn a_search_path_that_has_changed_begins_no_new_history() {
        let there = [found("public", "migrations_core", false)];
        match parse(&there, false) {
            Err(Error::LedgersElsewhere { elsewhere, .. }) => assert_eq!(elsewhere, ["public"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(parse(&there, true).unwrap(), []);
    }

    #[test]
    fn a_wanted_ledger_on_the_path_is_not_passed_over() {
        let beside = |name: &str, is_on_path| {
            parse(
                &[
                    found(&place().schema, "migrations_core", true),
                    found("public", name, is_on_path),
                ],
                false,
            )
        };
        assert!(beside("migrations_impl", true).is_err());
        assert!(beside("migrations_impl", false).is_ok(), "off the path");
        assert!(beside("migrations_unwanted", true).is_ok());
        assert!(beside("migrations_core", true).is_ok(), "an old copy");
    }

    #[test]
    fn a_ledger_that_hides_its_rows_is_not_taken_for_empty() {
        let secret = [found(&place().schema, "migrations_secret", true)];
        assert!(matches!(
            parse(&secret, false),
            Err(Error::LedgerHidden { .. })
        ));
    }
}
