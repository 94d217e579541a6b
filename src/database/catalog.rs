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

/// An object with what is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry(
    /// Its kind.
    pub String,
    /// Its name.
    pub String,
    /// What it is part of.
    pub Option<String>,
    /// Its definition.
    pub Option<String>,
);

impl Catalog {
    /// Reads the answer to [`Database::catalog_query`].
    pub fn parse(json: &str) -> Result<Self, crate::psql::Error> {
        Ok(Self::new(parse_json::<Vec<_>>(json)?))
    }

    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let described = |Entry(kind, name, _, definition): Entry| {
            ((kind, name), definition.unwrap_or_default())
        };
        Self(entries.into_iter().map(described).collect())
    }

    fn definition(&self, object: &Object) -> Option<&str> {
        self.0.get(object).map(String::as_str)
    }
}

impl Database {
    /// All objects of the schemas that people made, without the ledgers and what belongs to them.
    pub fn catalog(&mut self) -> Result<Catalog, Error> {
        // Names are written out, whatever the search path of the user is.
        let query = format!("SET LOCAL search_path = '';\n{}", self.catalog_query());
        Ok(Catalog::parse(&self.read(&query)?)?)
    }

    /// Asks for them, in a transaction.
    pub fn catalog_query(&self) -> String {
        format!(
            // The planner takes it for expensive, and compiling it takes longer than running it.
            "SET LOCAL jit = off;\n{}\
             SELECT coalesce(json_agg(json_build_array(kind, name, part_of, definition)), '[]') FROM visible;\n",
            self.catalog_objects()
        )
    }

    /// The beginning of a query: `visible`, a row for each object, with its address in the catalogue.
    pub fn catalog_objects(&self) -> String {
        let text = include_str!("catalog.sql");
        for_server(text, self.server.major())
            .replace("{ledgers}", &relations(&self.place.prefix))
            .replace("{first_of_people}", FIRST_OF_PEOPLE)
    }
}

/// FirstNormalObjectId (PostgreSQL's `access/transam.h`): what is below it, initdb has made.
const FIRST_OF_PEOPLE: &str = "16384";

/// The lines of a query that a server of this major version understands.
fn for_server(text: &str, major: u32) -> String {
    let is_understood = |line: &&str| {
        let from = line.rsplit_once("-- from ");
        from.and_then(|(_, version)| version.parse::<u32>().ok())
            .is_none_or(|version| version <= major)
    };
    let lines = text.lines().filter(is_understood);
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// How two schemas differ, in order of kind and name.
pub fn compare(target: &Catalog, scratch: &Catalog) -> Vec<Difference> {
    let objects: BTreeSet<_> = target.0.keys().chain(scratch.0.keys()).collect();
    objects
        .into_iter()
        .filter(|object| target.definition(object) != scratch.definition(object))
        .map(|object| Difference {
            kind: object.0.clone(),
            name: object.1.clone(),
            target: target.definition(object).map(str::to_owned),
            scratch: scratch.definition(object).map(str::to_owned),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_object() {
        let catalog = |objects: &[(&str, &str, &str)]| {
            let entry = |(kind, name, definition): &(&str, &str, &str)| {
                Entry(
                    (*kind).to_owned(),
                    (*name).to_owned(),
                    None,
                    Some((*definition).to_owned()),
                )
            };
            Catalog::new(objects.iter().map(entry))
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

    #[test]
    fn an_older_server_is_not_asked_for_what_it_does_not_have() {
        let text = "a\nb -- from 14\nc -- from 15\n";
        assert_eq!(for_server(text, 14), "a\nb -- from 14\n");
        let all = include_str!("catalog.sql");
        assert_eq!(for_server(all, 99).trim_end(), all.trim_end());
        assert!(!for_server(all, 13).contains("attcompression"));
    }
}
