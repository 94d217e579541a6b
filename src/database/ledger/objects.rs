//! What the migrations did to the schema, as the ledgers remember it; and who made which object.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::Row;
use super::table::{Place, Table};
use crate::database::catalog::Object;
use crate::database::{Database, Error, parse_json};
use crate::sql::quote::Literal;

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
    /// Its number in this database, which a renamed one keeps.
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

/// Has this transaction dropped something? What deletes a row of the catalogue is counted; a dropped column
/// keeps its row. An expression.
pub const HAS_DROPPED: &str = "CASE WHEN NOT pg_catalog.current_setting('track_counts')::bool \
     OR (SELECT sum(pg_catalog.pg_stat_get_xact_tuples_deleted(class)) FROM pg_catalog.unnest(ARRAY[\
     'pg_catalog.pg_class', 'pg_catalog.pg_constraint', 'pg_catalog.pg_trigger', 'pg_catalog.pg_policy', \
     'pg_catalog.pg_rewrite', 'pg_catalog.pg_proc', 'pg_catalog.pg_type', 'pg_catalog.pg_namespace', \
     'pg_catalog.pg_extension', 'pg_catalog.pg_event_trigger', 'pg_catalog.pg_publication', \
     'pg_catalog.pg_foreign_server', 'pg_catalog.pg_statistic_ext']::regclass[]) AS class) > 0 THEN true\n  \
     WHEN pg_catalog.pg_stat_get_xact_tuples_updated('pg_catalog.pg_attribute'::regclass) > 0 THEN EXISTS (\n    \
     SELECT FROM pg_catalog.pg_attribute WHERE attrelid = ANY (ARRAY(\
       SELECT relation FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() \
       AND locktype = 'relation' AND mode = 'AccessExclusiveLock')) \
       AND attisdropped AND pg_catalog.age(xmin) <= 0) ELSE false END";

/// The catalogues that the transaction has written to, as a JSON array; NULL where the server does not
/// count. A transaction of the same session that ended a moment ago may be counted in.
pub const WRITTEN: &str = "CASE WHEN pg_catalog.current_setting('track_counts')::bool THEN (\n    \
     SELECT coalesce(json_agg(name), '[]') FROM pg_catalog.unnest(ARRAY['pg_class', 'pg_attribute', \
     'pg_attrdef', 'pg_constraint', 'pg_trigger', 'pg_inherits', 'pg_policy', 'pg_rewrite', 'pg_proc', 'pg_type', \
     'pg_enum', 'pg_namespace', 'pg_extension', 'pg_event_trigger', 'pg_publication', 'pg_foreign_server', \
     'pg_statistic_ext']) AS name, pg_catalog.concat('pg_catalog.', name) AS qualified\n    \
     WHERE pg_catalog.pg_stat_get_xact_tuples_inserted(qualified::regclass) \
     + pg_catalog.pg_stat_get_xact_tuples_updated(qualified::regclass) > 0) END";

/// Who made an object, and who changed it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// The track of the migration that made it, else of the first that changed it.
    pub track: String,
    /// `None` was made by hand, or before this was remembered.
    pub made_by: Option<String>,
    pub made_at: Option<DateTime<FixedOffset>>,
    pub last_changed_by: String,
    pub last_changed_at: Option<DateTime<FixedOffset>>,
}

/// The makers of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makers {
    makers: BTreeMap<Object, Maker>,
    /// The last name of each number.
    names: BTreeMap<(String, i64), Object>,
    /// What is part of the table with a number.
    parts: BTreeMap<i64, BTreeSet<Object>>,
}

/// What shares its numbers with tables.
const RELATIONS: [&str; 6] = [
    "table",
    "view",
    "materialized view",
    "foreign table",
    "sequence",
    "type",
];

impl Makers {
    pub fn of(deeds: &[Deeds]) -> Self {
        let mut makers = Self::default();
        for deeds in deeds {
            makers.take(deeds);
        }
        makers
    }

    /// Takes in what one more migration has done.
    pub fn take(&mut self, deeds: &Deeds) {
        let Deeds(track, migration, applied_at, changes) = deeds;
        let at = applied_at.as_deref();
        let at = at.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
        for change in changes {
            let Change(action, kind, name, id, part_of) = change;
            let object = (kind.clone(), name.clone());
            let known = match action {
                Action::Created => None,
                Action::Altered | Action::Dropped => {
                    let before = self.before(change);
                    if let Some(id) = id.filter(|_| before.1 != *name) {
                        self.rename_parts(id, &before.1, name);
                    }
                    self.makers.remove(&before)
                }
            };
            if *action == Action::Dropped {
                for part in id.and_then(|id| self.parts.remove(&id)).unwrap_or_default() {
                    self.makers.remove(&part);
                }
                continue;
            }
            let maker = Maker {
                last_changed_by: migration.clone(),
                last_changed_at: at,
                ..known.unwrap_or_else(|| {
                    let is_new = *action == Action::Created;
                    Maker {
                        track: track.clone(),
                        made_by: is_new.then(|| migration.clone()),
                        made_at: at.filter(|_| is_new),
                        last_changed_by: String::new(),
                        last_changed_at: None,
                    }
                })
            };
            if let Some(id) = id {
                self.names.insert((kind.clone(), *id), object.clone());
            }
            if let Some(whole) = part_of {
                self.parts.entry(*whole).or_default().insert(object.clone());
            }
            self.makers.insert(object, maker);
        }
    }

    /// What is part of a table has its name in its own.
    fn rename_parts(&mut self, id: i64, from: &str, to: &str) {
        let parts = self.parts.remove(&id).unwrap_or_default();
        let renamed = |(kind, name): Object| {
            let rest = name
                .strip_prefix(from)
                .filter(|rest| rest.starts_with(['.', ' ']));
            let new = rest
                .map(|rest| format!("{to}{rest}"))
                .unwrap_or_else(|| name.clone());
            let (old, new) = ((kind.clone(), name), (kind, new));
            for known in self.names.values_mut().filter(|known| **known == old) {
                known.clone_from(&new);
            }
            if let Some(maker) = self.makers.remove(&old) {
                self.makers.insert(new.clone(), maker);
            }
            new
        };
        let parts = parts.into_iter().map(renamed).collect();
        self.parts.insert(id, parts);
    }

    /// Under which name a changed object is known.
    fn before(&self, change: &Change) -> Object {
        let Change(_, kind, name, id, _) = change;
        let number = id.map(|id| (kind.clone(), id));
        let known = number.and_then(|number| self.names.get(&number));
        known
            .cloned()
            .unwrap_or_else(|| (kind.clone(), name.clone()))
    }

    /// What they made.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.makers.keys()
    }

    /// Who had made what a change is about: the object, or else the table that it is part of.
    pub fn maker_before(&self, change: &Change) -> Option<&Maker> {
        let Change(action, _, _, _, part_of) = change;
        let own = match action {
            Action::Created => None,
            Action::Altered | Action::Dropped => self.makers.get(&self.before(change)),
        };
        own.or_else(|| self.makers.get(self.relation((*part_of)?)?))
    }

    /// The last name of an object with this number.
    pub fn last_name(&self, kind: &str, id: i64) -> Option<&Object> {
        self.names.get(&(kind.to_owned(), id))
    }

    /// The same of a table or what shares its numbers.
    pub fn relation(&self, id: i64) -> Option<&Object> {
        RELATIONS.iter().find_map(|kind| self.last_name(kind, id))
    }

    /// Who made an object, or else what it is part of (`kind name`).
    pub fn maker(&self, object: &Object, part_of: Option<&str>) -> Option<&Maker> {
        self.makers.get(object).or_else(|| {
            let whole = part_of?;
            self.makers
                .iter()
                .find(|((kind, name), _)| {
                    whole
                        .strip_prefix(kind.as_str())
                        .and_then(|rest| rest.strip_prefix(' '))
                        == Some(name.as_str())
                })
                .map(|(_, maker)| maker)
        })
    }
}

impl Database {
    /// Who made what, by what all ledgers here remember.
    pub fn makers(&mut self) -> Result<Makers, Error> {
        Ok(Makers::of(&self.deeds()?))
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

    fn deeds_query(&self, tables: &[Table]) -> String {
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
            "SELECT coalesce(json_agg(deeds ORDER BY applied_at, id), '[]') FROM (\n  {}\n) AS ledger;\n",
            selects.join("\n  UNION ALL\n  ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_made_what_follows_renamed_and_replaced_objects() {
        let deeds: Vec<Deeds> = serde_json::from_str(
            r#"[["core", "a", "2024-01-02T03:04:05+00:00", [["created", "table", "public.t", 7], ["created", "view", "public.v", 8],
                  ["created", "trigger", "public.t x", 70, 7]]],
                ["impl", "b", null, [["altered", "table", "public.renamed", 7], ["created", "column", "public.renamed.x", null],
                  ["altered", "table", "public.older", 3]]],
                ["impl", "c", null, [["created", "view", "public.v", 9]]]]"#,
        )
        .unwrap();
        let makers = Makers::of(&deeds);
        let told = |kind: &str, name: &str, part_of: Option<&str>| {
            let maker = makers.maker(&(kind.to_owned(), name.to_owned()), part_of);
            maker.map(|maker| {
                let made_by = maker.made_by.as_deref().unwrap_or("-");
                format!("{} {made_by} {}", maker.track, maker.last_changed_by)
            })
        };
        assert_eq!(told("table", "public.t", None), None);
        assert_eq!(told("table", "public.renamed", None).unwrap(), "core a b");
        assert_eq!(
            told("trigger", "public.renamed x", None).unwrap(),
            "core a a"
        );
        assert_eq!(told("view", "public.v", None).unwrap(), "impl c c");
        assert_eq!(told("table", "public.older", None).unwrap(), "impl - b");
        let part_of = Some("table public.renamed");
        assert_eq!(
            told("column", "public.renamed.x", part_of).unwrap(),
            "impl b b"
        );
        assert_eq!(
            told("column", "public.renamed.y", part_of).unwrap(),
            "core a b"
        );
        assert_eq!(
            told("column", "public.nobodys.y", Some("table public.nobodys")),
            None
        );
    }
}
