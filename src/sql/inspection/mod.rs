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
use std::path::PathBuf;

use memchr::memmem;

use crate::sql::lexer::Item;
use crate::sql::script::Script;
use commands::{Harm, harm};
use enums::adds_enum_value;
pub use indexes::names_index;
use plain::PlainSoFar;
pub use plain::{Plain, joined};
pub use transactions::needs_no_transaction;
use transactions::{Pair, transaction_control};
pub use unwrapping::unwrapped;

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

/// What is found in a migration whose scripts are all in memory.
pub fn inspect(migration: &Script<'_>, included: &[Script<'_>]) -> Inspection {
    let mut inspector = Inspector::default();
    inspector.own(migration);
    for script in included {
        inspector.included(script);
    }
    inspector.finish()
}

/// Judges a migration piece by piece: first its own file, then those that it includes.
#[derive(Default)]
pub struct Inspector {
    found: Inspection,
    pair: Pair,
    plain: PlainSoFar,
    does_include_control: bool,
}

impl Inspector {
    pub fn own(&mut self, script: &Script<'_>) {
        self.pair.take(script);
        self.plain.take(script);
        collect(&mut self.found, script);
    }

    pub fn included(&mut self, script: &Script<'_>) {
        let before = self.found.transaction_control.len();
        collect(&mut self.found, script);
        self.does_include_control |= self.found.transaction_control.len() > before;
    }

    pub fn finish(self) -> Inspection {
        let pair = (!self.does_include_control).then(|| self.pair.finish());
        Inspection {
            outer_pair: pair.flatten(),
            plain: self.plain.finish(),
            ..self.found
        }
    }
}

fn collect(inspection: &mut Inspection, script: &Script<'_>) {
    let violation = |line, found: String| Violation {
        path: script.path.to_owned(),
        line,
        found,
    };
    let is_nul = |told: &Violation| told.path == script.path && told.found == NUL;
    if let Some(at) = memchr::memchr(0, script.content)
        && !inspection.misread.iter().any(is_nul)
    {
        let found = violation(script.line_of(at), NUL.to_owned());
        inspection.misread.push(found);
    }
    for item in script.items.iter() {
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
                if frees_all_locks(script.text(&statement.range)) {
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

const NUL: &str = "a NUL byte";

fn frees_all_locks(text: &[u8]) -> bool {
    memmem::find(&text.to_ascii_lowercase(), b"pg_advisory_unlock_all").is_some()
}

/// All that was found, but what psql would misread.
#[cfg(test)]
fn found(content: &str) -> Vec<String> {
    let inspection = inspect(&crate::sql::script::script(content), &[]);
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
    use crate::sql::script::script;

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
            let inspection = inspect(&script(content), &[]);
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
        let inspection = |content: &str| inspect(&script(content), &[]);
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
