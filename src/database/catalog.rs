//! What a schema consists of, object by object, and how two schemas differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::kinds::named;
use super::ledger::search::relations;
use super::{Database, Error, parse_json};

/// An object of a schema, as `(kind, name)`.
pub type Object = (String, String);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog(BTreeMap<Object, Described>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Described {
    /// The object that it cannot be without, as `kind name`.
    part_of: Option<String>,
    definition: String,
}

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Names,
    Definitions,
    /// Owners, grants and comments as well, each as an object of its own.
    Everything,
    /// The same, as every user sees it: what is kept for others to compare.
    Record,
}

/// The kinds of objects that [`Detail::Everything`] adds.
const DETAILS: [&str; 4] = ["owner", "grant", "revoked from owner", "comment"];

/// An object that two schemas do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `table`, `column`, `index` and so on.
    pub kind: String,
    pub name: String,
    /// The object that it cannot be without, as `kind name`.
    pub part_of: Option<String>,
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
        let described = |Entry(kind, name, part_of, definition)| {
            let definition = definition.unwrap_or_default().trim_end().to_owned();
            let described = Described {
                part_of,
                definition,
            };
            ((kind, name), described)
        };
        Self(entries.into_iter().map(described).collect())
    }

    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0.iter().map(|((kind, name), described)| {
            Entry(
                kind.clone(),
                name.clone(),
                described.part_of.clone(),
                Some(described.definition.clone()),
            )
        })
    }

    /// Without owners, grants and comments.
    pub fn definitions(mut self) -> Self {
        self.0
            .retain(|(kind, _), _| !DETAILS.contains(&kind.as_str()));
        self
    }

    pub fn has(&self, object: &Object) -> bool {
        self.0.contains_key(object)
    }

    fn definition(&self, object: &Object) -> Option<&str> {
        Some(&self.0.get(object)?.definition)
    }
}

/// An object with its owner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owned(
    /// Its kind.
    pub String,
    /// Its name.
    pub String,
    /// What it is part of.
    pub Option<String>,
    /// The role, where it has one of its own.
    pub Option<String>,
);

impl Database {
    /// All objects with their owners.
    pub fn owned(&mut self) -> Result<Vec<Owned>, Error> {
        let owned = "SELECT coalesce(json_agg(json_build_array(kind, name, part_of, \
             pg_catalog.pg_get_userbyid(owner))), '[]') FROM visible;\n";
        let query = format!("{QUALIFIED}{}", self.about_objects(Detail::Names, owned));
        Ok(parse_json(&self.read(&query)?)?)
    }

    /// All objects of the schemas that people made, without the ledgers and what belongs to them.
    pub fn catalog(&mut self, detail: Detail) -> Result<Catalog, Error> {
        let query = format!("{PINNED}{}", self.catalog_query(detail));
        Ok(Catalog::parse(&self.read(&query)?)?)
    }

    /// Asks for them, in a transaction.
    pub fn catalog_query(&self, detail: Detail) -> String {
        let (details, from) = match detail {
            Detail::Names | Detail::Definitions => ("", "visible"),
            Detail::Everything | Detail::Record => (include_str!("catalog_details.sql"), "detail"),
        };
        let rest = format!(
            "{details}SELECT coalesce(json_agg(json_build_array(kind, name, part_of, definition)), '[]') FROM {from};\n"
        );
        self.about_objects(detail, &rest)
    }

    /// A query about `visible`, which has a row for each object, with its address in the catalogue.
    pub fn about_objects(&self, detail: Detail, rest: &str) -> String {
        let text = include_str!("catalog.sql");
        let is_wanted = if detail == Detail::Names {
            "false"
        } else {
            "true"
        };
        let (me, sees_options) = match detail {
            Detail::Record => ("NULL::name", "false"),
            _ => ("current_user", "true"),
        };
        let objects = named(&for_server(text, self.server.major()))
            .replace("{ledgers}", &relations(&self.place.prefix))
            .replace("{first_of_people}", FIRST_OF_PEOPLE)
            .replace("{is_wanted}", is_wanted)
            .replace("{me}", me)
            .replace("{sees_options}", sees_options);
        // The planner takes it for expensive, and compiling it takes longer than running it.
        format!("SET LOCAL jit = off\\;\n{objects}{rest}")
    }
}

/// Names are written out, whatever the search path of the user is: for the message of a query.
pub const QUALIFIED: &str = "SET LOCAL search_path = ''\\;\n";

/// The same, and values are written in one way, whatever the settings of the user and the database are.
pub const PINNED: &str = "SET LOCAL search_path = ''\\; SET LOCAL TimeZone = 'UTC'\\; \
     SET LOCAL DateStyle = 'ISO, YMD'\\; SET LOCAL IntervalStyle = 'postgres'\\; \
     SET LOCAL quote_all_identifiers = off\\; SET LOCAL extra_float_digits = 1\\; SET LOCAL bytea_output = 'hex'\\;\n";

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
            part_of: [target, scratch]
                .iter()
                .find_map(|one| one.0.get(object)?.part_of.clone()),
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
