//! The schema as the last run has left it, kept in a row of a ledger: written, and read as long as it counts.

mod head;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error as ThisError;

pub use head::{Head, Stale};
use head::{Kept, Marks, Now, newest};

use super::search::ledgers;
use super::table::{Place, Table};
use crate::database::catalog::{Catalog, Detail, Entry, PINNED};
use crate::database::{Database, Error, parse_json};
use crate::sql::quote::Literal;
use crate::tree::{Name, Track};

/// The column of a ledger that has it, in one of the rows.
pub const COLUMN: &str = "recorded_schema";

/// By whom a schema is recorded, and where.
pub struct Recording<'a> {
    pub execution_id: &'a str,
    /// The run's last migration.
    pub last: &'a Name,
    /// In whose ledger, which must have a row.
    pub track: &'a Track,
}

/// Why a schema is not recorded.
#[derive(Debug, ThisError)]
pub enum NotRecorded {
    #[error(
        "this user may not read the ledger {table}, and so cannot say which migrations it belongs to"
    )]
    Unreadable { table: String },
    #[error(
        "the ledger {table} has no column for it, and only its owner can add one: \
         ALTER TABLE {table} ADD COLUMN {COLUMN} json"
    )]
    NoColumn { table: String },
    #[error("another session has locked a ledger, or a table that a view reads")]
    Busy,
    #[error(transparent)]
    Database(Error),
}

impl From<Error> for NotRecorded {
    fn from(error: Error) -> Self {
        match error {
            Error::LedgerBusy { .. } => Self::Busy,
            other => Self::Database(other),
        }
    }
}

/// The recorded schema beside that of the database.
pub struct Recorded {
    pub head: Head,
    pub expected: Catalog,
    pub actual: Catalog,
}

/// What the user may do with a ledger, and whether it has the column.
#[derive(Debug, Clone, Deserialize)]
struct Keeper {
    name: String,
    has_column: bool,
    is_owner: bool,
    may_read: bool,
    may_update: bool,
}

#[derive(Deserialize)]
struct Heads {
    ledgers: Marks,
    kept: Vec<Kept>,
}

#[derive(Deserialize)]
struct Both {
    ledgers: Marks,
    expected: Option<Vec<Entry>>,
    actual: Vec<Entry>,
}

impl Database {
    /// Records the schema as it is now, together with what the ledgers hold. All or nothing; older records
    /// are removed as far as the user may.
    ///
    /// # Errors
    /// The user may not do it, or the server does not answer. Then an older record is left, which no longer
    /// counts.
    pub fn record_schema(&mut self, recording: &Recording<'_>) -> Result<(), NotRecorded> {
        let tables = self.tables(|_| true)?;
        let keepers = self.keepers()?;
        // One message, however many ledgers there are.
        let mut statements = String::new();
        for table in &tables {
            let name = self.place.table(&table.track);
            let keeper = self.keeper(&keepers, &table.track);
            if keeper.is_none_or(|keeper| !keeper.may_read) {
                return Err(NotRecorded::Unreadable { table: name });
            }
            let has_column = keeper.is_some_and(|keeper| keeper.has_column);
            if table.track == *recording.track && !has_column {
                if !keeper.is_some_and(|keeper| keeper.is_owner) {
                    return Err(NotRecorded::NoColumn { table: name });
                }
                statements += &format!("ALTER TABLE {name} ADD COLUMN {COLUMN} json\\;\n");
            }
            if has_column && keeper.is_some_and(|keeper| keeper.may_update) {
                statements +=
                    &format!("UPDATE {name} SET {COLUMN} = NULL WHERE {COLUMN} IS NOT NULL\\;\n");
            }
        }
        let table = self.place.table(recording.track);
        let details = include_str!("../../catalog_details.sql");
        let head = self.head(recording, &tables);
        let update = format!(
            "{details}UPDATE {table} SET {COLUMN} = json_build_object('head', {head}, 'objects', ({OBJECTS}))\n\
             WHERE id = (SELECT id FROM {table} ORDER BY migration_name LIKE 'repeat\\_%', id DESC LIMIT 1);\n"
        );
        statements += PINNED;
        statements += &self.about_objects(Detail::Record, &update);
        Ok(self.change(&statements)?)
    }

    /// The schema that the last run has recorded, if nothing was applied, undone or repaired since, and the
    /// schema as it is.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn recorded_schema(&mut self) -> Result<Result<Recorded, Stale>, Error> {
        let tables = self.tables(|_| true)?;
        let keepers = self.keepers()?;
        let keeper = |table: &&Table| self.keeper(&keepers, &table.track);
        let keeping: Vec<_> = tables
            .iter()
            .filter(|table| keeper(table).is_some_and(|keeper| keeper.has_column))
            .collect();
        if keeping.is_empty() {
            return Ok(Err(Stale::None));
        }
        let may_read = |table: &&Table| keeper(table).is_some_and(|keeper| keeper.may_read);
        if let Some(table) = tables.iter().find(|table| !may_read(table)) {
            let table = self.place.table(&table.track);
            return Ok(Err(Stale::Unreadable { table }));
        }
        let query = self.place.heads_query(&keeping, &tables);
        let Heads { ledgers, kept } = parse_json(&self.read(&query)?)?;
        let question = self.question();
        let now = |ledgers| Now {
            major: self.server.major(),
            question: &question,
            ledgers,
        };
        let kept = match newest(kept, &now(&ledgers)) {
            Ok(kept) => kept,
            Err(stale) => return Ok(Err(stale)),
        };
        // The ledgers once more, by the same look at the database as the schema.
        let both = self.both_query(&kept, &tables);
        let Both {
            ledgers,
            expected,
            actual,
        } = parse_json(&self.read(&both)?)?;
        let question = self.question();
        let now = Now {
            major: self.server.major(),
            question: &question,
            ledgers: &ledgers,
        };
        let Some(expected) = expected else {
            return Ok(Err(Stale::None));
        };
        Ok(kept.head.judge(&now).map(|()| Recorded {
            head: kept.head,
            expected: Catalog::new(expected),
            actual: Catalog::new(actual),
        }))
    }

    fn keepers(&mut self) -> Result<Vec<Keeper>, Error> {
        Ok(parse_json(&self.read(&self.place.keepers_query())?)?)
    }

    fn keeper<'k>(&self, keepers: &'k [Keeper], track: &Track) -> Option<&'k Keeper> {
        let name = format!("{}{track}", self.place.prefix);
        keepers.iter().find(|keeper| keeper.name == name)
    }

    /// Which question the objects are an answer to: another one may have another answer to the same schema.
    fn question(&self) -> String {
        let text = self.about_objects(Detail::Record, include_str!("../../catalog_details.sql"));
        let digest = Sha256::digest(format!("{PINNED}{text}{OBJECTS}"));
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn head(&self, recording: &Recording<'_>, tables: &[Table]) -> String {
        format!(
            "json_build_object('at', pg_catalog.clock_timestamp(), 'execution_id', {}, 'last', {}, \
             'major', {}, 'question', {}, 'ledgers', {})",
            Literal(recording.execution_id),
            Literal(&recording.last.file_name()),
            self.server.major(),
            Literal(&self.question()),
            self.place.marks(tables),
        )
    }

    fn both_query(&self, kept: &Kept, tables: &[Table]) -> String {
        let expected = tables
            .iter()
            .find(|table| table.track.as_str() == kept.track)
            .map_or_else(
                || "NULL".to_owned(),
                |table| {
                    let table = self.place.table(&table.track);
                    format!(
                        "(SELECT {COLUMN} -> 'objects' FROM {table} WHERE id = {})",
                        kept.id
                    )
                },
            );
        let rest = format!(
            "{}SELECT json_build_object('ledgers', {}, 'expected', {expected}, 'actual', ({OBJECTS}));\n",
            include_str!("../../catalog_details.sql"),
            self.place.marks(tables),
        );
        format!("{PINNED}{}", self.about_objects(Detail::Record, &rest))
    }
}

/// All objects, those of a table beside each other, which compresses better.
const OBJECTS: &str = "SELECT coalesce(json_agg(json_build_array(kind, name, part_of, definition) \
     ORDER BY coalesce(part_of, kind || ' ' || name), kind, name), '[]') FROM detail";

impl Place {
    /// Asks what the user may do with the ledgers here: an array of [`Keeper`].
    fn keepers_query(&self) -> String {
        format!(
            "SELECT coalesce(json_agg(json_build_object('name', l.relname,\n  \
               'has_column', EXISTS (SELECT FROM pg_catalog.pg_attribute a\n    \
                 WHERE a.attrelid = l.oid AND a.attname = {} AND NOT a.attisdropped),\n  \
               'is_owner', pg_catalog.pg_has_role(c.relowner, 'USAGE'),\n  \
               'may_read', pg_catalog.has_table_privilege(l.oid, 'SELECT'),\n  \
               'may_update', pg_catalog.has_table_privilege(l.oid, 'UPDATE'))), '[]')\n\
             FROM ({}) AS l JOIN pg_catalog.pg_class c ON c.oid = l.oid\n\
             JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace AND n.nspname = {};\n",
            Literal(COLUMN),
            ledgers(&self.prefix),
            Literal(&self.schema),
        )
    }

    /// What each ledger holds, as far as it tells which migrations are in the database: an expression for
    /// a JSON object. A checksum that `repair` corrects changes nothing, and so does what an upgrade adds.
    fn marks(&self, tables: &[Table]) -> String {
        let marks: Vec<_> = tables
            .iter()
            .map(|table| {
                let (columns, whole) = if table.is_current {
                    ("state, execution_id", "")
                } else {
                    (
                        "coalesce(whole ->> 'state', 'applied'), whole ->> 'execution_id'",
                        " AS ledger, to_jsonb(ledger) AS whole",
                    )
                };
                format!(
                    "SELECT {} AS track, pg_catalog.concat(count(*), ' ', coalesce(sum(\
                     pg_catalog.hashtextextended(pg_catalog.concat_ws(' ', id, migration_name, {columns}), 0)), 0)) AS mark\n    \
                     FROM {}{whole}",
                    Literal(table.track.as_str()),
                    self.table(&table.track)
                )
            })
            .collect();
        format!(
            "(SELECT json_object_agg(track, mark) FROM (\n    {}\n  ) AS ledger)",
            marks.join("\n    UNION ALL ")
        )
    }

    /// Asks which records there are, and what the ledgers hold: [`Heads`].
    fn heads_query(&self, keeping: &[&Table], all: &[Table]) -> String {
        let kept: Vec<_> = keeping
            .iter()
            .map(|table| {
                format!(
                    "SELECT {} AS track, id, {COLUMN} -> 'head' AS head FROM {} WHERE {COLUMN} IS NOT NULL",
                    Literal(table.track.as_str()),
                    self.table(&table.track)
                )
            })
            .collect();
        format!(
            "SELECT json_build_object('ledgers', {}, 'kept', (SELECT coalesce(json_agg(kept), '[]') FROM (\n  {}\n) AS kept));\n",
            self.marks(all),
            kept.join("\n  UNION ALL ")
        )
    }
}
