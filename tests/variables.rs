//! psql variables: those that are injected, those of the user, and those that nobody has set.

use serde_json::json;

use crate::support::Project;

const SHOW: &str = "CREATE TABLE IF NOT EXISTS seen (id serial, name text, value text);\n\
    INSERT INTO seen (name, value) VALUES\n\
    ('migration_name', :'migration_name'), ('track_name', :'track_name'),\n\
    ('migration_timestamp', :'migration_timestamp'),\n\
    ('migration_description', :'migration_description'), ('migration_dir', :'migration_dir'),\n\
    ('execution_id', :'execution_id'), ('transaction_mode', :'transaction_mode'),\n\
    ('tool_version', :'tool_version');\n";

#[test]
fn every_migration_knows_what_it_is() {
    let project = Project::with(&[
        ("core/20240101000000_core_it's ü.sql", SHOW),
        (
            "impl/20240102000000_impl_b.sql",
            &format!("-- migrate: no-transaction\n{SHOW}"),
        ),
    ]);
    let id = project.nu("migrate run db --transaction track | get execution_id | uniq | to text");
    assert_eq!(id.text().len(), 36);
    let values = |first: i32| {
        project.sql(&format!(
            "SELECT string_agg(value, '|' ORDER BY id) FROM seen WHERE id BETWEEN {first} AND {}",
            first + 7
        ))
    };
    let folder = |track: &str| project.path("db").join(track).display().to_string();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        values(1),
        format!(
            "20240101000000_core_it's ü.sql|core|20240101000000|it's ü|{}|{}|track|{version}",
            folder("core"),
            id.text()
        )
    );
    assert_eq!(
        values(9),
        format!(
            "20240102000000_impl_b.sql|impl|20240102000000|b|{}|{}|none|{version}",
            folder("impl"),
            id.text()
        )
    );
    assert_eq!(
        project.sql("SELECT count(DISTINCT execution_id) FROM (SELECT execution_id FROM migrations_core UNION ALL SELECT execution_id FROM migrations_impl) AS l"),
        "1"
    );
}

#[test]
fn a_users_value_is_safe_whatever_it_holds() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE seen (value text);\nINSERT INTO seen VALUES (:'value');\n\
         SELECT 1 AS :\"value\" \\g /dev/null\nCREATE TABLE :\"name\" ();\nSELECT :number + 1 AS n \\gset\n\
         INSERT INTO seen VALUES (:n), (:'flag');\n",
    )]);
    for value in [
        "O'Hara",
        "a\\b\\n",
        "two\nlines\r\n",
        "größe ✓ 🐘",
        "",
        "$x :y $$z$$ \"q\" `date` %",
        "\\'; DROP TABLE seen; --",
        " leading and trailing ",
        "\t",
        "'",
        "\"",
        ":'value'",
        "\\",
    ] {
        project.sql("DROP TABLE IF EXISTS seen, \"odd ''\"\" name\", migrations_core");
        let json = json!({"value": value, "name": "odd ''\" name", "number": 4, "flag": true});
        project.write("values.json", json.to_string());
        let output = project.nu("migrate run db --quiet --set (open values.json) | length");
        // An identifier cannot be empty; that is the server's word, not a broken quote.
        if value.is_empty() {
            assert!(
                output.stderr.contains("zero-length delimited identifier"),
                "{}",
                output.stderr
            );
            continue;
        }
        assert_eq!(output.text(), "1", "{value:?}: {}", output.stderr);
        let seen = project.sql("SELECT json_agg(value) FROM seen");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&seen).unwrap(),
            json!([value, "5", "true"]),
            "{value:?}"
        );
    }
}

#[test]
fn nothing_of_one_file_is_seen_by_the_next() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "\\set mine 1\n\\set track_name changed\n\\set tenant changed\n\
             SELECT 5 AS got, 'two\nlines = ''x' AS \"LINES\" \\gset\n\\setenv MINE mine\n\\setenv PAGER changed\n\
             \\setenv GIVEN\n\\pset fieldsep '#'\n\\pset title hello\n",
        ),
        (
            "20240102000000_core_b.sql",
            "\\if :{?mine}\n\\echo mine\n\\endif\n\\if :{?got}\n\\echo got\n\\endif\n\\if :{?LINES}\n\\echo lines\n\\endif\n\
             \\echo :track_name :tenant\n\\getenv mine MINE\n\\if :{?mine}\n\\echo environment\n\\endif\n\
             \\getenv given GIVEN\n\\echo :given\nSELECT 1, 2;\n",
        ),
    ]);
    for mode in ["all", "each"] {
        project.sql("DROP TABLE IF EXISTS migrations_core");
        let output = project.nu(&format!(
            "$env.GIVEN = 'given'; migrate run db --quiet --full --transaction {mode} --set {{tenant: acme}} | get 1.notices | to json -r"
        ));
        assert_eq!(
            output.json(),
            json!(["core acme", "given", "1|2"]),
            "{mode}"
        );
    }
}

#[test]
fn an_unset_variable_is_an_error_with_file_and_line_before_anything_runs() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n"),
        (
            "20240102000000_core_b.sql",
            "SELECT '{1,2}'::int[];\n\nSELECT :'tenant', :tenant_id;\n\\ir more.psql\n",
        ),
        ("more.psql", "SELECT 1;\nSELECT :more;\n"),
    ]);
    assert_eq!(project.code("migrate run db"), "migrate::unset_variable");
    let error = project.nu("migrate run db").stderr;
    for expected in [
        "20240102000000_core_b.sql, line 3: :tenant\n",
        "20240102000000_core_b.sql, line 3: :tenant_id\n",
        "more.psql, line 2: :more\n",
        "--set { tenant: ... }",
        "The database was not changed",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(project.tables(), "");
    let rows = project
        .nu("migrate validate db | select severity rule name line message | to json -r")
        .json();
    let finding = |line: i32, message: &str| {
        json!({"severity": "error", "rule": "unset-variable", "name": "20240102000000_core_b.sql",
               "line": line, "message": message})
    };
    assert_eq!(
        rows,
        json!([
            finding(3, ":tenant is used and has no value"),
            finding(3, ":tenant_id is used and has no value"),
            finding(2, ":more is used and has no value"),
        ])
    );
    let given = "--set {tenant: acme, tenant_id: 5, more: 1}";
    assert_eq!(
        project
            .nu(&format!("migrate validate db {given} | length"))
            .text(),
        "0"
    );
    assert_eq!(
        project
            .nu(&format!("migrate run db --quiet {given} | length"))
            .text(),
        "2"
    );
}

#[test]
fn variables_come_from_every_source_and_the_strongest_wins() {
    let mut project = Project::with(&[("20240101000000_core_a.sql", "\\echo :a :b :c :d\n")]);
    project.set(
        "MIGRATE_VARIABLES",
        r#"{"a": "environment", "b": "environment", "c": "environment", "d": 5}"#,
    );
    project.write(
        "db/migrate.json",
        r#"{"variables": {"a": "file", "b": "file", "c": "${HOME:+x}file"}}"#
            .replace("${HOME:+x}", ""),
    );
    let output = project.nu(
        "$env.config.plugins.migrate = {variables: {a: config, b: config}}\n\
         migrate run db --quiet --full --set {a: flag} | get 0.notices.0",
    );
    assert_eq!(output.text(), "flag config file 5");
}

#[test]
fn a_name_or_a_value_that_psql_cannot_take_is_refused() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    for bad in [
        "{'a b': 1}",
        "{'1a': 1}",
        "{ON_ERROR_STOP: off}",
        "{track_name: x}",
        "{a: [1]}",
        "{a: null}",
        "{a: {|| 1}}",
    ] {
        let error = project.nu(&format!("migrate run db --set {bad}")).stderr;
        assert!(error.contains("migrate::bad_"), "{bad}: {error}");
    }
    assert_eq!(project.tables(), "");
}

#[test]
fn everything_psql_prints_is_live_and_in_the_notices() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE t (id int, name text);\n\\echo from echo\n\\warn from warn\n\
             DO $$ BEGIN RAISE NOTICE 'from notice'; RAISE WARNING 'from warning'; END $$;\n\
             \\copy t from 'rows.csv' csv\nCOPY t FROM stdin;\n3\tinline\n\\.\n\
             SELECT count(*) AS rows, count(*) > 2 AS many FROM t \\gset\n\\if :many\n\\echo :rows rows\n\\else\n\\echo none\n\\endif\n\
             SELECT format('CREATE TABLE made_%s ()', id) FROM t ORDER BY id \\gexec\n\\ir included.psql\n",
        ),
        ("rows.csv", "1,one\n2,\"two, with comma\"\n"),
        ("included.psql", "SELECT 'from include';\n"),
    ]);
    let output = project.nu("migrate run db --full | get 0.notices | to json -r");
    assert_eq!(
        output.json(),
        json!([
            "from echo",
            "3 rows",
            "from include",
            "from warn",
            "from notice",
            "from warning"
        ])
    );
    let (where_it_runs, printed) = output.stderr.split_once('\n').unwrap();
    assert!(
        where_it_runs.starts_with("migrate: applying 1 migration in"),
        "{where_it_runs}"
    );
    let mut live: Vec<_> = printed.lines().collect();
    live.sort_unstable();
    let name = "20240101000000_core_a.sql";
    assert_eq!(
        live,
        [
            "3 rows",
            "from echo",
            "from include",
            "from notice",
            "from warn",
            "from warning"
        ]
        .map(|text| format!("{name}: {text}"))
    );
    assert_eq!(project.tables(), "made_1 made_2 made_3 migrations_core t");
}

#[test]
fn what_is_printed_comes_while_the_file_runs() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "\\echo now\nSELECT pg_sleep(3);\n",
    )]);
    let mut run = project
        .command("migrate run db")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let started = Instant::now();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("migrate: applying 1 migration in"),
        "{line}"
    );
    line.clear();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "20240101000000_core_a.sql: now\n");
    let early = started.elapsed();
    run.wait().unwrap();
    assert!(
        early + Duration::from_secs(2) < started.elapsed(),
        "{early:?}"
    );
}
