//! The ledger tables: where they are, and what the predecessor has left.

use serde_json::json;

use crate::support::Project;

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
const B: (&str, &str) = ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");

/// A ledger as the predecessor made it, with its first migration applied.
fn predecessor(content_hashed: &str) -> Project {
    let project = Project::with(&[A, B]);
    project.sql(&format!(
        "CREATE TABLE migrations_core (id serial PRIMARY KEY, \
         migration_name varchar(255) NOT NULL UNIQUE, migration_hash varchar(64) NOT NULL, \
         applied_at timestamp NOT NULL DEFAULT current_timestamp, execution_time_ms integer); \
         INSERT INTO migrations_core (migration_name, migration_hash) \
         VALUES ('20240101000000_core_a.sql', md5('{content_hashed}'))"
    ));
    project
}

#[test]
fn the_predecessors_ledger_counts_and_is_only_read_by_status() {
    let project = predecessor("CREATE TABLE a (id int);\n");
    let rows = project
        .nu("migrate status ./db | select state duration | to json")
        .json();
    assert_eq!(
        rows,
        json!([{"state": "applied", "duration": null}, {"state": "pending", "duration": null}])
    );
    assert_eq!(
        project
            .nu("migrate history ./db | get 0.execution_id | describe")
            .text(),
        "nothing"
    );
    assert_eq!(columns(&project), "5");
}

#[test]
fn run_upgrades_the_predecessors_ledger_in_place() {
    let project = predecessor("CREATE TABLE a (id int);\n");
    let before = project.sql("SELECT applied_at::timestamptz FROM migrations_core");
    assert_eq!(
        project.nu("migrate run ./db | get name | to text").text(),
        B.0
    );
    assert_eq!(columns(&project), "11");
    assert_eq!(
        project.sql("SELECT state, execution_id IS NULL FROM migrations_core WHERE id = 1"),
        "applied|t"
    );
    assert_eq!(
        project.sql("SELECT applied_at FROM migrations_core WHERE id = 1"),
        before
    );
    assert_eq!(
        project
            .nu("migrate status ./db | get state | str join ' '")
            .text(),
        "applied applied"
    );
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
}

#[test]
fn a_failed_run_leaves_the_predecessors_ledger_as_it_was() {
    let project = predecessor("CREATE TABLE a (id int);\n");
    project.write("db/20240102000000_core_b.sql", "SELECT nope;\n");
    assert_eq!(project.nu("migrate run ./db").code, Some(1));
    assert_eq!(columns(&project), "5");
}

#[test]
fn the_predecessors_hash_notices_a_change() {
    let project = predecessor("CREATE TABLE something_else (id int);\n");
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "changed"
    );
}

#[test]
fn a_schema_of_its_own_and_another_prefix() {
    let mut project = Project::with(&[A, B]);
    project
        .set("MIGRATE_SCHEMA", "my \"ops\" ü")
        .set("MIGRATE_TABLE_PREFIX", "hist'ory ");
    project.sql("CREATE SCHEMA \"my \"\"ops\"\" ü\"");
    project.nu("migrate run ./db").text();
    assert_eq!(project.tables(), "a b");
    assert_eq!(
        project.sql("SELECT count(*) FROM \"my \"\"ops\"\" ü\".\"hist'ory core\""),
        "2"
    );
    assert_eq!(
        project
            .nu("migrate status ./db | where state == applied | length")
            .text(),
        "2"
    );
}

#[test]
fn tables_that_are_no_ledgers_are_left_alone() {
    let project = Project::with(&[A]);
    project.sql(
        "CREATE TABLE migrations_impl (id int); \
         CREATE TABLE \"migrations_Old\" (migration_name text, migration_hash text)",
    );
    assert_eq!(project.nu("migrate history ./db | length").text(), "0");
    project.nu("migrate run ./db").text();
}

fn columns(project: &Project) -> String {
    project.sql(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'migrations_core'::regclass AND attnum > 0",
    )
}

#[test]
fn validate_says_where_only_line_endings_differ_from_the_predecessors() {
    let project = predecessor("CREATE TABLE a (id int);\r\n");
    let rules = "migrate validate ./db | where rule in [changed line-endings] | select severity rule name | to json -r";
    assert_eq!(
        project.nu(rules).text(),
        format!(
            "[{{\"severity\":\"info\",\"rule\":\"line-endings\",\"name\":\"{}\"}}]",
            A.0
        )
    );
    let project = predecessor("CREATE TABLE a (id int);\n");
    assert_eq!(project.nu(rules).text(), "[]");
}
