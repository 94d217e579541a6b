//! `migrate validate` and requirements: what a run would stumble over is known before.

use serde_json::Value;

use crate::support::Project;

/// The findings, as `[severity, rule, name without its timestamp, line]`.
fn findings(project: &Project, options: &str) -> Vec<(String, String, String, Option<i64>)> {
    let rows = project
        .nu(&format!(
            "migrate validate db --quiet {options} | select severity rule name line | to json -r"
        ))
        .json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let name = text(&row["name"]);
            let name = name.get(15..).unwrap_or(&name).to_owned();
            (
                text(&row["severity"]),
                text(&row["rule"]),
                name,
                row["line"].as_i64(),
            )
        })
        .collect()
}

fn is(
    severity: &str,
    rule: &str,
    name: &str,
    line: impl Into<Option<i64>>,
) -> (String, String, String, Option<i64>) {
    (
        severity.to_owned(),
        rule.to_owned(),
        name.to_owned(),
        line.into(),
    )
}

#[test]
fn everything_wrong_with_files_is_found_at_once() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "SELECT 1;\n"),
        ("20240101000000_impl_a.sql", "SELECT 1;\n"),
        ("core/20240101000000_core_twice.sql", "SELECT 1;\n"),
        ("core/20240230000000_core_nodate.sql", "SELECT 1;\n"),
        (
            "core/20240301000000_core_directive.sql",
            "-- x\n-- migrate: no-transction\nSELECT 1;\n",
        ),
        (
            "core/20240302000000_core_control.sql",
            "SELECT 1;\n\nCOMMIT;\n\\q\n\\c\n",
        ),
        (
            "core/20240303000000_core_alone.sql",
            "CREATE TABLE own ();\nVACUUM own;\nCREATE UNIQUE INDEX CONCURRENTLY i ON own ((1));\n",
        ),
        ("core/20240304000000_core_unset.sql", "SELECT :tenant;\n"),
        (
            "core/20240305000000_core_locks.sql",
            "\\set t invoice\n\nCREATE INDEX i ON invoice (a);\nALTER TABLE :\"t\" ALTER a TYPE text;\n",
        ),
        ("core/20240306000000_core_orphan.nu", ""),
        ("2024_core_x.sql", ""),
    ]);
    project.write(
        "db/core/20240307000000_core_latin.sql",
        b"SELECT 'gr\xf6\xdfe';\n",
    );
    let expected = vec![
        is("error", "bad-name", "-", None),
        is("error", "orphan-companion", "-", None),
        is("error", "duplicate-timestamp", "-", None),
        is("error", "bad-directive", "core_directive.sql", 2),
        is("warning", "no-date", "core_nodate.sql", None),
        is("warning", "mixed-folder", "-", None),
        is("error", "fatal-command", "core_control.sql", 5),
        is("error", "forbidden-command", "core_control.sql", 4),
        is("error", "transaction-control", "core_control.sql", 3),
        is("error", "needs-no-transaction", "core_alone.sql", 2),
        is("error", "needs-no-transaction", "core_alone.sql", 3),
        is("error", "unset-variable", "core_unset.sql", 1),
        is(
            "warning",
            "require-concurrent-index-creation",
            "core_locks.sql",
            3,
        ),
        is("warning", "changing-column-type", "core_locks.sql", 4),
        is("warning", "not-utf8", "core_latin.sql", None),
    ];
    project.sql("CREATE TABLE invoice AS SELECT generate_series(1, 100000) AS a");
    for options in ["", "--offline"] {
        let mut found = findings(&project, options);
        let mut expected = expected.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{options}");
    }
    assert_eq!(project.tables(), "invoice");
    // All of it but the directive's file belongs to core.
    let rows = project.nu("migrate validate db --offline --strict");
    assert!(rows.stderr.contains("migrate::invalid"), "{}", rows.stderr);
    assert!(
        rows.stderr.contains("10 errors were found"),
        "{}",
        rows.stderr
    );
}

#[test]
fn what_the_ledgers_say_is_found_too() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE a (id int);\n",
        ),
        ("core/20240102000000_core_b.sql", "SELECT 1;\n"),
        ("core/20240104000000_core_d.sql", "SELECT 1;\n"),
        (
            "impl/20240101000000_impl_a.sql",
            "-- migrate: no-transaction\nSELECT 1;\nSELECT nope;\n",
        ),
    ]);
    project
        .nu("migrate run db --track core --quiet | ignore")
        .text();
    project.nu("try { migrate run db --quiet | ignore }").text();
    project.write("db/core/20240101000000_core_a.sql", "SELECT 2;\n");
    project.remove("db/core/20240102000000_core_b.sql");
    project.write("db/core/20240103000000_core_c.sql", "SELECT 1;\n");
    project.sql("INSERT INTO a VALUES (1), (1)");
    project.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'migrations_core_pkey'::regclass");
    let mut found = findings(&project, "");
    found.sort();
    assert_eq!(
        found,
        [
            is("error", "changed", "core_a.sql", None),
            is("error", "missing", "core_b.sql", None),
            is("error", "out-of-order", "core_c.sql", None),
            is("error", "unfinished", "impl_a.sql", None),
            is("warning", "invalid-index", "-", None),
        ]
    );
    assert_eq!(findings(&project, "--track impl").len(), 2);
    project.write("db/core/20240230000000_core_nodate.sql", "SELECT 1;\n");
    assert_eq!(
        findings(&project, "--track impl").len(),
        2,
        "no-date is about core"
    );
    // Every finding says what to do.
    let helpless = project.nu("migrate validate db | where ($it.help | is-empty) | length");
    assert_eq!(helpless.text(), "0");
    assert_eq!(
        project.code("migrate validate db --strict"),
        "migrate::invalid"
    );
}

#[test]
fn a_file_can_silence_a_rule_by_its_name() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: allow ban-drop-table\nDROP TABLE IF EXISTS x;\nDROP TYPE IF EXISTS y;\n",
        ),
        ("20240102000000_core_b.sql", "DROP TABLE IF EXISTS x;\n"),
    ]);
    project.sql("CREATE TYPE y AS (); CREATE TABLE x AS SELECT generate_series(1, 100000) AS a");
    assert_eq!(
        findings(&project, ""),
        [
            is("warning", "ban-drop-table", "core_b.sql", 1),
            is("warning", "ban-drop-type", "core_a.sql", 3),
        ]
    );
    assert_eq!(
        project.nu("migrate validate db --strict | length").text(),
        "2",
        "warnings are no errors"
    );
    project.write(
        "db/20240102000000_core_b.sql",
        "-- migrate: allow ban-drop-tabel\n",
    );
    assert_eq!(project.code("migrate run db"), "migrate::bad_directive");
}

#[test]
fn nothing_wrong_is_an_empty_table() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE a (id bigint);\nCREATE INDEX ON a (id);\n",
    )]);
    assert_eq!(findings(&project, ""), []);
    project.nu("migrate run db | ignore").text();
    assert_eq!(findings(&project, "--strict"), []);
}

#[test]
fn requirements_order_the_plan_across_tracks() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "CREATE TABLE a ();\n"),
        (
            "20240102000000_core_b.sql",
            "-- migrate: requires impl/20240101000000\nALTER TABLE i ADD b int;\n",
        ),
        ("20240101000000_acme_a.sql", "SELECT 1;\n"),
        ("20240101000000_impl_a.sql", "CREATE TABLE i ();\n"),
    ]);
    let order =
        project.nu("migrate run db --dry-run | get name | str substring 15.. | str join ' '");
    assert_eq!(order.text(), "core_a.sql impl_a.sql core_b.sql acme_a.sql");
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "4");
}

#[test]
fn an_unmet_requirement_stops_before_any_sql_and_names_what_is_missing() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "-- migrate: requires impl/20240101000000\nCREATE TABLE a ();\n",
        ),
        ("impl/20240101000000_impl_a.sql", "CREATE TABLE i ();\n"),
    ]);
    for options in ["--track core", "db/core"] {
        let directory = if options.starts_with('-') {
            format!("db {options}")
        } else {
            options.to_owned()
        };
        let error = project.nu(&format!("migrate run {directory}")).stderr;
        assert!(error.contains("migrate::unmet_requirement"), "{error}");
        assert!(
            error.replace("\n  | ", " ").contains(
                "requires impl/20240101000000, which is neither applied nor part of this plan"
            ),
            "{error}"
        );
    }
    assert_eq!(project.tables(), "");
    // Once the other party is there, a part of the tree is enough.
    project.nu("migrate run db/impl --quiet | ignore").text();
    assert_eq!(
        project.nu("migrate run db/core --quiet | length").text(),
        "1"
    );
}

#[test]
fn requirements_that_go_in_a_circle_are_named() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: requires impl/20240101000000\n",
        ),
        (
            "20240101000000_impl_a.sql",
            "-- migrate: requires core/20240101000000\n",
        ),
    ]);
    assert_eq!(project.code("migrate run db"), "migrate::unmet_requirement");
    let found = findings(&project, "");
    assert!(
        found.contains(&is("error", "circular-requirement", "core_a.sql", None)),
        "{found:?}"
    );
}

#[test]
fn every_rule_is_in_the_reference() {
    let reference = include_str!("../docs/reference.md");
    for rule in nu_plugin_migrate::testing::Rule::all() {
        let name = rule.name();
        let row = reference
            .lines()
            .any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        assert!(row, "`{name}` has no row in the reference's table of rules");
    }
}

#[test]
fn a_changed_include_is_told_from_a_changed_file() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "\\ir ../shared/one.psql\n\\ir two.psql\n",
        ),
        ("shared/one.psql", "SELECT 1;\n"),
        ("core/two.psql", "SELECT 2;\n"),
        ("core/20240102000000_core_b.sql", "SELECT 1;\n"),
    ]);
    project.nu("migrate run db --quiet | ignore").text();
    let changes = || {
        project
            .nu("migrate status db | get changes | each {|files| $files | default '' | split row ', ' | each { path basename } | str join ' ' } | to json -r")
            .text()
            .to_owned()
    };
    assert_eq!(changes(), r#"["",""]"#);
    project.write("db/shared/one.psql", "SELECT 3;\n");
    assert_eq!(changes(), r#"["one.psql",""]"#);
    let error = project.nu("migrate run db").stderr;
    assert!(
        error.contains("migrate::changed") && error.contains("one.psql"),
        "{error}"
    );
    assert_eq!(
        findings(&project, ""),
        [is("error", "changed-include", "core_a.sql", None)]
    );
    project.write(
        "db/core/20240101000000_core_a.sql",
        "\\ir ../shared/one.psql\n",
    );
    assert_eq!(
        changes(),
        r#"["20240101000000_core_a.sql one.psql two.psql",""]"#
    );
    project.write("db/core/20240102000000_core_b.sql", "SELECT 2;\n");
    assert_eq!(
        changes(),
        r#"["20240101000000_core_a.sql one.psql two.psql","20240102000000_core_b.sql"]"#
    );
    // Taken as it is now, it is unchanged again.
    project
        .nu("migrate repair db --rehash [20240101000000_core_a.sql 20240102000000_core_b.sql]")
        .text();
    assert_eq!(changes(), r#"["",""]"#);
}

#[test]
fn a_ledger_of_an_earlier_version_is_read_and_brought_up_to_date() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "SELECT 1;\n"),
        (
            "20240102000000_core_b.sql",
            "-- migrate: no-transaction\nSELECT nope;\n",
        ),
    ]);
    project.nu("try { migrate run db --quiet | ignore }").text();
    project.sql("ALTER TABLE migrations_core DROP COLUMN parts, DROP COLUMN objects");
    assert_eq!(
        project
            .nu("migrate status db | get state | to json -r")
            .text(),
        r#"["applied","failed"]"#
    );
    assert_eq!(
        project
            .nu("migrate history db | get execution_id | where ($it | is-empty) | length")
            .text(),
        "0"
    );
    project.write(
        "db/20240102000000_core_b.sql",
        "-- migrate: no-transaction\nSELECT 1;\n",
    );
    project
        .nu("migrate repair db --retry 20240102000000_core_b.sql")
        .text();
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "1");
    assert_eq!(project.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'migrations_core'::regclass AND attname = 'parts'"), "1");
}

#[test]
fn the_help_of_a_finding_can_be_typed_as_it_is() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    project.nu("migrate run ./db | ignore").text();
    project.write("db/20240101000000_core_a.sql", "SELECT 2;\n");
    let help = project.nu("migrate validate ./db | where rule == changed | get 0.help");
    assert!(
        help.text()
            .contains("`migrate repair ./db --rehash 20240101000000_core_a.sql`"),
        "{help:?}"
    );
    project.remove("db/20240101000000_core_a.sql");
    project.write("db/20240102000000_core_b.sql", "SELECT 1;\n");
    let helps = project.nu("migrate validate ./db | get help | compact | str join");
    assert!(!helps.text().contains("DIR"), "{helps:?}");
    assert!(
        helps
            .text()
            .contains("migrate repair ./db --forget 20240101000000_core_a.sql"),
        "{helps:?}"
    );
}
