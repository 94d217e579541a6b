//! Is a file SQL and nothing else, so that psql only hands its statements on?

use memchr::{memchr, memmem};

use crate::sql::lexer::{Item, Statement};
use crate::sql::script::Script;

/// A file without a word to psql itself: nothing in it changes what psql does with what follows,
/// and an error in it leaves the transaction aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// The byte of the last semicolon, where its statement prints nothing: there more statements
    /// can join the same message to the server.
    pub closing: Option<usize>,
    /// May it make a deferrable constraint, or change when one is checked? What triggers do is not
    /// known; what they defer is checked at COMMIT.
    pub may_defer: bool,
    /// May it change the privileges of columns? Nothing else changes a column without a lock on its table.
    pub may_grant: bool,
}

/// Looks whether a file is SQL and nothing else.
#[derive(Default)]
pub struct PlainSoFar {
    is_other: bool,
    /// Of the last statement.
    closing: Option<usize>,
    may_defer: bool,
    may_grant: bool,
}

impl PlainSoFar {
    pub fn take(&mut self, script: &Script<'_>) {
        self.is_other |= memchr(b'\\', script.content).is_some();
        if self.is_other {
            return;
        }
        let content = script.content.to_ascii_lowercase();
        let has = |words: &[&str]| {
            let mut words = words.iter();
            words.any(|word| memmem::find(&content, word.as_bytes()).is_some())
        };
        self.may_defer |= has(&["deferr"]);
        self.may_grant |= has(&["grant", "revoke", "owned"]);
        for item in script.items.iter() {
            match item {
                Item::Statement(statement) => {
                    self.is_other |= statement.copies_in || !statement.variables.is_empty();
                    let may_run_anything = may_run_anything(statement);
                    self.may_defer |= may_run_anything;
                    self.may_grant |= may_run_anything;
                }
                Item::Command(_) => self.is_other = true,
            }
        }
        if let Some(Item::Statement(last)) = script.items.last() {
            self.closing = closing(script.content, last).map(|at| at + script.offset);
        }
    }

    pub fn finish(self) -> Option<Plain> {
        (!self.is_other).then_some(Plain {
            closing: self.closing,
            may_defer: self.may_defer,
            may_grant: self.may_grant,
        })
    }
}

fn contains(content: &[u8], lower_case: &[u8]) -> bool {
    memmem::find(&content.to_ascii_lowercase(), lower_case).is_some()
}

/// Is it a statement that may run others, such as a function that is called, or an extension's script?
fn may_run_anything(statement: &Statement) -> bool {
    let first = statement.words.first().map(String::as_str);
    first.is_some_and(|first| !SILENT.contains(&first)) || statement.has(&["EXTENSION"])
}

/// Statements that print nothing, unless they say RETURNING.
const SILENT: [&str; 10] = [
    "ALTER", "COMMENT", "CREATE", "DELETE", "DROP", "GRANT", "INSERT", "REVOKE", "TRUNCATE",
    "UPDATE",
];

fn closing(content: &[u8], statement: &Statement) -> Option<usize> {
    let last = statement.range.end.checked_sub(1)?;
    let text = content.get(statement.range.clone())?;
    let is_silent =
        SILENT.contains(&statement.words.first()?.as_str()) && !contains(text, b"returning");
    (is_silent && text.ends_with(b";")).then_some(last)
}

/// A script with more statements in the message of its last one. They begin on a line of their own;
/// what stood behind the semicolon stands behind them.
pub fn joined(content: &[u8], closing: usize, statements: &str) -> Vec<u8> {
    let (before, behind) = content.split_at(closing.min(content.len()));
    let behind = behind.get(1..).unwrap_or_default();
    [before, b"\\;\n", statements.as_bytes(), behind].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::inspection::inspect;
    use crate::sql::script::script;

    fn of(text: &str) -> Option<Plain> {
        inspect(&script(text), &[]).plain
    }

    #[test]
    fn what_psql_itself_reads_is_not_plain() {
        for text in [
            "\\echo hello\n",
            "SELECT 1 \\gset\n",
            "CREATE TABLE :name (id int);",
            "SELECT :'name';",
            "SELECT a[1:n] FROM t;",
            "COPY t FROM STDIN;\n1\n\\.\n",
            "COPY t FROM STDIN;\n",
            "SELECT E'\\n';",
            "SELECT '\\d';",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_may_join_the_last_statement() {
        for (text, closing) in [
            ("", None),
            ("-- nothing\n", None),
            ("CREATE TABLE t (id int)", None),
            ("CREATE TABLE t (id int); -- ü; \n", Some(23)),
            ("SELECT 1;\ninsert into t values (';');\n", Some(36)),
            ("INSERT INTO t VALUES (1) returning id;", None),
            ("CREATE TABLE t (id int); SELECT f();", None),
            ("DO $$ BEGIN END $$;", None),
        ] {
            assert_eq!(of(text).unwrap().closing, closing, "{text}");
        }
    }

    #[test]
    fn what_may_change_privileges_of_columns() {
        let may_grant = |text: &str| of(text).unwrap().may_grant;
        for text in [
            "Grant SELECT (id) ON t TO alice;",
            "REVOKE SELECT (id) ON t FROM alice;",
            "DROP OWNED BY alice;",
            "SELECT permit();",
            "DO $$ BEGIN END $$;",
            "CREATE EXTENSION pgcrypto;",
        ] {
            assert!(may_grant(text), "{text}");
        }
        assert!(!may_grant(
            "CREATE TABLE t (id int);\nALTER TABLE t ADD x int;"
        ));
    }

    #[test]
    fn what_may_defer_a_constraint() {
        let may_defer = |text: &str| of(text).unwrap().may_defer;
        for text in [
            "ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p Deferrable;",
            "SELECT make_constraints();",
            "DO 'BEGIN END';",
            "CREATE EXTENSION x;",
            "SET CONSTRAINTS ALL IMMEDIATE;",
        ] {
            assert!(may_defer(text), "{text}");
        }
        assert!(!may_defer(
            "-- nothing\nCREATE TABLE t (id int); INSERT INTO t VALUES (1);"
        ));
    }

    #[test]
    fn more_statements_join_the_last_one() {
        let text = "SELECT 1;\nDROP TABLE t ; -- it\n";
        let closing = of(text).unwrap().closing.unwrap();
        assert_eq!(
            String::from_utf8(joined(text.as_bytes(), closing, "SELECT 2;\n")).unwrap(),
            "SELECT 1;\nDROP TABLE t \\;\nSELECT 2;\n -- it\n"
        );
    }
}
