//! The scanner against what psql does.

use super::*;

/// First words of statements and names of commands, each with its line.
fn outline(script: &str) -> Vec<String> {
    scan(script.as_bytes())
        .into_iter()
        .map(|item| match item {
            Item::Statement(found) => {
                format!(
                    "{} {}",
                    found.line,
                    found.words.first().cloned().unwrap_or_default()
                )
            }
            Item::Command(found) => format!("{} \\{}", found.line, found.name),
        })
        .collect()
}

#[test]
fn statements_end_where_psql_ends_them() {
    assert_eq!(
        outline("SELECT 1;\n\n-- c\nCOMMIT ;BEGIN"),
        ["1 SELECT", "4 COMMIT", "4 BEGIN"]
    );
    assert_eq!(outline(""), Vec::<String>::new());
    assert_eq!(outline(" \n;;\n-- only a comment"), Vec::<String>::new());
}

#[test]
fn what_is_quoted_or_a_comment_is_no_statement() {
    for quoted in [
        "SELECT 'a; COMMIT; ''b'';'",
        r"SELECT E'\'; COMMIT; '",
        "SELECT $$; COMMIT;$$, $a$ $$;COMMIT; $b$ $a$",
        "SELECT 1 AS \"; COMMIT;\"",
        "SELECT 1 /* ; COMMIT; /* nested; */ COMMIT; */",
        "SELECT 1 -- ; COMMIT;\n",
        "SELECT (1; COMMIT)",
        "SELECT :'a;COMMIT', :\"b;COMMIT\", x::text",
        "SELECT $1, a$b$c, d$$e",
    ] {
        assert_eq!(outline(&format!("{quoted};")), ["1 SELECT"], "{quoted}");
    }
}

#[test]
fn a_routine_of_standard_sql_is_one_statement() {
    let body = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC\n\
                SELECT CASE WHEN true THEN 1 END;\nSELECT 2;\nEND;\nCOMMIT;";
    assert_eq!(outline(body), ["1 CREATE", "5 COMMIT"]);
}

#[test]
fn inline_data_is_skipped() {
    let copy = "COPY t (a) FROM stdin WITH (FORMAT csv);\nCOMMIT;\nit's\n\\.\nSELECT 1;";
    assert_eq!(outline(copy), ["1 COPY", "5 SELECT"]);
    let copy = "\\copy t from stdin\nCOMMIT;\n\\.\nSELECT 1;";
    assert_eq!(outline(copy), ["1 \\copy", "4 SELECT"]);
    let wide = format!(
        "COPY t ({}) FROM stdin;\nit's\n:x; COMMIT;\n\\.\nSELECT 1;",
        vec!["c"; 40].join(", ")
    );
    assert_eq!(outline(&wide), ["1 COPY", "5 SELECT"]);
    for start in ["\\copy t from stdin;", "\\copy \"My T\"(a)from stdin"] {
        assert_eq!(
            outline(&format!("{start}\nit's;\n\\.\nSELECT 1;")),
            ["1 \\copy", "4 SELECT"]
        );
    }
    assert_eq!(
        outline("COPY t FROM stdin \\g\nit's; x\n\\.\nSELECT 1;"),
        ["1 COPY", "1 \\g", "4 SELECT"]
    );
    assert_eq!(
        outline("\\echo it's\nCOMMIT;\n\\echo `date\nSELECT 1;"),
        ["1 \\echo", "2 COMMIT", "3 \\echo", "4 SELECT"]
    );
    assert_eq!(
        outline("\\copy t from 'rows.csv'\nSELECT 1;"),
        ["1 \\copy", "2 SELECT"]
    );
}

#[test]
fn what_stands_behind_a_copy_in_its_line_is_no_data() {
    assert_eq!(
        outline("COPY t FROM stdin; COMMIT;\nit's\n\\.\nSELECT 1;"),
        ["1 COPY", "1 COMMIT", "4 SELECT"]
    );
    assert_eq!(
        outline("COPY t FROM stdin; COPY u FROM stdin; SELECT 'a\n1\n\\.\n2\n\\.\nb'; COMMIT;"),
        ["1 COPY", "1 COPY", "1 SELECT", "6 COMMIT"]
    );
    assert_eq!(
        outline("COPY t FROM stdin\\; SELECT 1;\nit's\n\\.\nCOMMIT;"),
        ["1 COPY", "1 SELECT", "4 COMMIT"]
    );
}

#[test]
fn only_what_reads_from_the_script_has_data() {
    for other in [
        "COPY (SELECT * FROM stdin) TO STDOUT",
        "COPY t FROM '/f' WHERE a IS DISTINCT FROM stdin",
        "COPY t (\"from\", stdin) TO 'x'",
        "COPY t FROM PROGRAM 'stdin'",
        "COPY stdin FROM '/f'",
    ] {
        assert_eq!(
            outline(&format!("{other}; COMMIT;")),
            ["1 COPY", "1 COMMIT"]
        );
    }
    for copy in [
        "COPY BINARY t FROM stdin",
        "copy s.\"T\" (a, b) from /* */ stdin csv",
    ] {
        let found = outline(&format!("{copy};\nCOMMIT;\n\\.\n"));
        assert_eq!(found, ["1 COPY"], "{copy}");
    }
}

#[test]
fn strings_may_have_escapes_by_a_setting() {
    let script = "SET standard_conforming_strings = off; SELECT 'a\\';\nSELECT 'b\\'; COMMIT; ';\n\
                  SET SESSION standard_conforming_strings TO 'on';\nSELECT 'c\\'; COMMIT;";
    assert_eq!(
        outline(script),
        [
            "1 SET", "1 SELECT", "2 SELECT", "3 SET", "4 SELECT", "4 COMMIT"
        ]
    );
}

#[test]
fn what_psql_throws_away_or_skips_is_no_statement() {
    assert_eq!(outline("SELECT ( \\r\nCOMMIT;"), ["1 \\r", "2 COMMIT"]);
    assert_eq!(
        outline("SELECT 1; SELECT 2\\; \\echo x\nSELECT 3\\; SELECT \\r\nCOMMIT;"),
        ["1 SELECT", "1 \\echo", "2 \\r", "3 COMMIT"]
    );
    let branches = "\\if :x\nSELECT (\n\\else\nSELECT ((\n\\else\nSELECT (\n\\endif\n1); COMMIT;";
    assert_eq!(outline(branches).last().unwrap(), "8 COMMIT");
    assert_eq!(outline("SELECT 1 -- c\rCOMMIT;"), ["1 SELECT"]);
    assert_eq!(outline("-- c\rCOMMIT;"), ["1 COMMIT"]);
    assert_eq!(outline("SELECT $E'\\'; COMMIT;"), ["1 SELECT"]);
    assert_eq!(
        outline("CREATE VIEW function AS SELECT 1 AS begin; COMMIT;"),
        ["1 CREATE", "1 COMMIT"]
    );
    assert_eq!(outline("\\g | cat \\\\ COMMIT;\nEND;"), ["1 \\g", "2 END"]);
    assert_eq!(
        outline("\\COPY t from stdin;\nit's\n\\.\nCOMMIT;"),
        ["1 \\copy", "4 COMMIT"]
    );
}

#[test]
fn a_semicolon_behind_a_file_is_none_of_its_name() {
    for (script, file) in [
        ("\\i a.sql;", "a.sql"),
        ("\\ir 'a;.sql';;", "a;.sql"),
        ("\\i 'a;'", "a;"),
        ("\\set x a;", "x"),
        ("\\copy t from 'a.csv';", "t"),
    ] {
        let items = scan(script.as_bytes());
        let Item::Command(command) = &items[0] else {
            panic!("{script}");
        };
        assert_eq!(command.arguments[0].literal(), Some(file), "{script}");
    }
}

#[test]
fn meta_commands_and_their_arguments() {
    let items = scan(b"SELECT 1 AS a \\gset\n\\ir 'it''s here.sql'\n\\i :file \\echo `date` x\n");
    let commands: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            Item::Command(command) => Some(command),
            Item::Statement(_) => None,
        })
        .collect();
    let names: Vec<_> = commands
        .iter()
        .map(|command| command.name.as_str())
        .collect();
    assert_eq!(names, ["gset", "ir", "i", "echo"]);
    assert_eq!(commands[1].arguments[0].literal(), Some("it's here.sql"));
    assert_eq!(commands[2].arguments[0].literal(), None);
    assert_eq!(commands[3].arguments[0].literal(), None);
    assert_eq!(commands[3].arguments[1].literal(), Some("x"));
}

#[test]
fn joined_statements_are_told_apart() {
    assert_eq!(
        outline("SELECT 1\\; COMMIT\\; SELECT 2;"),
        ["1 SELECT", "1 COMMIT", "1 SELECT"]
    );
}

#[test]
fn variables_are_found_where_psql_puts_their_values() {
    let script = "SELECT :a, :'b c', :'d', :\"e\", x::text, f(y := 1), z[1:2], z[1:n], \
                  ':q', \"r:s\", $$:t$$, E'\\':u', :{?v}, \\:w, ARRAY[:ids], f('k':v) -- :x\n, /* :y */ 12:30;\n\
                  \\echo :g 'h:i' :'j' Step:done 12:30\n\\set k :l\n\\if :{?m}\n\\i :n/o.sql\n";
    let found: Vec<_> = scan(script.as_bytes())
        .into_iter()
        .flat_map(|item| match item {
            Item::Statement(found) => found.variables,
            Item::Command(found) => found.variables,
        })
        .map(|found| format!("{} {:?} {}", found.line, found.form, found.name))
        .collect();
    assert_eq!(
        found,
        [
            "1 Plain a",
            "1 Quoted d",
            "1 Quoted e",
            "1 Slice n",
            "1 Test v",
            "1 Plain ids",
            "1 Slice v",
            "3 Plain g",
            "3 Quoted j",
            "4 Plain l",
            "5 Test m",
            "6 Plain n"
        ]
    );
}

#[test]
fn an_open_end_is_no_trouble() {
    for script in [
        "SELECT 'a",
        "SELECT $$a",
        "/* a",
        "SELECT (",
        "\\",
        "\\i '",
        "COPY t FROM STDIN;\n1",
        ":",
        "\"",
        "$",
    ] {
        scan(script.as_bytes());
    }
}
