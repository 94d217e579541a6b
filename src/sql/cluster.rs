//! Statements that reach beyond their database: roles, databases, tablespaces, the server itself.
//! Pure. Words in strings and function bodies count, because they may be executed; what a script
//! puts together at run time is not seen.

use std::ops::Range;

use crate::sql::lexer::Item;
use crate::sql::script::Script;

/// A statement that reaches beyond its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// From 1.
    pub line: usize,
    /// Its first words, in upper case.
    pub words: &'static str,
    /// The word behind them, in upper case: the role or the database.
    pub object: String,
}

impl Reach {
    /// Does it make this role?
    pub fn makes(&self, role: &str) -> bool {
        self.words.starts_with("CREATE") && self.object.eq_ignore_ascii_case(role)
    }
}

/// What each begins with (PostgreSQL manual, "SQL Commands"; the catalogs with `relisshared`). The
/// last three keep a database from being dropped.
const BEGINNINGS: [&str; 30] = [
    "CREATE ROLE",
    "ALTER ROLE",
    "DROP ROLE",
    "CREATE USER",
    "ALTER USER",
    "DROP USER",
    "CREATE GROUP",
    "ALTER GROUP",
    "DROP GROUP",
    "REASSIGN OWNED",
    "DROP OWNED",
    "CREATE DATABASE",
    "ALTER DATABASE",
    "DROP DATABASE",
    "CREATE TABLESPACE",
    "ALTER TABLESPACE",
    "DROP TABLESPACE",
    "ALTER SYSTEM",
    "ON DATABASE",
    "ON TABLESPACE",
    "ON PARAMETER",
    "ON ROLE",
    "ON USER",
    "PG_RELOAD_CONF",
    "PG_TERMINATE_BACKEND",
    "PG_CANCEL_BACKEND",
    "PG_CREATE_PHYSICAL_REPLICATION_SLOT",
    "PG_CREATE_LOGICAL_REPLICATION_SLOT",
    "CREATE SUBSCRIPTION",
    "PREPARE TRANSACTION",
];

/// All such statements of a script, in their order.
pub fn reaches(script: &Script<'_>) -> Vec<Reach> {
    script
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Statement(statement) => {
                let parts = parts(&statement.range, &statement.literals);
                let found = parts
                    .into_iter()
                    .find_map(|part| found_in(script.text(&part)));
                found.map(|(words, object)| Reach {
                    line: statement.line,
                    words,
                    object,
                })
            }
            // It runs ALTER USER.
            Item::Command(command) if command.name == "password" => Some(Reach {
                line: command.line,
                words: "\\password",
                object: String::new(),
            }),
            Item::Command(_) => None,
        })
        .collect()
}

/// The statement without its literals, piece by piece, and the insides of these: a word of one is
/// not followed by a word of another.
fn parts(whole: &Range<usize>, literals: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = Vec::with_capacity(literals.len() * 2 + 1);
    let mut start = whole.start;
    for literal in literals {
        parts.push(start..literal.start);
        parts.push(literal.clone());
        start = literal.end;
    }
    parts.push(start..whole.end);
    parts
}

fn found_in(text: &[u8]) -> Option<(&'static str, String)> {
    let text = String::from_utf8_lossy(text).to_uppercase();
    let words: Vec<_> = text
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
        .collect();
    BEGINNINGS
        .iter()
        .find_map(|beginning| {
            let beginning_words: Vec<_> = beginning.split(' ').collect();
            let place = words
                .windows(beginning_words.len())
                .position(|window| window == beginning_words)?;
            let object = words.get(place + beginning_words.len()).unwrap_or(&"");
            // A user mapping is the database's own.
            (*object != "MAPPING").then(|| (*beginning, (*object).to_owned()))
        })
        .or_else(|| membership(&words))
}

/// `GRANT a TO b`: without ON it is about membership in a role.
fn membership(words: &[&str]) -> Option<(&'static str, String)> {
    [("GRANT", "TO"), ("REVOKE", "FROM")]
        .into_iter()
        .find_map(|(verb, end)| {
            let place = words.iter().position(|word| *word == verb)?;
            let mut rest = words.iter().skip(place + 1);
            let object = rest.clone().next().unwrap_or(&"");
            let is_membership = rest.find(|word| ["ON", end].contains(word)) == Some(&end);
            is_membership.then(|| (verb, (*object).to_owned()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str) -> Vec<String> {
        reaches(&crate::sql::script::script(script))
            .into_iter()
            .map(|found| format!("{} {}", found.line, found.words))
            .collect()
    }

    #[test]
    fn what_concerns_the_whole_server_is_found() {
        assert_eq!(
            found(
                "create table a ();\n/* x */ ALTER\n ROLE deploy PASSWORD 'x';\nReassign owned BY a TO b;\n\
                 DO $$ BEGIN IF true THEN CREATE ROLE app; END IF; END $$;\n\
                 SELECT format('DROP ROLE %I', r) FROM x \\gexec\n\
                 GRANT CONNECT ON DATABASE d TO app;\nGRANT admin TO app;\nGRANT \"a\" TO \"b\";\n\\password app\n\
                 SELECT pg_reload_conf();\n"
            ),
            [
                "2 ALTER ROLE",
                "4 REASSIGN OWNED",
                "5 CREATE ROLE",
                "6 DROP ROLE",
                "7 ON DATABASE",
                "8 GRANT",
                "9 GRANT",
                "10 \\password",
                "11 PG_RELOAD_CONF",
            ]
        );
    }

    #[test]
    fn what_concerns_the_database_alone_is_not() {
        assert_eq!(
            found(
                "GRANT SELECT ON t TO app;\nREVOKE ALL ON SCHEMA s FROM PUBLIC;\nSET ROLE app;\n\
                 ALTER TABLE role ADD user_role text;\nCREATE USER MAPPING FOR a SERVER s;\n\
                 ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app;\nALTER TABLE t OWNER TO app;\n\
                 -- CREATE ROLE x\nCREATE POLICY p ON t TO app USING (true);\n"
            ),
            Vec::<String>::new()
        );
    }
}
