//! What depends on objects, as the server knows it, and as the bodies of functions let one guess.
//! Edges as data; what they mean is not judged here.

use serde::Deserialize;

use super::catalog::{Detail, Object, QUALIFIED};
use super::{Database, Error, parse_json};
use crate::sql::quote::Literal;

/// What was found of some names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dependents {
    /// The names that are there.
    pub found: Vec<String>,
    pub edges: Vec<Edge>,
}

/// That an object depends on another one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Record")]
pub struct Edge {
    /// `None` is one of the server's own, such as a constraint's trigger.
    pub object: Option<Object>,
    /// The object that it cannot be without, as `kind name`.
    pub part_of: Option<String>,
    /// Does the server know? Else a function's body names it.
    pub certain: bool,
    /// The object's address in the catalogue.
    pub address: String,
    /// The address of what it depends on; `None` is what was asked for.
    pub from: Option<String>,
}

#[derive(Deserialize)]
struct Record(
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
    String,
    Option<String>,
);

impl From<Record> for Edge {
    fn from(Record(kind, name, part_of, certain, address, from): Record) -> Self {
        Self {
            object: kind.zip(name),
            part_of,
            certain,
            address,
            from,
        }
    }
}

/// That an object of one kind and name, part of another or not, uses another such.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Use(
    pub String,
    pub String,
    pub Option<String>,
    pub String,
    pub String,
    pub Option<String>,
);

impl Database {
    /// What uses what, as the server knows it.
    pub fn uses(&mut self) -> Result<Vec<Use>, Error> {
        let query = format!("{QUALIFIED}{}", self.uses_query());
        Ok(parse_json(&self.read(&query)?)?)
    }

    /// Asks for it: an array of [`Use`].
    pub fn uses_query(&self) -> String {
        self.about_objects(Detail::Names, include_str!("uses.sql"))
    }

    /// What depends on these objects and columns, to any depth. A name without a schema is looked for
    /// in those of the search path.
    pub fn dependents(&mut self, names: &[String]) -> Result<Dependents, Error> {
        let path: Vec<String> =
            self.ask_json("SELECT to_json(pg_catalog.current_schemas(false));\n")?;
        let list = |words: &[String]| {
            let words: Vec<_> = words.iter().map(|word| Literal(word).to_string()).collect();
            words.join(", ")
        };
        let query = include_str!("dependents.sql")
            .replace("{path}", &list(&path))
            .replace("{names}", &list(names));
        let query = format!("{QUALIFIED}{}", self.about_objects(Detail::Names, &query));
        Ok(parse_json(&self.read(&query)?)?)
    }
}
