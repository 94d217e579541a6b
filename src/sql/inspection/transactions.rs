//! Statements that begin or end a transaction, and those that PostgreSQL refuses inside one.

use std::ops::Range;

use super::Violation;
use crate::sql::lexer::{Item, Statement};
use crate::sql::script::Script;

/// The statements of a script that PostgreSQL refuses inside a transaction (its manual says so of
/// each).
pub fn needs_no_transaction(script: &Script<'_>) -> Vec<Violation> {
    script
        .items
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

/// Names the statement if it begins or ends a transaction.
pub fn transaction_control(statement: &Statement) -> Option<String> {
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

/// Looks for one BEGIN and one COMMIT around all other statements of a file.
#[derive(Default)]
pub struct Pair {
    is_begun: bool,
    /// The statements that it would be, as far as the file has been seen.
    begin: Option<Range<usize>>,
    end: Option<Range<usize>>,
    /// Is there transaction control between them? An end is one, if more statements follow it.
    has_inner: bool,
}

impl Pair {
    pub fn take(&mut self, script: &Script<'_>) {
        for item in script.items.iter() {
            let Item::Statement(statement) = item else {
                continue;
            };
            let range = || Some(script.in_file(&statement.range));
            if !std::mem::replace(&mut self.is_begun, true) {
                self.begin = is_any(statement, &BEGINS).then(range).flatten();
                continue;
            }
            self.has_inner |= self.end.take().is_some();
            if is_any(statement, &ENDS) {
                self.end = range();
            } else {
                self.has_inner |= transaction_control(statement).is_some();
            }
        }
    }

    /// Where the two are.
    pub fn finish(self) -> Option<[Range<usize>; 2]> {
        Some([self.begin?, self.end?]).filter(|_| !self.has_inner)
    }
}

fn is_any(statement: &Statement, verbs: &[&[&str]]) -> bool {
    verbs.iter().any(|verb| statement.is_only(verb))
}

const BEGINS: [&[&str]; 4] = [
    &["BEGIN"],
    &["BEGIN", "WORK"],
    &["BEGIN", "TRANSACTION"],
    &["START", "TRANSACTION"],
];

const ENDS: [&[&str]; 6] = [
    &["COMMIT"],
    &["COMMIT", "WORK"],
    &["COMMIT", "TRANSACTION"],
    &["END"],
    &["END", "WORK"],
    &["END", "TRANSACTION"],
];

#[cfg(test)]
mod tests {
    use crate::sql::inspection::{found, inspect};
    use crate::sql::script::script;

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
    fn one_pair_around_the_whole_file() {
        let pair = |text: &str| inspect(&script(text), &[]).outer_pair.is_some();
        assert!(pair(
            "-- words\n\\set x 1\nBEGIN;\nSELECT 1;\nCOMMIT;\n-- more\n"
        ));
        assert!(pair("start transaction; end work"));
        assert!(pair("BEGIN /* ; */ -- 1\n; SELECT 1; COMMIT \\g\n"));
        for other in [
            "BEGIN; SELECT 1;",
            "BEGIN; COMMIT; SELECT 1;",
            "SELECT 1; BEGIN; COMMIT;",
            "BEGIN; COMMIT; BEGIN; COMMIT;",
            "BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT;",
            "BEGIN; COMMIT AND CHAIN;",
            "COMMIT;",
            // Blanks in their place would take the include, or a variable's value.
            "BEGIN\n\\ir b.sql\n; SELECT 1; COMMIT;",
            "BEGIN; SELECT 1; COMMIT\n\\ir b.sql\n;",
            "BEGIN; SELECT 1; COMMIT :how;",
            "BEGIN; SELECT 1; */ COMMIT;",
            "BEGIN (); COMMIT;",
            "BEGIN $1; COMMIT 1;",
        ] {
            assert!(!pair(other), "{other}");
        }
        let included = script("COMMIT;");
        assert_eq!(
            inspect(&script("BEGIN; \\ir b.sql\nCOMMIT;"), &[included]).outer_pair,
            None
        );
    }
}
