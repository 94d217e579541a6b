//! What the migrations did to the schema, as the ledgers remember it.

use serde::{Deserialize, Serialize};

use super::Row;
use super::makers::Makers;
use super::table::{Place, Table};
use crate::database::{Database, Error, kinds, parse_json};
use crate::sql::quote::Literal;
use crate::tree::Track;

/// What one migration did.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deeds(
    /// The track.
    pub String,
    /// The migration's name in the ledger.
    pub String,
    /// When it was applied.
    pub Option<String>,
    /// Oldest first.
    pub Vec<Change>,
);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Change(
    pub Action,
    /// The object's kind.
    pub String,
    /// Its name.
    pub String,
    /// Its number in this database, which a renamed one keeps; of a column, its place in the table.
    pub Option<i64>,
    /// The number of the table that it is part of.
    #[serde(default)]
    pub Option<i64>,
);

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Action {
    Created,
    Altered,
    Dropped,
}

/// May this transaction have dropped something, or changed a column that was there? What deletes a row of
/// the catalogue is counted; a dropped column keeps its row, and a changed one looks like a new one. `newest` is
/// the number of the newest object before it, and `ledgers` are the tables that it may have made itself.
/// An expression.
pub fn has_replaced(newest: i64, ledgers: &[String]) -> String {
    let ledgers = ledgers.iter().map(|table| Literal(table).to_string());
    let ledgers: Vec<_> = ledgers.map(|table| table + "::regclass").collect();
    let list = |numbers: &mut dyn Iterator<Item = u32>| {
        let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
        numbers.join(", ")
    };
    let columns = [
        "pg_attribute",
        "pg_attrdef",
        "pg_inherits",
        "pg_enum",
        "pg_foreign_table",
    ];
    let all = kinds::all().filter(|(name, _)| !columns.contains(name));
    format!(
        "CASE WHEN NOT pg_catalog.current_setting('track_counts')::bool \
         OR (SELECT sum(pg_catalog.pg_stat_get_xact_tuples_deleted(class)) FROM pg_catalog.unnest(ARRAY[{all}]::oid[]) AS class) > 0\n  \
         OR (SELECT sum(pg_catalog.pg_stat_get_xact_tuples_updated(class)) FROM pg_catalog.unnest(ARRAY[{alone}]::oid[]) AS class) > 0\n  \
         THEN true\n  \
         WHEN pg_catalog.pg_stat_get_xact_tuples_updated('pg_catalog.pg_attribute'::regclass) > 0 THEN EXISTS (\n    \
         SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY (ARRAY({LOCKED}))\n      \
         AND pg_catalog.age(a.xmin) <= 0 AND a.attnum > 0\n      \
         AND (a.attisdropped OR a.attrelid <= {newest}::oid AND a.attrelid NOT IN ({ledgers})\n        \
         AND (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = a.attrelid) IN ('r', 'p', 'f', 'c'))) ELSE false END",
        all = list(&mut all.map(|(_, number)| number)),
        alone = list(&mut kinds::ALONE.iter().map(|it| it.number)),
        ledgers = ledgers.join(", ")
    )
}

/// The relations on which this transaction holds a lock that DDL takes, and more: a query. Where a column was
/// made or changed, and not only granted, its table is among them.
pub const LOCKED: &str = "SELECT relation FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation'
    AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')";

/// The catalogues that the transaction has written to, of those that this user may read, as a JSON array; NULL
/// where the server does not count. A transaction of the same session that ended a moment ago may be counted in.
pub fn written() -> String {
    let all: Vec<_> = kinds::all()
        .map(|(name, number)| format!("('{name}', {number}::oid)"))
        .collect();
    let restricted = kinds::ALONE.iter().filter(|it| it.is_restricted);
    let restricted: Vec<_> = restricted.map(|it| it.number.to_string()).collect();
    format!(
        "CASE WHEN pg_catalog.current_setting('track_counts')::bool THEN (\n    \
         SELECT coalesce(json_agg(name), '[]') FROM (VALUES {}) AS it (name, class)\n    \
         WHERE pg_catalog.pg_stat_get_xact_tuples_inserted(class) + pg_catalog.pg_stat_get_xact_tuples_updated(class) \
         + pg_catalog.pg_stat_get_xact_tuples_deleted(class) > 0\n    \
         AND (class NOT IN ({}) OR pg_catalog.has_table_privilege(class, 'SELECT'))) END",
        all.join(", "),
        restricted.join(", ")
    )
}

impl Database {
    /// Who made what, by what all ledgers here remember.
    pub fn makers(&mut self) -> Result<Makers, Error> {
        Ok(Makers::of(&self.deeds()?))
    }

    /// The same by the ledgers that this user may read, and whose he may not.
    pub fn makers_seen(&mut self) -> Result<(Makers, Vec<Track>), Error> {
        let tables = self.tables(|_| true)?;
        let may: Vec<_> = tables
            .iter()
            .map(|table| {
                let table = Literal(&self.place.table(&table.track)).to_string();
                format!("pg_catalog.has_table_privilege({table}, 'SELECT')")
            })
            .collect();
        let query = format!("SELECT json_build_array({});\n", may.join(", "));
        let may: Vec<bool> = parse_json(&self.read(&query)?)?;
        let (seen, unseen): (Vec<_>, Vec<_>) =
            tables.into_iter().zip(may).partition(|(_, may)| *may);
        let seen: Vec<_> = seen.into_iter().map(|(table, _)| table).collect();
        let deeds: Vec<Deeds> = parse_json(&self.read(&self.place.deeds_query(&seen))?)?;
        let unseen = unseen.into_iter().map(|(table, _)| table.track);
        Ok((Makers::of(&deeds), unseen.collect()))
    }

    /// What all migrations here did, in the order of applying.
    pub fn deeds(&mut self) -> Result<Vec<Deeds>, Error> {
        let tables = self.tables(|_| true)?;
        Ok(parse_json(&self.read(&self.place.deeds_query(&tables))?)?)
    }
}

impl Place {
    /// Writes what a migration has done to its row, if that has nothing of it.
    pub fn fill_objects(&self, row: &Row, changes: &[Change]) -> String {
        let objects = serde_json::to_string(changes).unwrap_or_default();
        format!(
            "UPDATE {} SET objects = {} WHERE migration_name = {} AND objects IS NULL;\n",
            self.table(&row.track),
            Literal(&objects),
            Literal(&row.name)
        )
    }

    /// Asks for what all migrations did: an array of [`Deeds`].
    pub fn deeds_query(&self, tables: &[Table]) -> String {
        let current = tables.iter().filter(|table| table.is_current);
        let selects: Vec<_> = current
            .map(|table| {
                format!(
                    "SELECT applied_at, id, json_build_array({}, migration_name, \
                     CASE WHEN pg_catalog.isfinite(applied_at) THEN applied_at END, objects) AS deeds\n  \
                     FROM {} WHERE objects IS NOT NULL",
                    Literal(table.track.as_str()),
                    self.table(&table.track)
                )
            })
            .collect();
        if selects.is_empty() {
            return "SELECT '[]';\n".to_owned();
        }
        format!(
            // What has no time was taken over, before any run.
            "SELECT coalesce(json_agg(deeds ORDER BY applied_at NULLS FIRST, id), '[]') FROM (\n  {}\n) AS ledger;\n",
            selects.join("\n  UNION ALL\n  ")
        )
    }
}
