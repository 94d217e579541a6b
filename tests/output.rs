//! A reader that does not read must not hold up a run, nor keep Ctrl-C from being heard.

use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Project;

const LOUD: &str = "SELECT repeat('x', 1000) FROM generate_series(1, 5000);\n";

/// A run whose standard error nobody reads: a pipe takes 64 kB.
fn unread(project: &Project) -> Child {
    project
        .command("migrate run ./db | length")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_run_ends_although_nobody_reads_what_it_says() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", LOUD),
        ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n"),
    ]);
    let mut run = unread(&project);
    project.wait_until("SELECT to_regclass('public.b') IS NOT NULL");
    project.wait_until(
        "SELECT count(*) = 0 FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    drop(run.stderr.take());
    run.wait().unwrap();
}

#[test]
fn ctrl_c_is_heard_although_nobody_reads() {
    let sleep = format!("{LOUD}SELECT pg_sleep(60);\n");
    let project = Project::with(&[("20240101000000_core_a.sql", &sleep)]);
    let mut run = unread(&project);
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity \
         WHERE query = 'SELECT pg_sleep(60);' AND datname = current_database()",
    );
    kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    project.wait_until(
        "SELECT count(*) = 0 FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    drop(run.stderr.take());
    run.wait().unwrap();
}
