//! Files with transactions of their own, groups, and steps outside of any transaction.

use serde_json::json;

use crate::support::{Project, assert_golden};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

#[test]
fn transaction_control_is_refused_before_anything_runs() {
    let project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "SELECT 'COMMIT;';\nBEGIN;\nSELECT 1;\nCOMMIT;\n",
        ),
        (
            "20240103000000_core_c.sql",
            "\\ir parts/c.sql\n\\c other\n\\prompt 'x' x\n",
        ),
        ("parts/c.sql", "SELECT 1;\nROLLBACK;\n"),
    ]);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1));
    assert_golden("error_forbidden", &project.mask(&output.stderr));
    assert_eq!(project.tables(), "");
    assert_eq!(
        project.code("migrate run ./db --dry-run"),
        "migrate::forbidden"
    );
}

#[test]
fn applied_files_are_not_judged_again() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n",
    )]);
    project
        .nu("migrate repair ./db --mark-applied 20240101000000")
        .text();
    project.write("db/20240102000000_core_b.sql", "SELECT 1;\n");
    assert_eq!(project.nu("migrate run ./db | length").text(), "1");
}

#[test]
fn unwrapped_files_share_the_transaction() {
    let wrapped = "-- ü\nBEGIN;\n\\ir parts/b.sql\nCREATE TABLE b2 (id int);\nCOMMIT;\n";
    let mut project = Project::with(&[
        A,
        ("20240102000000_core_b.sql", wrapped),
        ("parts/b.sql", "CREATE TABLE b1 (id int);\n"),
        ("20240103000000_core_c.sql", "SELECT nope;\n"),
    ]);
    project.set("MIGRATE_TRANSACTION_CONTROL", "unwrap");
    assert_eq!(project.code("migrate run ./db"), "migrate::sql_failed");
    assert_eq!(project.tables(), "", "all or nothing");

    project.remove("db/20240103000000_core_c.sql");
    assert_eq!(
        project
            .nu("migrate run ./db | get group | uniq | to json")
            .json(),
        json!([1])
    );
    assert_eq!(project.tables(), "a b1 b2 migrations_core");
    project.unset("MIGRATE_TRANSACTION_CONTROL");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
}

#[test]
fn an_error_in_an_unwrapped_file_names_the_original_and_its_line() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- migrate: transaction-control unwrap\nBEGIN;\n\nSELECT\n  nope;\nCOMMIT;\n",
    )]);
    let output = project.nu("migrate run ./db");
    assert!(
        output.stderr.contains("20240101000000_core_a.sql, line 5:"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains(">   5 |   nope;") || output.stderr.contains("> 5 |   nope;"),
        "{}",
        output.stderr
    );
}

#[test]
fn separate_files_run_as_they_are_in_a_group_of_their_own() {
    let mut project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\nCREATE TABLE b2 (id int);\n",
        ),
        ("20240103000000_core_c.sql", "CREATE TABLE c (id int);\n"),
    ]);
    project.set("MIGRATE_TRANSACTION_CONTROL", "separate");
    assert_eq!(
        project
            .nu("migrate run ./db --dry-run | get group | to json")
            .json(),
        json!([1, 2, 3])
    );
    assert_eq!(
        project.code("migrate run ./db --atomic"),
        "migrate::not_atomic"
    );
    assert_eq!(
        project
            .nu("migrate run ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
    assert_eq!(project.tables(), "a b b2 c migrations_core");
}

#[test]
fn an_enum_value_ends_its_group() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TYPE mood AS ENUM ('sad');\n",
        ),
        (
            "20240102000000_core_b.sql",
            "DO $$ BEGIN EXECUTE 'ALTER TYPE mood ADD VALUE ''ok'''; END $$;\n",
        ),
        (
            "20240103000000_core_c.sql",
            "CREATE TABLE c (m mood DEFAULT 'ok');\n",
        ),
    ]);
    assert_eq!(
        project.nu("migrate run ./db | get group | to json").json(),
        json!([1, 1, 2])
    );
}

#[test]
fn a_step_outside_a_transaction() {
    let project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nSELECT pg_sleep(0.02);\n",
        ),
        ("20240103000000_core_c.sql", "CREATE TABLE c (id int);\n"),
    ]);
    let rows = project.nu("migrate run ./db | select group state duration | to json");
    let rows = rows.json();
    let found = rows.as_array().unwrap().iter();
    let found: Vec<_> = found
        .map(|row| json!([row["group"], row["state"]]))
        .collect();
    assert_eq!(
        json!(found),
        json!([[1, "applied"], [2, "applied"], [3, "applied"]])
    );
    assert!(rows[1]["duration"].as_i64() >= Some(20_000_000), "{rows}");
    assert_eq!(
        project.sql("SELECT count(*) FROM migrations_core WHERE state = 'applied'"),
        "3"
    );
}

#[test]
fn a_statement_that_needs_no_transaction_is_told_the_directive() {
    let project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "CREATE INDEX CONCURRENTLY a_id ON a (id);\n",
        ),
    ]);
    let output = project.nu("migrate run ./db");
    assert_golden("error_needs_no_transaction", &project.mask(&output.stderr));
}

/// A step outside a transaction that fails half of the way.
fn half_done() -> Project {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: no-transaction\nCREATE TABLE half (id int);\nSELECT nope;\n",
        ),
        ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n"),
    ]);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1));
    assert_golden("error_half_done", &project.mask(&output.stderr));
    project
}

#[test]
fn a_failed_step_is_recorded_and_blocks_until_it_is_retried() {
    let project = half_done();
    assert_eq!(project.tables(), "half migrations_core");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | to json")
            .json(),
        json!(["failed", "pending"])
    );
    assert!(
        project
            .sql("SELECT error FROM migrations_core")
            .contains("nope")
    );
    let output = project.nu("migrate run ./db");
    assert_golden("error_unfinished", &project.mask(&output.stderr));

    project.sql("DROP TABLE half");
    project.write(
        "db/20240101000000_core_a.sql",
        "-- migrate: no-transaction\nCREATE TABLE half (id int);\n",
    );
    project
        .nu("migrate repair ./db --retry 20240101000000_core_a.sql")
        .text();
    assert_eq!(project.nu("migrate run ./db | length").text(), "2");
}

#[test]
fn a_failed_step_may_be_completed_by_hand() {
    let project = half_done();
    project
        .nu("migrate repair ./db --mark-applied 20240101000000_core_a")
        .text();
    assert_eq!(
        project.nu("migrate run ./db | get name | str join").text(),
        "20240102000000_core_b.sql"
    );
}

#[test]
fn an_invalid_index_is_a_failure() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE t (id int);\nINSERT INTO t VALUES (1), (1);\n",
        ),
        (
            "20240102000000_core_b.sql",
            "-- migrate: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_id ON t (id);\n",
        ),
    ]);
    let output = project.nu("migrate run ./db");
    assert!(
        output.stderr.contains("migrate::sql_failed"),
        "{}",
        output.stderr
    );
    // Its lines are broken where the screen ends.
    let words: Vec<_> = output.stderr.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("DROP INDEX CONCURRENTLY IF EXISTS t_id"),
        "{}",
        output.stderr
    );
    project
        .nu("migrate repair ./db --retry 20240102000000")
        .text();
    // The index is there now, invalid, and IF NOT EXISTS passes over it.
    assert_eq!(project.code("migrate run ./db"), "migrate::invalid_index");
    assert_eq!(
        project.nu("migrate status ./db | get 1.state").text(),
        "failed"
    );
}

#[test]
fn a_transaction_left_open_is_a_failure() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- migrate: no-transaction\nBEGIN;\nCREATE TABLE open (id int);\n",
    )]);
    assert_eq!(
        project.code("migrate run ./db"),
        "migrate::transaction_open"
    );
    assert_eq!(project.tables(), "migrations_core");
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "failed"
    );
}

#[test]
fn a_changed_include_is_a_changed_migration() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "\\ir parts/a.sql\n"),
        ("parts/a.sql", "\\ir b.sql\n"),
        ("parts/b.sql", "SELECT 1;\n"),
    ]);
    project.nu("migrate run ./db").text();
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "applied"
    );
    project.write("db/parts/b.sql", "SELECT 2;\n");
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "changed"
    );
}

#[test]
fn a_transaction_that_a_file_prepares_is_named() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n"),
        (
            "20240102000000_core_b.sql",
            "CREATE TABLE b (id int);\n\
             SELECT format('PREPARE TRANSACTION %L', 'it''s ' || current_database()) \\gexec\n",
        ),
    ]);
    if project.sql("SHOW max_prepared_transactions") == "0" {
        return;
    }
    let said = project.nu("migrate run ./db").stderr;
    let name = format!("'it''s {}'", project.database);
    let words = said.split_whitespace().filter(|word| *word != "|");
    let said = words.collect::<Vec<_>>().join(" ");
    assert!(said.contains("migrate::transaction_ended"), "{said}");
    assert!(said.contains(&format!("PREPARED as {name}")), "{said}");
    assert!(
        said.contains(&format!("ROLLBACK PREPARED {name}")),
        "{said}"
    );
    project.sql(&format!("ROLLBACK PREPARED {name}"));
    assert_eq!(project.tables(), "");
}
