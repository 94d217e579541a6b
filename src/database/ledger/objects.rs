//! What the migrations did to the schema, as the ledgers remember it; and who made which object.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Change(
    pub Action,
    /// The object's kind.
    pub String,
    /// Its name.
    pub String,
    /// Its number in this database, which a renamed one keeps.
    pub Option<i64>,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Created,
    Altered,
}

/// Who made an object, and who changed it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// The track of the migration that made it, else of the first that changed it.
    pub track: String,
    /// `None` was made by hand, or before this was remembered.
    pub made_by: Option<String>,
    pub made_at: Option<DateTime<FixedOffset>>,
    pub last_changed_by: String,
}

/// The makers of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makers(BTreeMap<Object, Maker>);

impl Makers {
    pub fn of(deeds: &[Deeds]) -> Self {
        let mut makers: BTreeMap<Object, Maker> = BTreeMap::new();
        let mut names: BTreeMap<(String, i64), Object> = BTreeMap::new();
        for Deeds(track, migration, applied_at, changes) in deeds {
            for Change(action, kind, name, id) in changes {
                let object = (kind.clone(), name.clone());
                let number = id.map(|id| (kind.clone(), id));
                let before = number.as_ref().and_then(|number| names.get(number));
                let known = match (action, before) {
                    (Action::Altered, Some(before)) => makers.remove(before),
                    (Action::Altered, None) => makers.remove(&object),
                    (Action::Created, _) => None,
                };
                let maker = known.map_or_else(
                    || {
                        let is_new = *action == Action::Created;
                        let at = applied_at.as_deref();
                        Maker {
                            track: track.clone(),
                            made_by: is_new.then(|| migration.clone()),
                            made_at: at
                                .filter(|_| is_new)
                                .and_then(|at| DateTime::parse_from_rfc3339(at).ok()),
                            last_changed_by: migration.clone(),
                        }
                    },
                    |known| Maker {
                        last_changed_by: migration.clone(),
                        ..known
                    },
                );
                names.extend(number.map(|number| (number, object.clone())));
                makers.insert(object, maker);
            }
        }
        Self(makers)
    }

    /// Who made an object, or else what it is part of (`kind name`).
    pub fn maker(&self, object: &Object, part_of: Option<&str>) -> Option<&Maker> {
        self.0.get(object).or_else(|| {
            let whole = part_of?;
            self.0
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
    /// What all ledgers here remember, in the order of applying.
    pub fn makers(&mut self) -> Result<Makers, Error> {
        let tables = self.tables(|_| true)?;
        let deeds: Vec<Deeds> = parse_json(&self.read(&self.place.deeds_query(&tables))?)?;
        Ok(Makers::of(&deeds))
    }
}

impl Place {
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
            r#"[["core", "a", "2024-01-02T03:04:05+00:00", [["created", "table", "public.t", 7], ["created", "view", "public.v", 8]]],
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
