//! Statements that begin or end a transaction, and those that PostgreSQL refuses inside one.

use std::ops::Range;

use super::{Script, Violation};
use crate::sql::lexer::{Item, Statement, scan};

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

/// The pair, if the first statement is a plain BEGIN, the last a plain COMMIT, and no other one
/// begins or ends a transaction.
pub fn outer_pair(items: &[Item]) -> Option<[Range<usize>; 2]> {
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

#[cfg(test)]
mod tests {
    use crate::sql::inspection::{Script, found, inspect, script};
    use std::path::Path;

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
}
