//! Statements that begin or end a transaction, and those that PostgreSQL refuses inside one.

use std::ops::Range;

use super::Violation;
use crate::sql::lexer::{Command, Item, Statement};
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
    /// The branches of `\if` that are open, by their number.
    branches: Vec<usize>,
    branch_count: usize,
    /// Where BEGIN is: COMMIT in another branch may not happen.
    home: Option<usize>,
    /// Does the statement before belong to the same query?
    is_joined: bool,
}

impl Pair {
    pub fn take(&mut self, script: &Script<'_>) {
        for item in script.items.iter() {
            match item {
                Item::Statement(statement) => self.take_statement(statement, script),
                Item::Command(command) => self.take_command(command, script),
            }
        }
    }

    fn take_statement(&mut self, statement: &Statement, script: &Script<'_>) {
        let range = || Some(script.in_file(&statement.range));
        let joins_next = script.text(&statement.range).ends_with(b"\\;");
        let is_joined = std::mem::replace(&mut self.is_joined, joins_next);
        if !std::mem::replace(&mut self.is_begun, true) {
            self.begin = is_any(statement, &BEGINS).then(range).flatten();
            self.home = self.branches.last().copied();
            return;
        }
        self.has_inner |= self.end.take().is_some();
        let is_at_home = self.branches.last().copied() == self.home;
        // Without a COMMIT that it is joined to, the statement before would wait for another end; and
        // one that joins what follows is not sent yet.
        if is_any(statement, &ENDS) && is_at_home && !is_joined && !joins_next {
            self.end = range();
        } else {
            self.has_inner |= transaction_control(statement).is_some();
        }
    }

    fn take_command(&mut self, command: &Command, script: &Script<'_>) {
        match command.name.as_str() {
            "if" => self.open_branch(),
            "elif" | "else" => {
                self.branches.pop();
                self.open_branch();
            }
            "endif" => drop(self.branches.pop()),
            // What follows it does not happen.
            "q" | "quit" => self.has_inner |= self.is_begun && self.end.is_none(),
            // Alone, it sends the last query again, which would no longer be COMMIT.
            _ if command.sends_query() => {
                let start = script.in_file(&command.range).start;
                let is_alone = self.end.as_ref().map(|end| end.end <= start);
                let executes = ["g", "gx"].contains(&command.name.as_str());
                self.has_inner |= is_alone.is_some_and(|is_alone| is_alone || !executes);
            }
            _ => {}
        }
    }

    fn open_branch(&mut self) {
        self.branch_count += 1;
        self.branches.push(self.branch_count);
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
        assert!(pair("BEGIN\\; SELECT 1; \\g\nCOMMIT;\n\\q\n"));
        assert!(pair(
            "\\if :x\n\\q\n\\else\nBEGIN;\n\\if :y\nSELECT 1;\n\\endif\nCOMMIT;\n\\endif\n"
        ));
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
            // The INSERT would be sent again, or not at all.
            "BEGIN; INSERT INTO t VALUES (1); COMMIT;\n\\g\n",
            "BEGIN; INSERT INTO t VALUES (1); COMMIT \\g \\gexec\n",
            "BEGIN; INSERT INTO t VALUES (1)\\; COMMIT;\n\\r\n",
            // COMMIT may not happen.
            "BEGIN; SELECT 1; COMMIT\\;\n\\r\n",
            "BEGIN; SELECT 1; COMMIT \\gdesc\n",
            "BEGIN;\n\\if :x\nCOMMIT;\n\\endif\n",
            "\\if :x\nBEGIN;\n\\else\nCOMMIT;\n\\endif\n",
            "BEGIN; SELECT 1;\n\\q\nCOMMIT;",
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
