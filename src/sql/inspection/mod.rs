//! What a migration's SQL would do to the run around it.
//! Pure: judges what the lexer finds; must not open files.

mod commands;
mod enums;
mod indexes;
mod plain;
mod transactions;
mod unwrapping;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::sql::lexer::{Item, scan};
use commands::{Harm, harm};
use enums::adds_enum_value;
pub use indexes::names_index;
pub use plain::{Plain, joined};
pub use transactions::needs_no_transaction;
use transactions::{outer_pair, transaction_control};
pub use unwrapping::unwrapped;

#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    pub path: &'a Path,
    pub content: &'a [u8],
}

/// What was found in a migration and the scripts it includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Statements that begin or end a transaction.
    pub transaction_control: Vec<Violation>,
    /// What no run can live with.
    pub forbidden: Vec<Violation>,
    /// What a run can live with, where somebody says that it is meant so.
    pub bearable: Vec<Violation>,
    /// The same, but without any harm inside of our transaction.
    pub outside: Vec<Violation>,
    /// What psql would not read as it is written.
    pub misread: Vec<Violation>,
    /// Where BEGIN and COMMIT are, if they are one pair around the whole file.
    pub outer_pair: Option<[Range<usize>; 2]>,
    /// Does it add a value to an enum? It cannot be used in the same transaction.
    pub adds_enum_value: bool,
    /// Is the migration's own file SQL and nothing else?
    pub plain: Option<Plain>,
}

/// Something that must not be in a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub path: PathBuf,
    pub line: usize,
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        write!(formatter, "{name}, line {}: {}", self.line, self.found)
    }
}

pub fn inspect(migration: Script<'_>, included: &[Script<'_>]) -> Inspection {
    let mut inspection = Inspection::default();
    let items = scan(migration.content);
    inspection.outer_pair = outer_pair(&items);
    inspection.plain = plain::plain(migration.content, &items);
    collect(&mut inspection, migration, &items);
    let alone = inspection.transaction_control.len();
    for script in included {
        collect(&mut inspection, *script, &scan(script.content));
    }
    if inspection.transaction_control.len() > alone {
        inspection.outer_pair = None;
    }
    inspection
}

fn collect(inspection: &mut Inspection, script: Script<'_>, items: &[Item]) {
    let violation = |line, found: String| Violation {
        path: script.path.to_owned(),
        line,
        found,
    };
    if let Some(at) = memchr::memchr(0, script.content) {
        let before = script.content.get(..at).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let found = violation(line, "a NUL byte".to_owned());
        inspection.misread.push(found);
    }
    for item in items {
        match item {
            Item::Statement(statement) => {
                if statement.is_ambiguous {
                    let found = "an E'' string that goes on in the next line with \\'";
                    let found = violation(statement.line, found.to_owned());
                    inspection.misread.push(found);
                }
                if let Some(found) = transaction_control(statement) {
                    inspection
                        .transaction_control
                        .push(violation(statement.line, found));
                }
                let text = script.content.get(statement.range.clone());
                if text.is_some_and(frees_all_locks) {
                    let found = "pg_advisory_unlock_all, which frees the run's own lock as well";
                    let found = found.to_owned();
                    inspection.bearable.push(violation(statement.line, found));
                }
                inspection.adds_enum_value |= adds_enum_value(statement, script.content);
            }
            Item::Command(command) => {
                if let Some((harm, found)) = harm(command) {
                    let list = match harm {
                        Harm::Fatal => &mut inspection.forbidden,
                        Harm::Bearable => &mut inspection.bearable,
                        Harm::Outside => &mut inspection.outside,
                    };
                    list.push(violation(command.line, found));
                }
            }
        }
    }
}

fn frees_all_locks(text: &[u8]) -> bool {
    memmem::find(&text.to_ascii_lowercase(), b"pg_advisory_unlock_all").is_some()
}

#[cfg(test)]
fn script(content: &str) -> Script<'_> {
    Script {
        path: Path::new("/db/a.sql"),
        content: content.as_bytes(),
    }
}

/// All that was found, but what psql would misread.
#[cfg(test)]
fn found(content: &str) -> Vec<String> {
    let inspection = inspect(script(content), &[]);
    let all = inspection
        .transaction_control
        .into_iter()
        .chain(inspection.forbidden)
        .chain(inspection.bearable)
        .chain(inspection.outside);
    all.map(|found| format!("{} {}", found.line, found.found))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_like_it() {
        for harmless in [
            "SAVEPOINT a; ROLLBACK TO a; ROLLBACK TRANSACTION TO SAVEPOINT a; RELEASE a;",
            "PREPARE p AS SELECT 1; EXECUTE p;",
            "DO $$ BEGIN COMMIT; END $$;",
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN ROLLBACK; END';",
            "CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; END;",
            "COMMENT ON TABLE t IS 'x'; -- COMMIT;\n/* ROLLBACK; */",
            "COPY t FROM stdin;\nCOMMIT;\n\\.\n",
            "\\set ON_ERROR_STOP on\n\\set AUTOCOMMIT on\n\\set x COMMIT\n\\echo COMMIT; \\i a.sql",
        ] {
            assert_eq!(found(harmless), Vec::<String>::new(), "{harmless}");
        }
    }

    #[test]
    fn what_psql_reads_otherwise_than_it_is_written() {
        let misread = |content: &str| {
            let inspection = inspect(script(content), &[]);
            let lines = inspection.misread.iter();
            lines.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            misread("SELECT 1;\nSELECT 2\0;\nSELECT 3;\n"),
            ["a.sql, line 2: a NUL byte"]
        );
        let string = "a.sql, line 2: an E'' string that goes on in the next line with \\'";
        assert_eq!(misread("\nSELECT E'a'\n'b\\'; COMMIT;';\n"), [string]);
        assert_eq!(
            misread("\nSELECT E'' -- c\n  'x\\'' ; COMMIT; SELECT '';\n"),
            [string]
        );
        for fine in [
            "SELECT E'a\\'; COMMIT;\n';\n",
            "SELECT E'a\\n'\n'b\\n', 'c';\n",
            "SELECT E'a', 'b\\';\n",
            "SELECT 'a'\n'b\\';\n",
        ] {
            assert_eq!(misread(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn what_a_command_would_do_to_the_run() {
        let inspection = |content: &str| inspect(script(content), &[]);
        let words = |found: Vec<Violation>| {
            let words = found.into_iter().map(|found| found.found);
            words.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            words(
                inspection(
                    "\\c other\n\\connect - me\n\\password\n\\ef f\n\\ev v\nSELECT 1 \\watch 2\n\
                     SELECT 1 \\watch 1 c=3\nSELECT 1 \\watch count=3\n"
                )
                .forbidden
            ),
            "\\c, \\connect, \\password, \\ef, \\ev, \\watch without `count=`"
        );
        assert_eq!(
            words(inspection("\\q\nSELECT 1 \\g \\quit\n\\prompt x\n\\i -\n").bearable),
            "\\q, \\quit, \\prompt, \\i -"
        );
        assert_eq!(
            words(
                inspection("\\set ON_ERROR_STOP off\n\\set AUTOCOMMIT 0\n\\unset ON_ERROR_STOP")
                    .outside
            ),
            "\\set ON_ERROR_STOP off, \\set AUTOCOMMIT 0, \\unset ON_ERROR_STOP"
        );
    }
}
