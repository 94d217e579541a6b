//! What a migration's SQL would do to the run around it.
//! Pure: judges what the lexer finds; must not open files.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

use crate::sql::lexer::{Command, Item, Statement, scan};

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

/// The statements of a script that PostgreSQL refuses inside a transaction (its manual says so of
/// each).
pub fn needs_no_transaction(script: Script<'_>) -> Vec<Violation> {
    let items = scan(script.content);
    items
        .iter()
        .filter_map(|item| match item {
            Item::Statement(statement) => Some((statement, alone(statement)?)),
            Item::Command(_) => None,
        })
        .map(|(statement, found)| Violation {
            path: script.path.to_owned(),
            line: statement.line,
            found,
        })
        .collect()
}

fn alone(statement: &Statement) -> Option<String> {
    let words: Vec<_> = statement.words.iter().take(3).map(String::as_str).collect();
    let is_alone = match words.as_slice() {
        ["VACUUM", ..] | ["ALTER", "SYSTEM", ..] => true,
        [
            "CREATE" | "DROP",
            "DATABASE" | "TABLESPACE" | "SUBSCRIPTION",
            ..,
        ] => true,
        ["CREATE" | "DROP", "INDEX", "CONCURRENTLY"] | ["CREATE", "UNIQUE", "INDEX"] => {
            statement.has(&["CONCURRENTLY"])
        }
        ["REINDEX", ..] => ["CONCURRENTLY", "SCHEMA", "DATABASE", "SYSTEM"]
            .iter()
            .any(|word| statement.has(&[word])),
        ["CLUSTER", ..] => {
            statement.is_only(&["CLUSTER"]) || statement.is_only(&["CLUSTER", "VERBOSE"])
        }
        ["ALTER", "TABLE", ..] => statement.has(&["DETACH"]) && statement.has(&["CONCURRENTLY"]),
        ["ALTER", "DATABASE", ..] => statement.has(&["SET", "TABLESPACE"]),
        _ => false,
    };
    is_alone.then(|| match words.as_slice() {
        [first @ ("VACUUM" | "REINDEX" | "CLUSTER"), ..] => (*first).to_owned(),
        [first, second, ..] => format!("{first} {second}"),
        _ => String::new(),
    })
}

fn frees_all_locks(text: &[u8]) -> bool {
    memmem::find(&text.to_ascii_lowercase(), b"pg_advisory_unlock_all").is_some()
}

/// Names the statement if it begins or ends a transaction.
fn transaction_control(statement: &Statement) -> Option<String> {
    let found = match statement.words.first()?.as_str() {
        "BEGIN" | "COMMIT" | "END" | "ABORT" => !statement.has(&["PREPARED"]),
        "START" | "PREPARE" => statement.starts_with(&[statement.words.first()?, "TRANSACTION"]),
        // To a savepoint is no end.
        "ROLLBACK" => !statement.has(&["TO"]) && !statement.has(&["PREPARED"]),
        _ => false,
    };
    found.then(|| match statement.words.first().map(String::as_str) {
        Some(first @ ("START" | "PREPARE")) => format!("{first} TRANSACTION"),
        first => first.unwrap_or_default().to_owned(),
    })
}

/// What a meta-command would do to the run.
enum Harm {
    /// It waits for a person, leads elsewhere or never ends: no run can live with it.
    Fatal,
    /// Something is lost that the run can do without, if it is meant so.
    Bearable,
    /// It lets psql go on behind an error. In our transaction the server does nothing more then.
    Outside,
}

fn harm(command: &Command) -> Option<(Harm, String)> {
    let argument = |index: usize| {
        let argument = command.arguments.get(index)?;
        Some(String::from_utf8_lossy(&argument.text).into_owned())
    };
    let name = &command.name;
    match name.as_str() {
        "c" | "connect" | "password" | "e" | "edit" | "ef" | "ev" => {
            Some((Harm::Fatal, format!("\\{name}")))
        }
        "watch" => {
            let ends = command.arguments.iter().any(|argument| {
                let is = |option: &[u8]| argument.text.starts_with(option);
                is(b"c=") || is(b"count=")
            });
            (!ends).then(|| (Harm::Fatal, "\\watch without `count=`".to_owned()))
        }
        // It ends the file, not psql (psql manual, "Meta-Commands").
        "q" | "quit" | "prompt" => Some((Harm::Bearable, format!("\\{name}"))),
        "set" | "unset" => {
            let variable =
                argument(0).filter(|name| name == "ON_ERROR_STOP" || name == "AUTOCOMMIT")?;
            let value = argument(1).unwrap_or_default();
            let stays_on = name == "set"
                && ["", "1", "on", "true", "yes"].contains(&value.to_lowercase().as_str());
            let found = format!("\\{name} {variable} {value}");
            (!stays_on).then(|| (Harm::Outside, found.trim_end().to_owned()))
        }
        "i" | "include" | "ir" | "include_relative" => {
            let file = argument(0).filter(|file| file == "-" || file == "/dev/stdin")?;
            Some((Harm::Bearable, format!("\\{name} {file}")))
        }
        _ => None,
    }
}

/// The pair, if the first statement is a plain BEGIN, the last a plain COMMIT, and no other one
/// begins or ends a transaction.
fn outer_pair(items: &[Item]) -> Option<[Range<usize>; 2]> {
    let mut statements = items.iter().filter_map(|item| match item {
        Item::Statement(statement) => Some(statement),
        Item::Command(_) => None,
    });
    let begin = statements.next()?;
    let end = statements.next_back()?;
    let is_plain =
        |statement: &Statement, verbs: &[&[&str]]| verbs.iter().any(|verb| statement.is_only(verb));
    let begins = is_plain(
        begin,
        &[
            &["BEGIN"],
            &["BEGIN", "WORK"],
            &["BEGIN", "TRANSACTION"],
            &["START", "TRANSACTION"],
        ],
    );
    let ends = is_plain(
        end,
        &[
            &["COMMIT"],
            &["COMMIT", "WORK"],
            &["COMMIT", "TRANSACTION"],
            &["END"],
            &["END", "WORK"],
            &["END", "TRANSACTION"],
        ],
    );
    let inner = statements.any(|statement| transaction_control(statement).is_some());
    (begins && ends && !inner).then(|| [begin.range.clone(), end.range.clone()])
}

/// Outright, or in the text of a DO block or an EXECUTE. A false alarm only makes a smaller
/// transaction.
fn adds_enum_value(statement: &Statement, content: &[u8]) -> bool {
    static INSIDE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?is)\bALTER\s+TYPE\s.{1,200}?\sADD\s+VALUE\b").ok());
    let outright = statement.starts_with(&["ALTER", "TYPE"]) && statement.has(&["ADD", "VALUE"]);
    outright
        || statement.literals.iter().any(|range| {
            let text = content.get(range.clone()).unwrap_or_default();
            INSIDE
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(text))
        })
}

/// Does a statement of this script, outright or in the text of a DO block, make or rebuild an index
/// of this name, given with or without schema and quotes?
pub fn names_index(script: &[u8], index: &str) -> bool {
    let name = index.rsplit('.').next().unwrap_or(index).trim_matches('"');
    let text = |range: &Range<usize>| script.get(range.clone()).unwrap_or_default();
    scan(script).iter().any(|item| match item {
        Item::Statement(statement) if statement.has(&["INDEX"]) => {
            names(text(&statement.range), name)
        }
        Item::Statement(statement) => statement.literals.iter().any(|literal| {
            let literal = text(literal);
            names(literal, "INDEX") && names(literal, name)
        }),
        Item::Command(_) => false,
    })
}

/// Is this a whole name in the text? Names are folded to one case unless they are quoted.
fn names(text: &[u8], name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let continues = |byte: Option<&u8>| {
        byte.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
        })
    };
    memmem::find_iter(&text, name.as_bytes()).any(|start| {
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        !continues(before) && !continues(text.get(start + name.len()))
    })
}

/// A script without its outer pair: blanks take its place, so that every line stays where it is.
/// Its `\ir` is bound to the folder where the script really is.
pub fn unwrapped(script: Script<'_>, pair: &[Range<usize>; 2]) -> Vec<u8> {
    let mut content = script.content.to_vec();
    for byte in pair.iter().flat_map(Clone::clone).collect::<Vec<_>>() {
        if let Some(byte) = content.get_mut(byte).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
    }
    let folder = script
        .path
        .parent()
        .unwrap_or(script.path)
        .to_string_lossy();
    let folder = crate::sql::quote::Argument(&format!("{folder}/")).to_string();
    let mut bound = Vec::with_capacity(content.len());
    let mut done = 0;
    for item in scan(&content) {
        let Item::Command(command) = item else {
            continue;
        };
        let relative = ["ir", "include_relative"].contains(&command.name.as_str());
        let is_absolute = command
            .arguments
            .first()
            .is_some_and(|argument| argument.text.starts_with(b"/"));
        if relative && !is_absolute {
            let name_end = command.range.start + 1 + command.name.len();
            bound.extend(content.get(done..command.range.start).unwrap_or_default());
            // psql joins quoted and unquoted parts that touch into one argument.
            bound.extend(format!("\\i {folder}").bytes());
            let blanks = content.get(name_end..).unwrap_or_default();
            let blanks = blanks
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            done = name_end + blanks;
        }
    }
    bound.extend(content.get(done..).unwrap_or_default());
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(content: &str) -> Script<'_> {
        Script {
            path: Path::new("/db/a.sql"),
            content: content.as_bytes(),
        }
    }

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

    #[test]
    fn what_ends_or_begins_a_transaction() {
        assert_eq!(
            found(
                "BEGIN;\nbegin isolation level serializable;\nStart /* */ Transaction;\nEND;\nabort;"
            ),
            [
                "1 BEGIN",
                "2 BEGIN",
                "3 START TRANSACTION",
                "4 END",
                "5 ABORT"
            ]
        );
        assert_eq!(
            found("SELECT 1; COMMIT AND CHAIN;\nROLLBACK WORK;\nPREPARE TRANSACTION 'x';"),
            ["1 COMMIT", "2 ROLLBACK", "3 PREPARE TRANSACTION"]
        );
    }

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

    #[test]
    fn enum_values_also_inside_of_blocks() {
        for text in [
            "ALTER TYPE public.\"Mood\" ADD VALUE IF NOT EXISTS 'ok';",
            "DO $$ BEGIN EXECUTE 'alter  type mood\nadd value ''x'''; END $$;",
        ] {
            assert!(inspect(script(text), &[]).adds_enum_value, "{text}");
        }
        for text in [
            "ALTER TYPE mood RENAME VALUE 'a' TO 'b';",
            "ALTER TABLE t ADD value int;",
        ] {
            assert!(!inspect(script(text), &[]).adds_enum_value, "{text}");
        }
        let included = Script {
            path: Path::new("/db/b.sql"),
            content: b"ALTER TYPE m ADD VALUE 'x';",
        };
        assert!(inspect(script("\\ir b.sql"), &[included]).adds_enum_value);
    }

    #[test]
    fn an_index_is_named_by_its_whole_name_where_one_is_made() {
        for text in [
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS Invoice_Customer ON invoice (customer);",
            "REINDEX INDEX CONCURRENTLY sales.\"invoice_customer\";",
            "DO $$ BEGIN EXECUTE 'CREATE INDEX invoice_customer ON invoice (customer)'; END $$;",
        ] {
            assert!(names_index(text.as_bytes(), "invoice_customer"), "{text}");
        }
        for text in [
            "CREATE INDEX CONCURRENTLY invoice_customer_2 ON invoice (customer);",
            "CREATE INDEX CONCURRENTLY old_invoice_customer ON invoice (customer);",
            "CREATE INDEX invoice_customerü ON invoice (customer);",
            "-- like invoice_customer\nCREATE INDEX x ON invoice (customer);",
            "SELECT invoice_customer FROM t;",
        ] {
            assert!(!names_index(text.as_bytes(), "invoice_customer"), "{text}");
        }
        let odd = b"CREATE INDEX \"Odd name\" ON t (a);";
        assert!(names_index(odd, "sales.\"Odd name\""));
    }

    #[test]
    fn one_pair_around_the_whole_file() {
        let pair = |text: &str| inspect(script(text), &[]).outer_pair.is_some();
        assert!(pair(
            "-- words\n\\set x 1\nBEGIN;\nSELECT 1;\nCOMMIT;\n-- more\n"
        ));
        assert!(pair("start transaction; end work"));
        for other in [
            "BEGIN; SELECT 1;",
            "BEGIN; COMMIT; SELECT 1;",
            "SELECT 1; BEGIN; COMMIT;",
            "BEGIN; COMMIT; BEGIN; COMMIT;",
            "BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT;",
            "BEGIN; COMMIT AND CHAIN;",
            "COMMIT;",
        ] {
            assert!(!pair(other), "{other}");
        }
        let included = Script {
            path: Path::new("/db/b.sql"),
            content: b"COMMIT;",
        };
        assert_eq!(
            inspect(script("BEGIN; \\ir b.sql\nCOMMIT;"), &[included]).outer_pair,
            None
        );
    }

    #[test]
    fn unwrapping_keeps_every_line_and_finds_its_includes() {
        let text = "\u{feff}-- ü\nBEGIN\n;\n\\ir parts/x.sql\n\\ir :file\n\\ir '/abs'\nSELECT 1; COMMIT;\n";
        let script = script(text);
        let pair = inspect(script, &[]).outer_pair.unwrap();
        let bare = String::from_utf8(unwrapped(script, &pair)).unwrap();
        assert_eq!(
            bare,
            "\u{feff}-- ü\n     \n \n\\i '/db/'parts/x.sql\n\\i '/db/':file\n\\ir '/abs'\nSELECT 1;        \n"
        );
    }
}
