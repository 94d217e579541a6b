//! The helpers for validation scripts: each passes and fails against a real database, in a late
//! script as in an interactive nushell, and says what it expected and what it found.

use std::path::Path;

use crate::support::Project;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/nu/migrate/checks.nu");

/// A database with a little of everything.
const TABLES: &str = r#"
    CREATE SCHEMA sales;
    CREATE TABLE customer (id int PRIMARY KEY, email varchar(200), "Odd ""Name" text);
    INSERT INTO customer VALUES (1, 'a@x'), (2, NULL), (3, 'a@x');
    CREATE TABLE sales."Über Tabelle" (id int);
    CREATE TABLE migrations_impl (
        id int, migration_name text, migration_hash text, applied_at timestamptz,
        execution_time_ms bigint, state text);
    INSERT INTO migrations_impl (migration_name, state) VALUES
        ('20231201130000_impl_a.sql', 'applied'), ('20231202130000_impl_b.sql', 'failed');
    CREATE TABLE migrations_legacy (
        id int, migration_name text, migration_hash text, applied_at timestamp,
        execution_time_ms bigint);
    INSERT INTO migrations_legacy (migration_name) VALUES ('20231201130000_legacy_a.sql');
"#;

/// A check that passes, one that does not, and what that says.
const CHECKS: [(&str, &str, &str); 18] = [
    (
        "require-table customer",
        "require-table custmer",
        "expected the table custmer; found customer, migrations_impl, migrations_legacy",
    ),
    (
        "require-table 'sales.\"Über Tabelle\"'",
        "require-table sales.tabelle",
        "expected the table sales.tabelle; found",
    ),
    (
        "require-column customer email",
        "require-column customer mail",
        "expected the column mail in customer; found id, email, Odd \"Name",
    ),
    (
        "require-column customer email --type 'character varying(200)'",
        "require-column customer email --type text",
        "expected customer.email to be text; found character varying(200)",
    ),
    (
        "require-column customer 'Odd \"Name'",
        "require-column nowhere id",
        "expected the table nowhere; found",
    ),
    (
        "require-schema sales",
        "require-schema sale",
        "expected the schema sale; found public, sales",
    ),
    (
        "require-extension plpgsql; require-schema pg_catalog; require-role pg_monitor",
        "require-extension plpgsq",
        "expected the extension plpgsq; found plpgsql",
    ),
    (
        "require-role (query 'SELECT current_user AS name').0.name",
        "require-role nobody-known",
        "expected the role nobody-known; found",
    ),
    (
        "require-migration impl 20231201130000",
        "require-migration impl 20231203130000",
        "found no such migration; the newest that is applied is 20231202130000",
    ),
    (
        "require-migration legacy '20231201130000'",
        "require-migration impl 20231202130000",
        "found it failed",
    ),
    (
        "require-migration impl 20231201130000",
        "require-migration acme 20231201130000",
        "found no ledger of that track",
    ),
    (
        "require-empty 'sales.\"Über Tabelle\"'",
        "require-empty customer",
        "expected customer to be empty; found 3 rows",
    ),
    (
        "require-rows customer",
        "require-rows 'sales.\"Über Tabelle\"'",
        "expected at least 1 rows in sales.\"Über Tabelle\"; found 0",
    ),
    (
        "require-rows customer --at-least 3",
        "require-rows customer --at-least 4",
        "expected at least 4 rows in customer; found 3",
    ),
    (
        "require-not-null customer id",
        "require-not-null customer email",
        "expected no NULL in customer.email; found 1",
    ),
    (
        "require-unique customer [id]; require-unique customer [email 'Odd \"Name']",
        "require-unique customer [email]",
        "expected unique email in customer; found {email: a@x, \"how often\": 2}",
    ),
    (
        "require-server-version 12",
        "require-server-version 99",
        "expected PostgreSQL 99 or later; found",
    ),
    (
        "query 'SELECT 1 AS a' | ignore",
        "query 'SELECT nope'",
        "column \"nope\" does not exist",
    ),
];

/// A script that says for each check whether it passed, and what it said.
fn script() -> String {
    let mut script = String::new();
    for (good, bad, _) in CHECKS {
        script += &format!("try {{ {good}; print ok }} catch {{|error| print $error.msg }}\n");
        script += &format!("try {{ {bad}; print ok }} catch {{|error| print $error.msg }}\n");
    }
    script
}

#[track_caller]
fn as_expected(said: &str) {
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), CHECKS.len() * 2, "{said}");
    for (pair, (good, bad, expected)) in lines.chunks(2).zip(CHECKS) {
        assert_eq!(pair[0], "ok", "{good}");
        assert!(pair[1].contains(expected), "{bad}: {}", pair[1]);
    }
}

#[test]
fn in_any_nushell() {
    let project = Project::new();
    project.sql(TABLES);
    as_expected(
        project
            .nu(&format!("use '{MODULE}' *\n{}", script()))
            .text(),
    );
}

#[test]
fn in_a_late_script_about_uncommitted_tables() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", TABLES),
        ("20240102000000_core_b.sql", "SELECT 1;\n"),
    ]);
    project.write(
        "db/20240102000000_core_b.nu",
        format!("# migrate: late\nuse migrate/checks.nu *\n{}", script()),
    );
    let output = project.nu("migrate run db --quiet --full | get 1.validation.0.output | to text");
    // The ledger of core is a table, too.
    let said = output
        .text()
        .replace("customer, migrations_core, ", "customer, ");
    as_expected(&said);
}

#[test]
fn a_query_gives_a_table_with_types() {
    let project = Project::new();
    let ask = |query: &str| {
        let output = project.nu(&format!("use '{MODULE}' *\n{query}"));
        output.text().to_owned()
    };
    assert_eq!(
        ask("query \"SELECT 1 AS i, 2.5::numeric AS n, true AS b, 'it''s' AS s, NULL AS z,
              now() AS t, date '2024-01-02' AS d, timestamp '2024-01-02 03:04:05' AS l,
              ARRAY[1,2] AS a, '{\\\"x\\\": {\\\"y\\\": 1}}'::jsonb AS j -- the end\" \
             | first | items {|name, value| $\"($name) ($value | describe | split row '<' | first)\" } | str join ', '"),
        "i int, n float, b bool, s string, z nothing, t datetime, d datetime, l datetime, a list, j record"
    );
    assert_eq!(
        ask(
            "query \"SELECT timestamp '2024-01-02 03:04:05' AS l, date '2024-01-02' AS d, 'infinity'::timestamptz AS f\" \
             | update l {|r| $r.l | format date '%FT%T%z' } | update d {|r| $r.d | format date '%FT%T%z' } | first | to json -r"
        ),
        r#"{"l":"2024-01-02T03:04:05+0000","d":"2024-01-02T00:00:00+0000","f":"infinity"}"#
    );
    assert_eq!(ask("query 'SELECT 1 AS a WHERE false;' | to json -r"), "[]");
    assert_eq!(
        ask("query 'SELECT ARRAY[now()] AS a' | get 0.a | describe"),
        "list<string>"
    );
    // A moment survives the way there and back, whatever time zone the server thinks in.
    assert_eq!(
        ask(
            "$env.PGTZ = 'America/New_York'; let t = 2024-03-04T05:06:07.5+05:00\n\
             query \"SELECT :'x'::timestamptz AS x\" {x: $t} | get 0.x | $in == $t"
        ),
        "true"
    );
    assert_eq!(
        ask(
            "query \"SELECT :'d'::interval = '90 minutes' AS d, :'f'::int AS f\" {d: 1.5hr, f: 5kb} | to json -r"
        ),
        r#"[{"d":true,"f":5000}]"#
    );
    let null = project.nu(&format!("use '{MODULE}' *\nquery 'SELECT 1' {{x: null}}"));
    assert!(
        null.stderr.contains("the value of x is a nothing"),
        "{}",
        null.stderr
    );
    assert_eq!(
        ask("query 'VALUES (1), (2)' | get column1 | to json -r"),
        "[1,2]"
    );
}

#[test]
fn values_are_quoted_whatever_they_hold() {
    let project = Project::new();
    for value in [
        "O'Hara",
        "a\\b",
        "two\nlines",
        "größe ✓",
        "",
        "$x :y $$z$$ \"q\"",
        "\\'; DROP",
    ] {
        let literal = serde_json::to_string(value).unwrap();
        let output = project.nu(&format!(
            "use '{MODULE}' *\nlet value = '{}' | from json\n\
             query \"SELECT :'v' AS v, :n + 1 AS n, :'t' AS t\" {{v: $value, n: 4, t: true}} | first | $in == {{v: $value, n: 5, t: 'true'}}",
            literal.replace('\'', "\\u0027")
        ));
        assert_eq!(output.text(), "true", "{value}: {}", output.stderr);
    }
}

#[test]
fn every_helper_is_documented_and_its_examples_parse() {
    let project = Project::new();
    let output = project.nu(&format!(
        "use '{MODULE}' *\n\
         scope modules | where name == checks | get 0.commands.name | each {{|name|\n\
             let found = scope commands | where name == $name | first\n\
             {{name: $name, description: $found.description, examples: ($found.examples | get example)}}\n\
         }} | to json -r"
    ));
    let helpers = output.json();
    let helpers = helpers.as_array().unwrap();
    assert_eq!(helpers.len(), 12);
    for helper in helpers {
        let name = helper["name"].as_str().unwrap();
        assert!(
            !helper["description"].as_str().unwrap().is_empty(),
            "{name}"
        );
        let examples = helper["examples"].as_array().unwrap();
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            let example = example.as_str().unwrap();
            let parsed = project.nu(&format!("use '{MODULE}' *\ndef never [] {{ {example} }}"));
            assert_eq!(parsed.code, Some(0), "{example}: {}", parsed.stderr);
        }
    }
    assert!(Path::new(MODULE).exists());
}

#[test]
fn an_error_points_at_the_script_and_not_into_the_helpers() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    for check in [
        "require-table nonesuch",
        "require-column nonesuch x",
        "require-rows nonesuch",
        "require-empty nonesuch",
        "require-not-null nonesuch x",
        "require-unique nonesuch [x]",
        "require-unique nonesuch []",
        "require-migration core 20230101000000",
        "query 'SELECT nope'",
    ] {
        project.write(
            "db/20240101000000_core_a.nu",
            format!("use migrate/checks.nu *\n\n{check}\n"),
        );
        let finding = project.nu("migrate validate db --quiet --full | where severity == error | first | [$in.line ($in.detail | str contains 'core_a.nu:3:')] | to json -r");
        assert_eq!(finding.text(), "[3,true]", "{check}: {}", finding.stderr);
    }
}
