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
    assert_eq!(columns(&project), "12");
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

/// A role that may log in and read and write everything, and what makes nu use it.
fn another_user(project: &Project, name: &str) -> (String, String) {
    let role = format!("{name}_{}", std::process::id());
    project.sql(&format!(
        "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'x'; \
         GRANT ALL ON SCHEMA public TO {role}"
    ));
    let login = format!("$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'");
    (role, login)
}

fn drop_user(project: &Project, role: &str) {
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn row_level_security_does_not_make_a_history_pending() {
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db").text();
    let (role, login) = another_user(&project, "secured");
    project.sql(&format!(
        "GRANT ALL ON migrations_core TO {role}; ALTER TABLE migrations_core ENABLE ROW LEVEL SECURITY"
    ));
    for command in ["status", "history", "run", "validate"] {
        let output = project.nu(&format!("{login}; migrate {command} ./db"));
        assert!(
            output.stderr.contains("migrate::ledger_unreadable")
                && output.stderr.contains("row level security"),
            "{command}: {output:?}"
        );
    }
    let other = project.nu(&format!(
        "{login}; migrate history ./db --track impl | length"
    ));
    assert_eq!(other.text(), "0", "what nobody asks for may be hidden");
    drop_user(&project, &role);
}

#[test]
fn a_ledger_that_a_trigger_changes_is_not_believed() {
    let project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    let trigger = |time: &str, body: &str| {
        project.sql(&format!(
            "CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; \
             DROP TRIGGER IF EXISTS meddle ON migrations_core; \
             CREATE TRIGGER meddle {time} ON migrations_core FOR EACH ROW EXECUTE FUNCTION meddle()"
        ));
    };
    let refused = |command: &str| {
        let error = project.nu(command).stderr;
        assert!(
            error.contains("migrate::ledger_failed"),
            "{command}: {error}"
        );
        assert_eq!(
            project.sql("SELECT count(*) FROM migrations_core"),
            "1",
            "{command}"
        );
    };
    let late = "UPDATE migrations_core SET migration_hash = 'x' WHERE id = NEW.id; RETURN NULL;";
    let meddlers = [
        ("BEFORE INSERT", "NEW.migration_hash := 'x'; RETURN NEW;"),
        (
            "BEFORE INSERT OR UPDATE",
            "NEW.state := 'failed'; RETURN NEW;",
        ),
        ("AFTER INSERT", late),
    ];
    for (time, body) in meddlers {
        trigger(time, body);
        project.write(&format!("db/{}", B.0), B.1);
        refused("migrate run ./db");
        project.write(
            &format!("db/{}", B.0),
            "-- migrate: no-transaction\nCREATE TABLE b (id int);\n",
        );
        refused("migrate run ./db");
        assert_eq!(project.tables(), "a migrations_core", "{time}");
        if time != "BEFORE INSERT OR UPDATE" {
            refused("migrate repair ./db --mark-applied 20240102000000");
        }
    }
    trigger("BEFORE DELETE", "RETURN NULL;");
    refused("migrate repair ./db --forget 20240101000000");
}

#[test]
fn a_history_that_makes_an_earlier_schema_of_the_path_goes_on() {
    let mut project = Project::with(&[("20240101000000_core_a.sql", "CREATE SCHEMA erp;\n"), B]);
    project.set("PGOPTIONS", "-c search_path=erp,public");
    project.nu("migrate run ./db --steps 1").text();
    assert_eq!(
        project.nu("migrate run ./db | get name | to text").text(),
        B.0
    );
    assert_eq!(
        project.sql("SELECT count(*) FROM public.migrations_core"),
        "2"
    );
    assert_eq!(project.sql("SELECT to_regclass('erp.b') IS NOT NULL"), "t");
    // A second ledger of the same track elsewhere is nobody's business, another track's is.
    project.sql("CREATE TABLE erp.migrations_impl (LIKE migrations_core)");
    project.write("db/20240101000000_core_a.sql", "CREATE SCHEMA erp;\n");
    assert_eq!(
        project.code("migrate run ./db"),
        "migrate::ledgers_elsewhere"
    );
}

#[test]
fn a_locked_ledger_makes_nobody_wait_for_long() {
    use std::process::{Command, Stdio};

    use crate::support::server::{PSQL, SERVER};
    let project = Project::with(&[A, B]);
    project.nu("migrate run ./db --steps 1").text();
    let mut psql = Command::new(&*PSQL)
        .args([
            "-X",
            "-q",
            "-c",
            "BEGIN; LOCK TABLE migrations_core; SELECT pg_sleep(60)",
        ])
        .env_clear()
        .envs(&SERVER.environment)
        .env("PGDATABASE", &project.database)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'migrations_core'::regclass AND granted \
         AND mode = 'AccessExclusiveLock'",
    );
    for command in [
        "status",
        "history",
        "validate",
        "run",
        "run --dry-run",
        "repair --forget 20240101000000",
    ] {
        let output = project.nu(&format!(
            "$env.MIGRATE_LOCK_TIMEOUT = '100ms'; migrate {} ./db {}",
            command.split(' ').next().unwrap(),
            command.split_once(' ').map_or("", |(_, rest)| rest)
        ));
        assert!(
            output.stderr.contains("migrate::ledger_busy"),
            "{command}: {output:?}"
        );
        assert!(
            output.stderr.contains("LOCK TABLE migrations_core"),
            "{command}: {output:?}"
        );
    }
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE migrations_core%'");
    let _ = psql.wait();
    assert_eq!(project.nu("migrate run ./db | length").text(), "1");
}

#[test]
fn a_second_row_for_a_file_and_a_row_without_a_name_are_called_that() {
    let project = predecessor("CREATE TABLE a (id int);\n");
    project.sql(
        "INSERT INTO migrations_core (migration_name, migration_hash) \
         VALUES ('20240101000000_core_old_name.sql', 'x')",
    );
    assert_eq!(project.code("migrate run ./db"), "migrate::duplicate_row");
    let error = project.nu("migrate run ./db").stderr;
    assert!(!error.contains("gone"), "{error}");
    let rules = "migrate validate ./db | where severity == error | get rule | to json -r";
    assert_eq!(project.nu(rules).json(), json!(["duplicate-row"]));
    let forget = "migrate repair ./db --forget 20240101000000_core_old_name; migrate run ./db";
    assert_eq!(project.nu(&format!("{forget} | length")).text(), "1");

    project.sql(
        "ALTER TABLE migrations_core ALTER migration_name DROP NOT NULL; \
         INSERT INTO migrations_core (migration_name, migration_hash) VALUES (NULL, 'x')",
    );
    for command in ["status", "run", "history"] {
        let code = project.code(&format!("migrate {command} ./db"));
        assert_eq!(code, "migrate::ledger_unreadable", "{command}");
    }
    let error = project.nu("migrate run ./db").stderr;
    assert!(error.contains("a row without a name"), "{error}");
}

/// What a file prints is kept up to 2,000 lines; what a ledger holds is all of it.
#[test]
fn a_long_history_is_read_to_its_end() {
    let project = Project::with(&[A]);
    let number = 2_100;
    for row in 0..number {
        let name = format!("db/{}_core_step.sql", 20_250_101_000_000_u64 + row);
        project.write(&name, "SELECT 1;\n");
    }
    let applied = format!("{}", number + 1);
    assert_eq!(
        project.nu("migrate run ./db --quiet | length").text(),
        applied
    );
    assert_eq!(
        project
            .nu("migrate status ./db | where state == applied | length")
            .text(),
        applied
    );
    assert_eq!(project.nu("migrate history ./db | length").text(), applied);
    assert_eq!(project.nu("migrate run ./db --quiet | length").text(), "0");
}
