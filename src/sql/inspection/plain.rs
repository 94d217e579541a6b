//! Is a file SQL and nothing else, so that psql only hands its statements on?

use memchr::{memchr, memmem};

use crate::sql::lexer::{Item, Statement};

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

/// A backslash is refused wherever it stands: what is one in a string depends on a setting.
pub fn plain(content: &[u8], items: &[Item]) -> Option<Plain> {
    let is_plain = |item: &Item| match item {
        Item::Statement(statement) => !statement.copies_in && statement.variables.is_empty(),
        Item::Command(_) => false,
    };
    (memchr(b'\\', content).is_none() && items.iter().all(is_plain)).then(|| Plain {
        closing: items.last().and_then(|last| match last {
            Item::Statement(statement) => closing(content, statement),
            Item::Command(_) => None,
        }),
        may_defer: contains(content, b"deferr") || items.iter().any(may_run_anything),
        may_grant: [&b"grant"[..], b"revoke", b"owned"]
            .iter()
            .any(|word| contains(content, word))
            || items.iter().any(may_run_anything),
    })
}

fn contains(content: &[u8], lower_case: &[u8]) -> bool {
    memmem::find(&content.to_ascii_lowercase(), lower_case).is_some()
}

/// Is it a statement that may run others, such as a function that is called, or an extension's script?
fn may_run_anything(item: &Item) -> bool {
    match item {
        Item::Statement(statement) => {
            let first = statement.words.first().map(String::as_str);
            first.is_some_and(|first| !SILENT.contains(&first)) || statement.has(&["EXTENSION"])
        }
        Item::Command(_) => true,
    }
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
    use crate::sql::lexer::scan;

    fn of(text: &str) -> Option<Plain> {
        plain(text.as_bytes(), &scan(text.as_bytes()))
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
