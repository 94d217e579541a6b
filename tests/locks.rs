//! Locks: one run at a time, busy tables, and what must not wait for each other.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::project::SCRIPT_ON_3;
use crate::support::server::{PSQL, SERVER};
use crate::support::{Project, assert_golden};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

/// A run of one long migration, in the background.
fn long_run(project: &Project, seconds: u8) -> Child {
    project.write(
        "db/20240102000000_core_long.sql",
        format!("SELECT pg_sleep({seconds});\n"),
    );
    let child = project
        .command("migrate run ./db | length")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    child
}

#[test]
fn giving_up_names_the_one_who_is_busy() {
    let project = Project::with(&[A]);
    let mut run = long_run(&project, 2);
    let output = project.nu("migrate run ./db --lock-wait 100ms");
    assert_eq!(output.code, Some(1));
    let shown = regex::Regex::new(r"process \d+")
        .unwrap()
        .replace(&output.stderr, "process 42")
        .into_owned();
    let shown = regex::Regex::new(r"since [\d\-T:.+ |\n]+\n")
        .unwrap()
        .replace(&shown, "since 2024\n")
        .into_owned();
    assert!(
        shown.contains("migrate::locked") && shown.contains("nu_plugin_migrate"),
        "{shown}"
    );
    assert!(shown.contains("server process 42, user"), "{shown}");
    assert!(
        shown.contains("pg_sleep(2)"),
        "the statement is shown: {shown}"
    );
    assert!(run.wait().unwrap().success());
}

#[test]
fn status_does_not_wait_and_other_ledgers_do_not_either() {
    let mut project = Project::with(&[A]);
    let mut run = long_run(&project, 60);
    let started = Instant::now();
    project.nu("migrate status ./db").text();
    project.write(
        "other/20240101000000_core_b.sql",
        "CREATE TABLE b (id int);\n",
    );
    project.set("MIGRATE_TABLE_PREFIX", "other_");
    project.nu("migrate run ./other").text();
    let elsewhere = Project::with(&[A]);
    elsewhere.nu("migrate run ./db").text();
    assert!(
        run.try_wait().unwrap().is_none(),
        "it took {:?}",
        started.elapsed()
    );
    run.kill().unwrap();
    run.wait().unwrap();
    project
        .wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()");
}

#[test]
fn a_waiting_run_does_not_block_an_index_that_another_builds() {
    let project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "-- migrate: no-transaction\nSELECT pg_sleep(0.5);\nCREATE INDEX CONCURRENTLY a_id ON a (id);\n",
        ),
    ]);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            project
                .command("migrate run ./db")
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "2");
}

const BUSY: &str = "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'a'::regclass AND mode = 'AccessExclusiveLock' AND granted";

#[test]
fn a_busy_table_is_tried_again_and_then_named() {
    let project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240102000000_core_b.sql",
        "CREATE TABLE b (id int);\nALTER TABLE a ADD COLUMN n int;\n",
    );
    let mut psql = Command::new(&*PSQL)
        .args(["-X", "-q", "-c", "BEGIN; LOCK TABLE a; SELECT pg_sleep(60)"])
        .env_clear()
        .envs(&SERVER.environment)
        .env("PGDATABASE", &project.database)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until(BUSY);
    let output = project.nu("migrate run ./db --lock-timeout 50ms --retries 1");
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("retry 1 of 1 in"),
        "{}",
        output.stderr
    );
    let error = output.stderr.split_once("Error:").unwrap().1;
    assert_golden("error_lock_timeout", &project.mask(error));
    assert!(
        !project
            .nu("migrate run ./db --lock-timeout 50ms --retries 1 --quiet")
            .stderr
            .contains("retry 1")
    );

    // Once the table is free, a retry succeeds.
    let run = project
        .command("migrate run ./db --lock-timeout 200ms --retries 20 | length")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(900));
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE a%'");
    let _ = psql.wait();
    let output = run.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "1");
    assert_eq!(project.tables(), "a b migrations_core");
}

#[test]
fn a_files_own_limits_win_over_the_settings() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: lock-timeout 7sec\n-- migrate: statement-timeout 1min\nCREATE TABLE own AS SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s;\n",
        ),
        (
            "20240102000000_core_b.sql",
            "CREATE TABLE next AS SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s;\n",
        ),
    ]);
    project
        .nu("migrate run ./db --statement-timeout 9sec")
        .text();
    assert_eq!(project.sql("SELECT l, s FROM own"), "7s|1min");
    assert_eq!(project.sql("SELECT l, s FROM next"), "5s|9s");
    project.write(
        "db/20240103000000_core_c.sql",
        "-- migrate: statement-timeout 50ms\nSELECT pg_sleep(9);\n",
    );
    let output = project.nu("migrate run ./db");
    assert!(
        output.stderr.contains("SQLSTATE 57014"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_deadlock_is_tried_again() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE a (id int);\nCREATE TABLE b (id int);\n",
    )]);
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240102000000_core_b.sql",
        "LOCK TABLE a;\nSELECT pg_sleep(0.6);\nLOCK TABLE b;\nCREATE TABLE c (id int);\n",
    );
    let run = project
        .command("migrate run ./db --lock-timeout 20sec --retries 3 | length")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    project.wait_until(BUSY);
    // Whoever waits longest notices the deadlock: make this the run, by waiting very long here.
    let mut other = Command::new(&*PSQL)
        .args([
            "-X",
            "-q",
            "-c",
            "SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE b; LOCK TABLE a; COMMIT",
        ])
        .env_clear()
        .envs(&SERVER.environment)
        .env("PGDATABASE", &project.database)
        .spawn()
        .unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "1",
        "{said}"
    );
    assert!(said.contains("deadlock detected; retry 1 of 3"), "{said}");
    assert!(other.wait().unwrap().success());
    assert_eq!(project.tables(), "a b c migrations_core");
}

/// Nobody waits for the psql of a run that is done, so it may keep the lock for a moment.
#[test]
fn a_run_that_is_done_is_not_in_the_way_of_the_next() {
    let mut project = Project::with(&[("20240101000000_core_a.sql", "CREATE TABLE a ();\n")]);
    let psql = crate::support::server::PSQL.display().to_string();
    project.write(
        "shim",
        format!(
            "#!/bin/bash\n{SCRIPT_ON_3}exec 4<&3\nexec 3< <(cat <&4; sleep 0.08)\nexec 4<&-\nexec '{psql}' \"$@\"\n"
        ),
    );
    let shim = project.path("shim");
    std::fs::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.set("MIGRATE_PSQL", &shim.display().to_string());
    let runs = "1..4 | each { migrate run ./db --quiet --lock-wait 0sec | length } | to json -r";
    assert_eq!(project.nu(runs).text(), "[1,0,0,0]");
}
