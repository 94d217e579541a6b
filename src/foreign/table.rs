//! Where each tool keeps its history, and how its table is told from others of the same name.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Error, Tool};
use crate::sql::quote::{Identifier, Literal};

/// The table of a tool, as that tool creates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Its name, where the user has not chosen another.
    pub table: &'static str,
    pub columns: &'static [&'static str],
}

impl Layout {
    /// As the tools' own sources create it.
    pub const fn of(tool: Tool) -> Option<Self> {
        let (table, columns): (_, &[_]) = match tool {
            Tool::Sqlx => (
                "_sqlx_migrations",
                &[
                    "version",
                    "description",
                    "installed_on",
                    "success",
                    "checksum",
                    "execution_time",
                ],
            ),
            Tool::Dbmate => ("schema_migrations", &["version"]),
            Tool::GolangMigrate => ("schema_migrations", &["version", "dirty"]),
            Tool::Goose => (
                "goose_db_version",
                &["id", "version_id", "is_applied", "tstamp"],
            ),
            Tool::Flyway => (
                "flyway_schema_history",
                &[
                    "installed_rank",
                    "version",
                    "description",
                    "type",
                    "script",
                    "checksum",
                    "installed_by",
                    "installed_on",
                    "execution_time",
                    "success",
                ],
            ),
            Tool::Refinery => (
                "refinery_schema_history",
                &["version", "name", "applied_on", "checksum"],
            ),
            Tool::Sqitch => (
                "changes",
                &[
                    "change_id",
                    "script_hash",
                    "change",
                    "project",
                    "note",
                    "committed_at",
                    "committer_name",
                    "committer_email",
                    "planned_at",
                    "planner_name",
                    "planner_email",
                ],
            ),
            Tool::Diesel => ("__diesel_schema_migrations", &["version", "run_on"]),
            Tool::Predecessor => return None,
        };
        Some(Self { table, columns })
    }

    /// Asks for the tables of this name in all schemas, with their columns. A name may have its schema
    /// before it, and a point in itself.
    pub fn search(&self, named: Option<&str>) -> String {
        let name = Literal(named.unwrap_or(self.table));
        format!(
            "SELECT coalesce(json_agg(json_build_array(nspname, relname, columns) ORDER BY nspname), '[]')\n\
             FROM (\n  \
               SELECT n.nspname, c.relname, json_agg(a.attname ORDER BY a.attnum) AS columns\n  \
               FROM pg_catalog.pg_class c\n  \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n  \
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped\n  \
               WHERE c.relkind IN ('r', 'p') AND {name} IN (c.relname, n.nspname || '.' || c.relname)\n    \
                 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'\n  \
               GROUP BY n.nspname, c.relname\n\
             ) AS found;\n"
        )
    }
}

/// A table that was found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Located(String, String, Vec<String>);

impl Located {
    /// Its name as SQL.
    pub fn quoted(&self) -> String {
        format!("{}.{}", Identifier(&self.0), Identifier(&self.1))
    }

    pub fn name(&self) -> String {
        format!("{}.{}", self.0, self.1)
    }

    fn columns(&self) -> BTreeSet<&str> {
        self.2.iter().map(String::as_str).collect()
    }

    fn fits(&self, layout: Layout) -> bool {
        self.columns() == layout.columns.iter().copied().collect()
    }
}

/// The tool's table among those of its name.
///
/// # Errors
/// There is none, or several, or it has other columns than this tool's: those of another tool, or of
/// another version.
pub fn choose(
    tool: Tool,
    layout: Layout,
    named: Option<&str>,
    found: Vec<Located>,
) -> Result<Located, Error> {
    let (fitting, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.fits(layout));
    let mut fitting = fitting.into_iter();
    match (fitting.next(), fitting.next(), others.first()) {
        (Some(only), None, _) => Ok(only),
        (Some(first), Some(second), _) => Err(Error::SeveralHistories {
            tool,
            tables: [first, second]
                .into_iter()
                .chain(fitting)
                .map(|found| found.name())
                .collect(),
        }),
        (None, _, Some(other)) => Err(of_another(tool, layout, other)),
        (None, _, None) => Err(Error::NoHistory {
            tool,
            table: named.unwrap_or(layout.table).to_owned(),
            is_named: named.is_some(),
        }),
    }
}

fn of_another(tool: Tool, layout: Layout, found: &Located) -> Error {
    use strum::IntoEnumIterator;
    let known = layout.columns.iter().copied().collect();
    let columns = found.columns();
    let listed = |columns: Vec<&&str>| columns.into_iter().map(|name| (*name).to_owned()).collect();
    Error::OtherTable {
        tool,
        table: found.name(),
        unknown: listed(columns.difference(&known).collect()),
        missing: listed(known.difference(&columns).collect()),
        looks_like: Tool::iter().find(|other| {
            Layout::of(*other).is_some_and(|other| other.table == layout.table && found.fits(other))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(schema: &str, columns: &[&str]) -> Located {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Located(schema.to_owned(), "schema_migrations".to_owned(), columns)
    }

    fn chosen(tool: Tool, found: &[Located]) -> Result<String, Error> {
        choose(tool, Layout::of(tool).unwrap(), None, found.to_vec()).map(|found| found.quoted())
    }

    #[test]
    fn tables_of_the_same_name_are_told_apart_by_their_columns() {
        let dbmate = located("public", &["version"]);
        let golang = located("app", &["version", "dirty"]);
        let both = [golang.clone(), dbmate.clone()];
        let quoted = |schema: &str| format!(r#""{schema}"."schema_migrations""#);
        assert_eq!(chosen(Tool::Dbmate, &both).unwrap(), quoted("public"));
        assert_eq!(chosen(Tool::GolangMigrate, &both).unwrap(), quoted("app"));
        match chosen(Tool::Dbmate, &[golang]) {
            Err(Error::OtherTable { looks_like, .. }) => {
                assert_eq!(looks_like, Some(Tool::GolangMigrate));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            chosen(Tool::Dbmate, &[dbmate.clone(), located("b", &["version"])]),
            Err(Error::SeveralHistories { .. })
        ));
        assert!(matches!(
            chosen(Tool::Dbmate, &[]),
            Err(Error::NoHistory { .. })
        ));
    }

    #[test]
    fn a_newer_version_of_the_tool_is_not_guessed_at() {
        match chosen(Tool::Dbmate, &[located("public", &["version", "since_3"])]) {
            Err(Error::OtherTable {
                unknown,
                missing,
                looks_like: None,
                ..
            }) => {
                assert_eq!((unknown, missing), (vec!["since_3".to_owned()], vec![]));
            }
            other => panic!("{other:?}"),
        }
    }
}
