//! Repeatables: which are to be applied again, and what is remembered of them. Pure.

use std::collections::BTreeSet;

use super::status::{State, Status};
use crate::database::ledger::Row;
use crate::sql::lexer::Item;
use crate::sql::variables::Variables;
use crate::tree::checksum::{Parts, digest};
use crate::tree::{self, Material, Migration};

/// Why a repeatable is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Due {
    /// No ledger knows it.
    New,
    /// Its file is another.
    Changed,
    /// A file that it includes is another.
    Include,
    /// A psql variable that it uses has another value.
    Variable,
    /// What its objects stand on has changed, or they are gone.
    Dependency,
    /// Its objects stood in the way of a step, and were dropped for it.
    Carried,
}

/// What the ledger calls its own file among the parts of a migration (`tree::checksum`).
const OWN: &str = "";

/// What stands before the name of a psql variable among the parts.
const VARIABLE: char = ':';

impl Due {
    /// Which of its files have changed?
    pub(super) fn by_files(migration: &Migration, row: &Row) -> Self {
        let own = migration.checksum.parts().get(OWN);
        if own.is_some() && own == row.parts.get(OWN) {
            Self::Include
        } else {
            Self::Changed
        }
    }
}

/// What the ledger is to remember of a repeatable: its files, and the variables that it uses.
pub fn parts(
    migration: &Migration,
    material: &Material,
    users: &Variables,
) -> Result<Parts, tree::Error> {
    let mut parts = migration.checksum.parts().clone();
    parts.extend(variables(material, users)?);
    Ok(parts)
}

/// The user's psql variables that files use, with what their values come down to.
fn variables(material: &Material, users: &Variables) -> Result<Parts, tree::Error> {
    if users.is_empty() {
        return Ok(Parts::new());
    }
    let mut used = BTreeSet::new();
    material.scripts(|script| {
        let variables = script.items.iter().flat_map(|item| match item {
            Item::Statement(statement) => &statement.variables,
            Item::Command(command) => &command.variables,
        });
        used.extend(variables.map(|variable| variable.name.clone()));
    })?;
    let used = users.iter().filter(|(name, _)| used.contains(*name));
    Ok(used
        .map(|(name, value)| (format!("{VARIABLE}{name}"), digest(value.as_bytes())))
        .collect())
}

/// Is a repeatable that is applied with its files of today due, because a variable has another value?
pub fn by_variables<'a>(
    status: Status<'a>,
    material: &Material,
    users: &Variables,
) -> Result<Status<'a>, tree::Error> {
    let Some(row) = status.row.filter(|_| status.state == State::Applied) else {
        return Ok(status);
    };
    let recorded = row
        .parts
        .iter()
        .filter(|(name, _)| name.starts_with(VARIABLE));
    Ok(if recorded.eq(variables(material, users)?.iter()) {
        status
    } else {
        status.due(Due::Variable)
    })
}

/// The repeatables that are due, in the order of their tracks and names.
pub fn due<'s, 'a>(statuses: &'s [Status<'a>]) -> impl Iterator<Item = (&'a Migration, Due)> + 's {
    statuses
        .iter()
        .filter_map(|status| Some((status.migration?, status.due?)))
}

/// What a repeatable must not ask for; an error names it.
pub fn misfit(migration: &Migration) -> Option<&'static str> {
    let directives = &migration.directives;
    [
        (directives.no_transaction, "no-transaction"),
        (!directives.requires.is_empty(), "requires"),
        (directives.before.is_some(), "before"),
    ]
    .into_iter()
    .find_map(|(has, name)| has.then_some(name))
}
