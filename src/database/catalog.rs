//! What a schema consists of, object by object, and how two schemas differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::ledger::search::relations;
use super::{Database, Error, parse_json};

/// An object of a schema, as `(kind, name)`.
pub type Object = (String, String);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog(BTreeMap<Object, String>);

/// An object that two schemas do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `table`, `column`, `index` and so on.
    pub kind: String,
    pub name: String,
    /// Its definition in the target; `None` where it is not there.
    pub target: Option<String>,
    /// Its definition in the scratch database; `None` where it is not there.
    pub scratch: Option<String>,
}

impl Difference {
    pub fn as_str(&self) -> &'static str {
        match (&self.target, &self.scratch) {
            (Some(_), None) => "only in target",
            (None, _) => "only in scratch",
            _ => "different",
        }
    }
}

#[derive(Deserialize)]
struct Entry(String, String, Option<String>);

impl Catalog {
    /// Reads the answer to [`Database::catalog_query`].
    pub fn parse(json: &str) -> Result<Self, crate::psql::Error> {
        Ok(Self::new(parse_json(json)?))
    }

    fn new(entries: Vec<Entry>) -> Self {
        Self(
            entries
                .into_iter()
                .map(|Entry(kind, name, definition)| ((kind, name), definition.unwrap_or_default()))
                .collect(),
        )
    }
}

impl Database {
    /// All objects of the schemas that people made, without the ledgers and what belongs to them.
    pub fn catalog(&mut self) -> Result<Catalog, Error> {
        let entries = self.read(&self.catalog_query())?;
        Ok(Catalog::parse(&entries)?)
    }

    /// Asks for them.
    pub fn catalog_query(&self) -> String {
        let ledgers = relations(&self.place.prefix);
        include_str!("catalog.sql").replace("{ledgers}", &ledgers)
    }
}

/// How two schemas differ, in order of kind and name.
pub fn compare(target: &Catalog, scratch: &Catalog) -> Vec<Difference> {
    let objects: BTreeSet<_> = target.0.keys().chain(scratch.0.keys()).collect();
    objects
        .into_iter()
        .filter(|object| target.0.get(*object) != scratch.0.get(*object))
        .map(|object| Difference {
            kind: object.0.clone(),
            name: object.1.clone(),
            target: target.0.get(object).cloned(),
            scratch: scratch.0.get(object).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_object() {
        let catalog = |objects: &[(&str, &str, &str)]| {
            let entries = objects
                .iter()
                .map(|(kind, name, definition)| {
                    Entry(
                        (*kind).to_owned(),
                        (*name).to_owned(),
                        Some((*definition).to_owned()),
                    )
                })
                .collect();
            Catalog::new(entries)
        };
        let target = catalog(&[
            ("table", "a", ""),
            ("column", "a.x", "integer"),
            ("index", "i", "CREATE INDEX i"),
        ]);
        let scratch = catalog(&[
            ("table", "a", ""),
            ("column", "a.x", "bigint"),
            ("view", "v", "SELECT 1"),
        ]);
        let found: Vec<_> = compare(&target, &scratch)
            .iter()
            .map(|found| format!("{} {}: {}", found.kind, found.name, found.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                "column a.x: different",
                "index i: only in target",
                "view v: only in scratch"
            ]
        );
    }
}
