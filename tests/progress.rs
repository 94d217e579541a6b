//! What a run shows while it runs: on a terminal, elsewhere, and what a slow step waits for.

use std::process::{Child, Command, Stdio};

use crate::support::Project;
use crate::support::nu::{NU, PLUGIN};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
const WAITS: (&str, &str) = (
    "20240102000000_core_waits.sql",
    "ALTER TABLE customer ADD x int;\n",
);

/// A session that keeps a table to itself for a while.
fn holder(project: &Project, seconds: u32) -> Child {
    project.sql("CREATE TABLE IF NOT EXISTS customer (id int)");
    let locks = format!("BEGIN; LOCK TABLE customer; SELECT pg_sleep({seconds})");
    let holder = project
        .psql()
        .args(["-c", &locks])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'customer'::regclass AND mode = 'AccessExclusiveLock' AND granted)");
    holder
}

/// What a terminal is told by a command.
fn on_a_terminal(project: &Project, command: &str) -> String {
    let nu = format!(
        "'{}' --no-config-file --no-std-lib --plugins '[{PLUGIN}]' --commands '{command} | ignore'",
        NU.display()
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &nu, "/dev/null"])
        .env_clear()
        .envs(&project.environment)
        .env("TERM", "xterm")
        .current_dir(project.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_terminal_has_a_line_for_each_step_and_quiet_has_none() {
    let silent = ("20240103000000_core_silent.sql", "SELECT pg_sleep(0.5);\n");
    let project = Project::with(&[A, silent]);
    let quiet = on_a_terminal(&project, "migrate run db --quiet --to 20240101000000");
    assert_eq!(quiet.trim(), "");
    let seen = on_a_terminal(&project, "migrate run db");
    assert!(
        seen.contains("1/1 20240103000000_core_silent.sql in "),
        "{seen:?}"
    );
    // The line that is drawn anew is erased before the one that stays.
    let drawn = "\r\x1b[2K\x1b[?7lmigrate: 1/1 20240103000000_core_silent.sql, ";
    let erased = "\r\x1b[2K\x1b[?7l\x1b[?7hmigrate: 1/1";
    assert!(seen.contains(drawn) && seen.contains(erased), "{seen:?}");
}

#[test]
fn a_step_that_waits_names_who_holds_the_lock() {
    let project = Project::with(&[A, WAITS]);
    let mut holding = holder(&project, 6);
    let seen = on_a_terminal(&project, "migrate run db --lock-timeout 20sec");
    holding.wait().unwrap();
    let pid_and_query = "waits for a lock of server process ";
    assert!(
        seen.contains(pid_and_query) && seen.contains("LOCK TABLE customer"),
        "{seen:?}"
    );
    assert!(
        seen.contains("2/2 20240102000000_core_waits.sql in "),
        "{seen:?}"
    );
}

#[test]
fn elsewhere_a_slow_step_has_a_line_and_a_lock_timeout_its_holder() {
    let project = Project::with(&[A, WAITS]);
    let mut holding = holder(&project, 30);
    let output = project.nu("migrate run db --lock-timeout 3500ms --retries 0");
    holding.kill().unwrap();
    holding.wait().unwrap();
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE customer%' AND pid <> pg_backend_pid() AND datname = current_database()");
    assert_eq!(output.code, Some(1));
    let line = "migrate: 2/2 20240102000000_core_waits.sql, 2";
    assert!(output.stderr.contains(line), "{}", output.stderr);
    assert!(
        output.stderr.contains("LOCK TABLE customer"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("1/2"), "{}", output.stderr);
    assert!(
        !output.stderr.contains("waits.sql in "),
        "{}",
        output.stderr
    );
}
