//! Files outside of a transaction that meddle with their own ledger row, or with the run's lock.

use std::process::Stdio;

use crate::outcomes::said;
use crate::support::Project;
use crate::support::nu::Output;

const NAME: &str = "20240102000000_core_b.sql";
const FIRST: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

/// Past the lexer.
const UNLOCK: &str = "DO $$ BEGIN EXECUTE 'SELECT pg_advisory' || '_unlock_all()'; END $$;";

fn run(sql: &str) -> (Project, Output) {
    let file = format!("-- migrate: no-transaction\nCREATE TABLE b (id int);\n{sql}\n");
    let project = Project::with(&[FIRST, (NAME, &file)]);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1), "{sql}: {output:?}");
    assert!(
        !said(&output).contains("verything was rolled back"),
        "{sql}: {output:?}"
    );
    assert!(said(&output).contains("STAYS"), "{sql}: {output:?}");
    (project, output)
}

#[test]
fn a_file_that_removes_its_own_row() {
    for (sql, first_is_there) in [
        ("DELETE FROM migrations_core WHERE state = 'running';", true),
        (
            "DELETE FROM migrations_core WHERE state = 'running';\nSELECT 1/0;",
            true,
        ),
        ("TRUNCATE migrations_core;", false),
    ] {
        let (project, output) = run(sql);
        let said = said(&output);
        assert!(said.contains("Its ledger row is gone"), "{sql}: {said}");
        assert!(!said.contains("says `running`"), "{sql}: {said}");
        assert_eq!(said.contains("LOST"), !first_is_there, "{sql}: {said}");
        assert_eq!(
            said.contains("stayed applied"),
            first_is_there,
            "{sql}: {said}"
        );
        assert_eq!(project.sql("SELECT count(*) FROM b"), "0");
    }
}

#[test]
fn a_file_that_leaves_the_session_read_only_is_recorded() {
    let file = "-- migrate: no-transaction\nCREATE TABLE b (id int);\nSET default_transaction_read_only = on;\n";
    let project = Project::with(&[FIRST, (NAME, file)]);
    project.write(
        "db/20240103000000_core_c.sql",
        "-- migrate: no-transaction\nCREATE TABLE c (id int);\n",
    );
    let states = project.nu("migrate run ./db -q | get state | to nuon");
    assert_eq!(states.text(), "[applied, applied, applied]");
}

#[test]
fn a_file_that_drops_the_ledger() {
    let (_, output) = run("DROP TABLE migrations_core;");
    let said = said(&output);
    assert!(said.contains("Its ledger is gone"), "{said}");
    assert!(
        said.contains("migrate::ledger_failed") && said.contains("LOST"),
        "{said}"
    );
    let file = "-- migrate: no-transaction\nCREATE TABLE public.b ();\nDROP SCHEMA ops CASCADE;\n";
    let mut project = Project::with(&[FIRST, (NAME, file)]);
    project.sql("CREATE SCHEMA ops");
    project.set("MIGRATE_SCHEMA", "ops");
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1), "{output:?}");
    let said = self::said(&output);
    assert!(
        said.contains("Its ledger is gone") && said.contains("STAYS"),
        "{said}"
    );
}

#[test]
fn a_file_that_calls_itself_applied_and_fails() {
    let (project, output) = run("UPDATE migrations_core SET state = 'applied';\nSELECT 1/0;");
    assert!(said(&output).contains("says `failed`"), "{output:?}");
    let query = format!("SELECT state FROM migrations_core WHERE migration_name = '{NAME}'");
    assert_eq!(project.sql(&query), "failed");
}

#[test]
fn a_run_whose_lock_was_freed_takes_it_again_before_it_goes_on() {
    for (directive, sql) in [
        ("-- migrate: no-transaction\n", "DISCARD ALL;"),
        ("-- migrate: no-transaction\n", UNLOCK),
        ("", UNLOCK),
    ] {
        // The second file is a group of its own, and sees whether the lock is held.
        let sees = "CREATE TABLE seen AS SELECT count(*) AS locks FROM pg_locks \
             WHERE locktype = 'advisory' AND pid = pg_backend_pid();\n";
        let project = Project::with(&[(FIRST.0, &format!("{directive}{sql}\n")), (NAME, sees)]);
        let output = project.nu("migrate run ./db --transaction each | length");
        assert_eq!(output.code, Some(0), "{sql}: {output:?}");
        assert_eq!(output.stdout.trim(), "2", "{sql}: {output:?}");
        assert_eq!(project.sql("SELECT locks FROM seen"), "1", "{sql}");
    }
}

#[test]
fn a_lock_that_another_run_has_taken_meanwhile_stops_the_run() {
    for directive in ["", "-- migrate: no-transaction\n"] {
        let wait = crate::outcomes::WAIT_FOR_GO;
        let project = Project::with(&[
            (FIRST.0, &format!("{UNLOCK}\n{wait}")),
            (NAME, &format!("{directive}CREATE TABLE b (id int);\n")),
        ]);
        let run = crate::outcomes::start(
            &project,
            "migrate run ./db --transaction each --lock-wait 200ms",
        );
        crate::outcomes::await_file(&project, "db/waiting");
        // Another run of the same ledgers, with files of its own.
        project.write(
            "other/20240101000000_other_x.sql",
            "SELECT 'busy';\nSELECT pg_sleep(60);\n",
        );
        let mut other = project
            .command("migrate run ./other")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60);' AND datname = current_database()");
        project.write("db/go", "");
        let output = crate::outcomes::end(run);
        assert_eq!(output.code, Some(1), "{output:?}");
        let said = said(&output);
        assert!(said.contains("migrate::locked"), "{said}");
        assert!(said.contains(FIRST.0), "{said}");
        assert_eq!(project.sql("SELECT to_regclass('b') IS NULL"), "t");
        assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "1");
        project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60);' AND datname = current_database()");
        other.wait().unwrap();
    }
}
