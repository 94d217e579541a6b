//! `migrate repair`: the only command that edits ledger rows by hand.

use serde_json::json;

use crate::support::{Project, assert_golden};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
const B: (&str, &str) = ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");

#[test]
fn rehash_accepts_a_changed_file() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (id int); -- reworded\n",
    );
    let rows = project
        .nu("migrate repair ./db --rehash 20240101000000_core_a.sql --dry-run | to json")
        .json();
    let expected =
        json!([{"track": "core", "name": "20240101000000_core_a.sql", "action": "rehash"}]);
    assert_eq!(rows, expected);
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "changed",
        "a dry run"
    );
    assert_eq!(
        project
            .nu("migrate repair ./db --rehash 20240101000000_core_a.sql | to json")
            .json(),
        expected
    );
    assert_eq!(
        project
            .nu("migrate status ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
}

#[test]
fn forget_gives_up_a_missing_file() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db").text();
    project.remove("db/20240102000000_core_b.sql");
    project
        .nu("migrate repair ./db --forget 20240102000000_core_b.sql")
        .text();
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
}

#[test]
fn mark_applied_takes_over_what_is_there_already() {
    let project = Project::with(&[A, B]);
    project.sql("CREATE TABLE a (id int)");
    project
        .nu("migrate repair ./db --mark-applied [20240101000000]")
        .text();
    assert_eq!(
        project.nu("migrate run ./db | get name | str join").text(),
        B.0
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_of_the_order_is_done() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db --steps 1").text();
    let fails = |flags: &str, golden: &str| {
        let output = project.nu(&format!("migrate repair ./db {flags}"));
        assert_eq!(output.code, Some(1), "{flags}: {output:?}");
        assert_golden(
            &format!("error_repair_{golden}"),
            &project.mask(&output.stderr),
        );
    };
    fails("", "nothing");
    fails("--rehash 20240101000000_core_a.sql", "unchanged");
    fails(
        "--mark-applied 20240102000000 --retry 20240101000000",
        "retry_applied",
    );
    fails("--forget typo", "unknown");
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "1");
}

#[test]
fn the_predecessors_ledger_is_upgraded_on_the_way() {
    let project = Project::with(&[A]);
    project.sql(
        "CREATE TABLE migrations_core (id serial PRIMARY KEY, migration_name varchar(255) UNIQUE, \
         migration_hash varchar(64), applied_at timestamp DEFAULT now(), execution_time_ms int); \
         INSERT INTO migrations_core (migration_name, migration_hash) \
         VALUES ('20240101000000_core_a.sql', md5('something else'))",
    );
    project
        .nu("migrate repair ./db --rehash 20240101000000")
        .text();
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
}

#[test]
fn an_empty_name_is_no_name() {
    let project = Project::with(&[A]);
    for name in ["''", "' '", "['20240101000000', '']"] {
        let output = project.nu(&format!("migrate repair ./db --mark-applied {name}"));
        assert!(
            output.stderr.contains("migrate::repair_refused"),
            "{name}: {output:?}"
        );
        assert!(output.stderr.contains("empty name"), "{name}: {output:?}");
    }
    assert_eq!(project.nu("migrate history ./db | length").text(), "0");
}

#[test]
fn without_rights_the_server_is_quoted_and_psql_is_not_blamed() {
    let project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    let role = format!("reader_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON migrations_core TO {role}"
    ));
    let login = format!("$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'");
    let said = |command: &str| project.nu(&format!("{login}; {command}")).stderr;
    let repaired = said("migrate repair ./db --forget 20240101000000");
    project.sql(&format!("REVOKE SELECT ON migrations_core FROM {role}"));
    let read = said("migrate status ./db");
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    for error in [repaired, read] {
        assert!(error.contains("migrate::not_permitted"), "{error}");
        assert!(error.contains("SQLSTATE 42501"), "{error}");
        assert!(!error.contains("PostgreSQL's own"), "{error}");
    }
}
