//! The lexer against psql itself: how a script falls into queries. Words with a number of their own
//! stand all over the scripts and tell which part of which query each one is.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use nu_plugin_migrate::testing::{Item, Script, inspect, scan, unwrapped};
use proptest::prelude::*;
use regex::Regex;

use crate::support::Project;
use crate::support::wire::{Sent, bare, sent};

static MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"m\d+_").unwrap());

fn marks(text: &str) -> BTreeSet<String> {
    let found = MARK.find_iter(text);
    found.map(|found| found.as_str().to_owned()).collect()
}

/// The marks of each query that psql sends.
fn by_psql(queries: &[String]) -> Vec<BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    // This is how psql writes its own `\\copy` for the server.
    for query in queries.iter().filter(|query| !query.starts_with("COPY  ")) {
        let found = marks(bare(query));
        // `\g` alone sends the last query again.
        let is_again = groups.iter().any(|known| !known.is_disjoint(&found));
        if !found.is_empty() && !is_again {
            groups.push(found);
        }
    }
    groups
}

/// The marks of each query that the lexer finds: what `\;` joins is one.
fn by_lexer(script: &str) -> Vec<BTreeSet<String>> {
    let items = scan(script.as_bytes());
    let in_commands: BTreeSet<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Command(command) => script.get(command.range.clone()),
            Item::Statement(_) => None,
        })
        .flat_map(marks)
        .collect();
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    let mut is_joined = false;
    for item in &items {
        let Item::Statement(statement) = item else {
            continue;
        };
        let text = script.get(statement.range.clone()).unwrap();
        let found = &marks(text) - &in_commands;
        match groups.last_mut() {
            Some(last) if is_joined => last.extend(found),
            _ => groups.push(found),
        }
        is_joined = text.ends_with("\\;");
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Does the lexer find psql's queries, each marked word in the same one, and no query more?
fn compare(script: &str) -> Result<(), String> {
    let has_data = script.to_lowercase().contains("from stdin");
    // Whether a COPY that others are joined to takes data, only a server that reads SQL can say.
    if has_data && script.contains("\\;") {
        return Ok(());
    }
    let sent = sent(script.as_bytes());
    let mut psql = by_psql(&sent.queries);
    let known: BTreeSet<_> = psql.iter().flatten().cloned().collect();
    let lexer = by_lexer(script);
    // A query may have inline data in its midst, with marks that are none of its words.
    let mut lexer: Vec<_> = lexer.iter().map(|group| group & &known).collect();
    lexer.retain(|group| !has_data || !group.is_empty());
    // Where psql stops at an error, a run stops too.
    if !sent.is_all {
        lexer.truncate(psql.len());
    }
    // A comment behind `\\;` is part of psql's query and of no statement.
    if script.contains("\\;") {
        let words: BTreeSet<_> = lexer.iter().flatten().cloned().collect();
        psql = psql.iter().map(|group| group & &words).collect();
        psql.retain(|group| !group.is_empty());
    }
    if psql == lexer {
        Ok(())
    } else {
        Err(format!(
            "psql  {psql:?}\nlexer {lexer:?}\n{script}\n{script:?}"
        ))
    }
}

/// What the lexer cares about; `@` becomes a marked word.
const PARTS: &[&str] = &[
    "SELECT @ ",
    "SELECT @;",
    ";",
    ";\n",
    "\n",
    "\r",
    "\r\n",
    " ",
    "@",
    " @ ",
    "'",
    "''",
    "E'",
    "e'\\'@",
    "\\'",
    "'@;@'",
    "E'@\\'@;@'",
    "'@\n;@'",
    "'@\\'",
    "N'",
    "B'",
    "U&'@\\",
    "U&\"@",
    "\"",
    "\"@;@\"",
    "$$",
    "$a$",
    "$a",
    "$1 ",
    "$E'@\\';@'",
    "$$@;@$$",
    "$a$@$$;@$a$",
    "$b$@",
    "a$b$c",
    "--",
    "-- @;\n",
    "-- @\r",
    "-",
    "/*",
    "*/",
    "/*@;*/",
    "/",
    "*",
    "/*/*@*/;@*/",
    "(",
    ")",
    "(@;@)",
    "[",
    "]",
    ":",
    "::",
    ":x",
    ":'x'",
    ":\"x\"",
    ":'x",
    "SELECT :{?x} ",
    ":{?",
    ":=",
    "\\:",
    "\\;SELECT @;",
    "\\echo it\n",
    "\\echo 'it''s'\n",
    "\\echo 'it\n",
    "\\echo \"a\n",
    "\\echo `echo x`\n",
    "\\echo a \\\\ SELECT @;",
    "\\g\n",
    " \\g\n",
    "\\gx\n",
    " \\r\n",
    "\\reset\n",
    "\\g | cat > /dev/null \\\\ SELECT @;\n",
    "\\p\n",
    "\\! true ; \\\\ @ '\n",
    "\\h ' \\\\ @\n",
    "\\copy t from '/dev/null' \\\\ SELECT 1;\n",
    "COPY t FROM stdin;\n",
    "COPY t FROM STDIN; SELECT @;",
    "COPY t FROM stdin \\g\n",
    "copy t from stdin; SELECT '@\n",
    "\\copy t from stdin\n",
    "\\COPY t from stdin;\n",
    "\\copy t(@)from stdin csv\n",
    "\\copy t from stdin.csv\n",
    "\\copy t from 'stdin'\n",
    "\\copy \"a from stdin\" from stdin.csv\n",
    "\\copy (select 1 from stdin) to '/dev/null'\n",
    "@\n\\.\n",
    "\\.\n",
    "it's @;\n\\.\n",
    "COPY (SELECT @ FROM stdin) TO STDOUT;",
    "COPY (SELECT @ FROM stdin) TO STDOUT; SELECT @;\n",
    "CREATE FUNCTION @() BEGIN ATOMIC ",
    "CREATE OR REPLACE PROCEDURE @ ",
    "create function @ ",
    "CREATE VIEW function AS SELECT @ AS begin;",
    "CREATE TABLE @ FUNCTION ",
    "BEGIN ",
    "CASE ",
    "END ",
    "END;",
    "BEGIN;",
    "COMMIT;",
    "CREATE ",
    "FUNCTION ",
    "OR ",
    "REPLACE ",
    "SET standard_conforming_strings = off;\n",
    "SET standard_conforming_strings = on;\n",
    "SET standard_conforming_strings = off; SELECT '@\\';@';",
    "é",
    "x'@'",
    "_E'\\'@'",
];

fn script() -> impl Strategy<Value = String> {
    let part = proptest::sample::select(PARTS);
    proptest::collection::vec(part, 1..24).prop_map(marked)
}

/// The parts with a marked word for each `@`.
fn marked(parts: Vec<&str>) -> String {
    let mut number = 0;
    let mut script = String::new();
    for part in parts {
        for (index, piece) in part.split('@').enumerate() {
            if index > 0 {
                number += 1;
                script += &format!("m{number}_");
            }
            script += piece;
        }
    }
    script
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_lexer_cuts_any_script_where_psql_does(script in script()) {
        compare(&script).map_err(TestCaseError::fail)?;
    }
}

const FILE: &str = "db/20240101000000_core_a.sql";

#[test]
fn what_psql_would_misread_is_refused() {
    let project = Project::new();
    project.write(
        FILE,
        "CREATE TABLE a (id int);\nSELECT 1;\0\nCREATE TABLE b (id int);\n",
    );
    assert_eq!(project.code("migrate run db"), "migrate::misread");
    let error = project.nu("migrate run db").stderr;
    assert!(error.contains("line 2: a NUL byte"), "{error}");
    let rules = project.nu("migrate validate db --offline | get rule | to json -r");
    assert!(
        rules.json().to_string().contains("misread"),
        "{}",
        rules.stdout
    );
    // What is applied cannot be edited, and says nothing any more.
    let marked = "migrate repair db --mark-applied 20240101000000; migrate run db | length";
    assert_eq!(project.nu(marked).text(), "0");

    project.write(
        "db/20240102000000_core_b.sql",
        "SELECT E'a'\n'b\\'' ; COMMIT; SELECT '';\n",
    );
    assert_eq!(project.code("migrate run db"), "migrate::misread");
}

#[test]
fn no_commit_hides_behind_a_copy() {
    for copy in [
        "COPY t FROM stdin; COMMIT;\n1\n\\.\n",
        "COPY (SELECT * FROM t AS stdin) TO STDOUT; COMMIT;\n",
        "\\COPY t from stdin;\n1\n\\.\nCOMMIT;\n",
        "\\copy t from stdin.csv\nCOMMIT;\n",
        "\\copy (SELECT * FROM stdin) to 'x'\nCOMMIT;\n",
        "SELECT 1 AS (\\r\nCOMMIT;\n",
        "CREATE VIEW function AS SELECT 1 AS begin; COMMIT;\n",
    ] {
        let project = Project::new();
        project.write(FILE, format!("CREATE TABLE t (id int);\n{copy}"));
        assert_eq!(
            project.code("migrate run db"),
            "migrate::forbidden",
            "{copy}"
        );
    }
}

#[test]
fn what_only_looks_like_a_commit_runs() {
    let project = Project::new();
    let script = "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\n\
                  CREATE TABLE t (a text);\nINSERT INTO t VALUES ('a\\'; COMMIT; --');\n\
                  INSERT INTO t VALUES (E'b\\'; COMMIT;\nc');\n\
                  COPY t FROM stdin; INSERT INTO t VALUES ('tail');\nCOMMIT;\n\\.\n";
    project.write(FILE, script);
    project.nu("migrate run db").text();
    assert_eq!(
        project.sql("SELECT json_agg(a ORDER BY a) FROM t"),
        r#"["COMMIT;", "a'; COMMIT; --", "b'; COMMIT;\nc", "tail"]"#
    );
}

/// What may stand around and between the outer BEGIN and COMMIT.
const AROUND: &[&str] = &[
    " -- c\n",
    "\\set x 1\n",
    "\\if true\n",
    "\\if false\n",
    "\\else\n",
    "\\endif\n",
    "SELECT @;",
    "SELECT @ ",
    "SELECT @\\;",
    ";",
    "\\;",
    "\n",
    " \\g\n",
    " \\gx\n",
    "\\r\n",
    "\\p\n",
    "\\q\n",
    "\\echo a \\\\",
    "SELECT '@;@';",
    "COMMIT;",
];

fn wrapped() -> impl Strategy<Value = String> {
    let around = || proptest::collection::vec(proptest::sample::select(AROUND), 0..5);
    let begin = [
        "BEGIN;",
        "BEGIN ",
        "begin work;\n",
        "BEGIN\\;",
        "BEGIN \\g\n",
    ];
    let end = ["COMMIT;", "COMMIT", "end\n;", "COMMIT\\;", "COMMIT \\g\n"];
    let select = |from: [&'static str; 5]| proptest::sample::select(from.to_vec());
    (around(), select(begin), around(), select(end), around()).prop_map(
        |(before, begin, between, end, behind)| {
            marked([before, vec![begin], between, vec![end], behind].concat())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_its_outer_pair_a_script_sends_the_same_queries(script in wrapped()) {
        let read = Script::new(Path::new("/db/a.sql"), script.as_bytes());
        if let Some(pair) = inspect(&read, &[]).outer_pair {
            let marks_of = |sent: &Sent| {
                let found: Vec<_> = sent.queries.iter().map(|query| marks(query)).collect();
                found.into_iter().filter(|found| !found.is_empty()).collect::<Vec<_>>()
            };
            let whole = sent(script.as_bytes());
            let inside = sent(&unwrapped(&read, &pair));
            prop_assert_eq!(marks_of(&whole), marks_of(&inside), "{}", script);
            let has = |word: &str| {
                let mut queries = whole.queries.iter();
                queries.any(|query| query.to_uppercase().contains(word))
            };
            let is_left_open = whole.is_all && has("BEGIN") && !has("COMMIT") && !has("END");
            prop_assert!(!is_left_open, "{}", script);
        }
    }
}
