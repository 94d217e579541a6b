//! Every error the contract names, as the user sees it: whole, with code, state and way out.

use crate::support::server::SERVER;
use crate::support::{Project, assert_golden};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

/// Runs a command that must fail and compares what the user sees.
#[track_caller]
fn fails(project: &Project, script: &str, golden: &str) {
    let output = project.nu(script);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_golden(&format!("error_{golden}"), &project.mask(&output.stderr));
}

#[test]
fn no_such_directory() {
    fails(
        &Project::new(),
        "migrate status ./nowhere",
        "no_such_directory",
    );
}

#[test]
fn not_a_directory() {
    let project = Project::with(&[A]);
    fails(
        &project,
        "migrate status ./db/20240101000000_core_a.sql",
        "not_a_directory",
    );
}

#[test]
fn no_migrations() {
    let project = Project::new();
    project.write("db/README.md", "nothing yet");
    fails(&project, "migrate run ./db", "no_migrations");
}

#[test]
fn bad_names_all_at_once() {
    let project = Project::with(&[
        A,
        ("sub/20240101000000_core_b.sql", ""),
        ("2024_core_short.sql", ""),
        ("20240102000000_core.sql", ""),
        ("20240103000000__no_track.sql", ""),
        ("20240104000000_Core_upper.sql", ""),
        ("20240105000000_core_orphan.nu", ""),
        ("20240106000000_core_orphan.down.sql", ""),
        ("20240107000000_core_loud.SQL", ""),
    ]);
    fails(&project, "migrate run ./db", "bad_names");
}

#[test]
fn unreadable_file() {
    let project = Project::with(&[A]);
    let link = project.path("db/20240102000000_core_gone.sql");
    std::os::unix::fs::symlink("nowhere", link).unwrap();
    fails(&project, "migrate run ./db", "unreadable_file");
}

#[test]
fn bad_directive() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- Adds.\n-- migrate: no-transction\nSELECT 1;\n",
    )]);
    fails(&project, "migrate run ./db", "bad_directive");
}

#[test]
fn unknown_track() {
    fails(
        &Project::with(&[A]),
        "migrate status ./db --track typo",
        "unknown_track",
    );
}

#[test]
fn psql_not_found() {
    let mut project = Project::with(&[A]);
    project.set("PATH", "/nowhere");
    fails(&project, "migrate status ./db", "psql_not_on_path");
    project.set("MIGRATE_PSQL", "/opt/no/psql");
    fails(&project, "migrate status ./db", "psql_not_at_setting");
}

#[test]
fn psql_is_something_else() {
    let mut project = Project::with(&[A]);
    project.set("MIGRATE_PSQL", "/bin/true");
    fails(&project, "migrate status ./db", "psql_is_something_else");
}

#[test]
fn server_unreachable() {
    let mut project = Project::with(&[A]);
    project.set("PGHOST", "127.0.0.1").set("PGPORT", "1");
    let output = project.nu("migrate status ./db");
    assert_golden("error_server_unreachable", &output.stderr);
}

#[test]
fn wrong_password_without_a_prompt() {
    let mut project = Project::with(&[A]);
    project.set("PGPASSWORD", "s3cret-and-wrong");
    let output = project.nu("migrate status ./db");
    assert!(!output.stderr.contains("s3cret"));
    fails(&project, "migrate status ./db", "wrong_password");
    project.unset("PGPASSWORD");
    fails(&project, "migrate status ./db", "no_password");
}

#[test]
fn unknown_database() {
    let project = Project::with(&[A]);
    fails(
        &project,
        "migrate status ./db --database no_such_database",
        "unknown_database",
    );
}

#[test]
fn no_database() {
    let mut project = Project::with(&[A]);
    project.unset("PGDATABASE");
    fails(&project, "migrate run ./db", "no_database");
    fails(
        &project,
        "migrate run ./db --database 'port=5432'",
        "no_database_in_conninfo",
    );
}

#[test]
fn sql_failed() {
    let project = Project::with(&[
        A,
        (
            "core/20240102000000_core_b.sql",
            "CREATE TABLE b (\n  id int\n);\n\nINSERT INTO b (id)\n  SELECT ident\n  FROM b;\nSELECT 1;\n",
        ),
    ]);
    fails(&project, "migrate run ./db", "sql_failed");
    assert_eq!(project.tables(), "");
}

#[test]
fn sql_failed_with_detail_and_hint_in_an_include_and_earlier_groups() {
    let project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "SELECT 1;\n\\ir parts/loop.sql\n",
        ),
        (
            "parts/loop.sql",
            "DO $$ BEGIN\n  RAISE 'no luck'\n    USING DETAIL = 'It is Friday.', HINT = 'Wait.', ERRCODE = 'P0042';\nEND $$;\n",
        ),
    ]);
    fails(
        &project,
        "migrate run ./db --transaction each",
        "sql_failed_in_include",
    );
    assert_eq!(project.tables(), "a migrations_core");
}

#[test]
fn psql_command_failed() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n\\foo\n")]);
    fails(&project, "migrate run ./db", "psql_command_failed");
}

#[test]
fn bad_settings_file() {
    let project = Project::with(&[A]);
    project.write("db/migrate.json", "{\n  \"databse\": \"erp\"\n}\n");
    fails(&project, "migrate status ./db", "settings_unknown_key");
    project.write("db/migrate.json", "{\n  \"database\": 5\n}\n");
    fails(&project, "migrate status ./db", "settings_bad_type");
    project.write("db/migrate.json", "{\n  \"database\": \"${NOT_SET}\"\n}\n");
    fails(&project, "migrate status ./db", "settings_unset_variable");
    project.write("db/migrate.json", "{\n  \"transaction\": \"some\"\n}\n");
    fails(&project, "migrate status ./db", "settings_bad_value");
    fails(
        &project,
        "migrate status ./db --config nowhere.json",
        "settings_not_there",
    );
}

#[test]
fn bad_settings_elsewhere() {
    let mut project = Project::with(&[A]);
    fails(
        &project,
        "migrate run ./db --transaction some",
        "settings_bad_flag",
    );
    fails(
        &project,
        "$env.config.plugins.migrate = {shema: ops}; migrate status ./db",
        "settings_bad_config",
    );
    fails(
        &project,
        "$env.PGHOST = [a b]; migrate status ./db",
        "settings_bad_variable",
    );
    project.set("MIGRATE_LOCK_WAIT", "soon");
    fails(&project, "migrate status ./db", "settings_bad_environment");
}

#[test]
fn bad_flags() {
    let project = Project::with(&[A]);
    fails(&project, "migrate run ./db --to 2024", "flag_to");
    fails(&project, "migrate run ./db --steps (-1)", "flag_steps");
    fails(&project, "migrate run ./db --track Core", "flag_track");
}

#[test]
fn changed_and_missing_files() {
    let project = Project::with(&[A, ("20240102000000_core_b.sql", "SELECT 1;\n")]);
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE other (id int);\n",
    );
    fails(&project, "migrate run ./db", "changed");
    project.write("db/20240101000000_core_a.sql", A.1);
    project.remove("db/20240102000000_core_b.sql");
    fails(&project, "migrate run ./db", "missing");
}

#[test]
fn out_of_order() {
    let project = Project::with(&[("20240102000000_core_b.sql", "SELECT 1;\n")]);
    project.nu("migrate run ./db").text();
    project.write("db/20240101000000_core_a.sql", "SELECT 1;\n");
    fails(&project, "migrate run ./db", "out_of_order");
}

#[test]
fn schema_not_found() {
    let mut project = Project::with(&[A]);
    project.set("MIGRATE_SCHEMA", "typo");
    fails(&project, "migrate status ./db", "schema_not_found");
}

#[test]
fn read_only_database() {
    let project = Project::with(&[A]);
    SERVER.sql(
        "postgres",
        &format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            project.database
        ),
    );
    fails(&project, "migrate run ./db", "read_only");
    project.nu("migrate status ./db").text();
}

#[test]
fn ledger_not_writable() {
    let mut project = Project::with(&[A]);
    let user = format!("{}_user", project.database);
    SERVER.sql(
        "postgres",
        &format!("CREATE ROLE {user} LOGIN PASSWORD 'test'"),
    );
    project.sql("REVOKE CREATE ON SCHEMA public FROM public");
    project.set("PGUSER", &user).set("PGPASSWORD", "test");
    fails(&project, "migrate run ./db", "ledger_not_writable");
    SERVER.sql("postgres", &format!("DROP ROLE {user}"));
}

#[test]
fn bad_description() {
    fails(
        &Project::new(),
        "migrate add ./db '///' --track core",
        "bad_description",
    );
}
