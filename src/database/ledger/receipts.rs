//! What the ledgers hold of a run's own migrations, asked in the transaction that has written them. Must not
//! judge whether that is enough.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::objects::{has_replaced, written};
use super::table::Place;
use crate::sql::quote::Literal;
use crate::tree::Track;

/// What the ledgers hold of the migrations of a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Receipts {
    pub rows: Vec<Receipt>,
    /// May the transaction have dropped something, or changed a column that was there?
    pub has_replaced: bool,
    /// The catalogues that it has written to, where the server knows.
    pub written: Option<Vec<String>>,
}

/// What a ledger holds of a migration that a run has recorded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    pub name: String,
    pub hash: String,
    pub state: String,
    #[serde(flatten)]
    pub ended: Ended,
}

/// When a migration was done or undone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ended {
    /// By the server's clock.
    pub applied_at: String,
    pub execution_time_ms: u64,
}

/// Names of migrations as the ledgers of their tracks have them.
pub type NamesByTrack<'a> = BTreeMap<&'a Track, Vec<String>>;

impl Place {
    /// Asks for what the ledgers hold of migrations by these names, written by one run or by any: a
    /// JSON object, [`Receipts`]. `newest` is the number of the newest object before the transaction.
    pub fn receipts_query(
        &self,
        names: &NamesByTrack<'_>,
        execution_id: Option<&str>,
        newest: i64,
    ) -> String {
        let tables: Vec<_> = names.keys().map(|track| self.table(track)).collect();
        let rows: Vec<_> = names
            .iter()
            .map(|(track, names)| {
                format!(
                    "SELECT migration_name, migration_hash, state, applied_at, execution_time_ms\n  \
                     FROM {} WHERE {}",
                    self.table(track),
                    named(names, execution_id)
                )
            })
            .collect();
        format!(
            "SELECT json_build_object('rows', coalesce(json_agg(json_build_object('name', migration_name,\n  \
               'hash', migration_hash, 'state', state, 'applied_at', applied_at,\n  \
               'execution_time_ms', execution_time_ms)), '[]'), 'has_replaced', {replaced},\n  \
               'written', {written})\n\
             FROM (\n  {}\n) AS ledger;\n",
            rows.join("\n  UNION ALL "),
            replaced = has_replaced(newest, &tables),
            written = written(),
        )
    }

    /// A query for the number of these migrations' rows, those of one run or of any.
    pub fn count_query(&self, names: &NamesByTrack<'_>, execution_id: Option<&str>) -> String {
        let counts: Vec<_> = names
            .iter()
            .map(|(track, names)| {
                let table = self.table(track);
                let condition = named(names, execution_id);
                format!("(SELECT count(*) FROM {table} WHERE {condition})")
            })
            .collect();
        format!("SELECT {}", counts.join(" + "))
    }
}

/// A condition: rows by these names, written by one run or by any.
fn named(names: &[String], execution_id: Option<&str>) -> String {
    let names: Vec<_> = names.iter().map(|name| Literal(name).to_string()).collect();
    let writer = execution_id.map_or_else(String::new, |id| {
        format!(" AND execution_id = {}", Literal(id))
    });
    format!("migration_name IN ({}){writer}", names.join(", "))
}
