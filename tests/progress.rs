//! What a run shows while it runs: on a terminal, elsewhere, and what a slow step waits for.

use std::process::{Child, Command, Stdio};

use crate::support::Project;
use crate::support::nu::{NU, PLUGIN};
use crate::support::server::SERVER;

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

#[test]
fn a_run_that_waits_for_another_names_it() {
    let slow = ("20240102000000_core_slow.sql", "SELECT pg_sleep(4);\n");
    let project = Project::with(&[A, slow]);
    let busy = || {
        let run = project
            .command("migrate run db --quiet | ignore")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        project.wait_until("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(4)%' AND state = 'active' AND datname = current_database())");
        run
    };
    let mut run = busy();
    let seen = on_a_terminal(&project, "migrate run db");
    run.wait().unwrap();
    let waits = regex::Regex::new(
        r"waits for another run, [0-9.]+ m?s, server process \d+, user \w+, application nu_plugin_migrate, .*since 2.*SELECT pg_sleep\(4\)",
    );
    assert!(waits.as_ref().unwrap().is_match(&seen), "{seen:?}");
    let done =
        regex::Regex::new(r"\[2K\x1b\[\?7l\x1b\[\?7hmigrate: waits for another run in [0-9.]+ s");
    assert!(done.unwrap().is_match(&seen), "{seen:?}");
    // Elsewhere one line says so, and with --quiet none does.
    project.sql("DROP TABLE migrations_core, a");
    let mut run = busy();
    let quiet = project.command("migrate run db --quiet | ignore");
    let mut quiet = { quiet }
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let elsewhere = project.nu("migrate run db | ignore");
    assert_eq!(
        waits.unwrap().find_iter(&elsewhere.stderr).count(),
        1,
        "{}",
        elsewhere.stderr
    );
    let mut said = String::new();
    std::io::Read::read_to_string(&mut quiet.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(said, "");
    quiet.wait().unwrap();
    run.wait().unwrap();
}

/// A table whose rows take 10 ms each to be indexed, and to be written.
const SLOW: (&str, &str) = (
    "20240101000000_core_slow.sql",
    "CREATE FUNCTION slow(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
       'BEGIN PERFORM pg_catalog.pg_sleep(0.01); RETURN n; END';
     CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN PERFORM pg_catalog.pg_sleep(0.01); RETURN NEW; END';
     CREATE TABLE t (n int, filler text);
     INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 500) n;
     CREATE TABLE copied (n int);
     CREATE TRIGGER slowly BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION slowly();\n",
);

#[test]
fn an_index_and_a_copy_tell_how_far_they_are() {
    let project = Project::with(&[SLOW]);
    project.nu("migrate run db --quiet | ignore").text();
    project.write(
        "db/20240102000000_core_index.sql",
        "CREATE INDEX t_slow ON t (slow(n));\n",
    );
    let rows: String = (1..=500).map(|n| format!("{n}\n")).collect();
    project.write(
        "db/20240103000000_core_copy.sql",
        format!("COPY copied FROM stdin;\n{rows}\\.\n"),
    );
    let seen = on_a_terminal(&project, "migrate run db");
    let index = regex::Regex::new(
        r"migrate: 1/2 20240102000000_core_index\.sql, [2-9]\.\d s, index on t: building index[^,]*, \d+ %",
    );
    assert!(index.unwrap().is_match(&seen), "{seen:?}");
    if SERVER.version() >= 140_000 {
        let copy = regex::Regex::new(
            r"migrate: 2/2 20240103000000_core_copy\.sql, [2-9]\.\d s, [1-9]\d* rows copied",
        );
        assert!(copy.unwrap().is_match(&seen), "{seen:?}");
    }
}

#[test]
fn a_long_run_has_a_line_for_each_step_that_follows_where_no_terminal_is() {
    let silent = |version: &str, sql: &str| (format!("{version}_core_x.sql"), sql.to_owned());
    let files = [
        silent("20240101000000", "SELECT 1;\n"),
        silent("20240102000000", "SELECT pg_sleep(2.5);\n"),
        silent("20240103000000", "CREATE TABLE c ();\n"),
        silent("20240104000000", "CREATE TABLE d ();\n"),
    ];
    let project = Project::new();
    for (name, sql) in &files {
        project.write(&format!("db/{name}"), sql);
    }
    let said = project.nu("migrate run db | ignore").stderr;
    let lines: Vec<_> = said.lines().collect();
    assert!(!said.contains("1/4"), "{said}");
    for (number, version) in [(2, "20240102"), (3, "20240103"), (4, "20240104")] {
        let line = format!("migrate: {number}/4 {version}000000_core_x.sql in ");
        assert!(
            lines.iter().any(|said| said.starts_with(&line)),
            "{line}: {said}"
        );
    }
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn the_error_of_a_lock_timeout_says_who_held_the_lock() {
    let project = Project::with(&[A, WAITS]);
    let mut holding = holder(&project, 30);
    let message =
        "try { migrate run db --quiet --lock-timeout 1500ms --retries 0 } catch {|e| $e.msg }";
    let output = project.nu(message);
    holding.kill().unwrap();
    holding.wait().unwrap();
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE customer%' AND pid <> pg_backend_pid() AND datname = current_database()");
    let said = output.text();
    assert!(
        said.contains("It waited for a lock of server process"),
        "{said}"
    );
    assert!(said.contains("LOCK TABLE customer"), "{said}");
}
