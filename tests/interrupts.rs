//! Ctrl-C and SIGKILL: the prompt comes back, the server is free, the ledger is true.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Project;
use crate::support::server::SERVER;

/// A run that sleeps in its second file.
fn sleeping(directive: &str) -> (Project, Child) {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n"),
        (
            "20240102000000_core_b.sql",
            &format!("{directive}CREATE TABLE b (id int);\nSELECT pg_sleep(30);\n"),
        ),
    ]);
    let run = start(&project, "migrate run ./db");
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30);' AND state = 'active' AND datname = current_database()",
    );
    (project, run)
}

fn start(project: &Project, script: &str) -> Child {
    project
        .command(script)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

const SERVER_IS_FREE: &str = "SELECT count(*) = 0 FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

/// The child of a process: nu's is the plugin, the plugin's are psql and its watchdog.
pub(crate) fn child_of(pid: u32, name: &str) -> u32 {
    let children =
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let all = threads
        .flatten()
        .map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default())
        .fold(children, |all, more| format!("{all} {more}"));
    all.split_whitespace()
        .find(|child| {
            std::fs::read_to_string(format!("/proc/{child}/comm"))
                .is_ok_and(|comm| comm.trim_end() == name)
        })
        .unwrap_or_else(|| panic!("{pid} has no child {name}"))
        .parse()
        .unwrap()
}

#[test]
fn ctrl_c_in_a_run_gives_the_prompt_back_and_leaves_nothing() {
    let (project, run) = sleeping("");
    let pressed = Instant::now();
    signal(run.id(), Signal::SIGINT);
    let output = run.wait_with_output().unwrap();
    let took = pressed.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(!output.status.success());
    assert_eq!(project.sql(SERVER_IS_FREE), "t");
    assert_eq!(project.tables(), "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("migrate::interrupted") && said.contains("rolled back"),
        "{said}"
    );
    assert!(
        said.contains("interrupted during migration 20240102000000_core_b.sql"),
        "{said}"
    );
}

#[test]
fn ctrl_c_in_a_step_outside_a_transaction_is_recorded() {
    let (project, run) = sleeping("-- migrate: no-transaction\n");
    signal(run.id(), Signal::SIGINT);
    assert!(!run.wait_with_output().unwrap().status.success());
    assert_eq!(project.sql(SERVER_IS_FREE), "t");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | str join ' '")
            .text(),
        "applied failed"
    );
}

#[test]
fn ctrl_c_while_waiting_for_the_lock_or_a_table() {
    let (project, busy) = sleeping("");
    let waiting = start(&project, "migrate run ./db");
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND state = 'idle' AND datname = current_database()",
    );
    let pressed = Instant::now();
    signal(waiting.id(), Signal::SIGINT);
    assert!(!waiting.wait_with_output().unwrap().status.success());
    assert!(pressed.elapsed() < Duration::from_secs(1));
    signal(busy.id(), Signal::SIGINT);
    busy.wait_with_output().unwrap();
}

#[test]
fn ctrl_c_in_status() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    project.nu("migrate run ./db").text();
    // A ledger that is locked away keeps status waiting.
    let mut locker = std::process::Command::new(&*crate::support::server::PSQL)
        .args([
            "-X",
            "-q",
            "-c",
            "BEGIN; LOCK TABLE migrations_core; SELECT pg_sleep(30)",
        ])
        .env_clear()
        .envs(&project.environment)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE%' AND wait_event = 'PgSleep' AND datname = current_database()",
    );
    let status = start(&project, "migrate status ./db");
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    let pressed = Instant::now();
    signal(status.id(), Signal::SIGINT);
    assert!(!status.wait_with_output().unwrap().status.success());
    assert!(pressed.elapsed() < Duration::from_secs(1));
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE%' AND datname = current_database()");
    locker.wait().unwrap();
}

/// 50 GB, more than any memory here; a file of holes takes no room.
#[test]
fn the_largest_data_file_is_no_reason_to_wait() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE a (line text);\n\\copy a from large.csv\n",
    )]);
    project.write("db/large.csv", "");
    let large = std::fs::File::options()
        .write(true)
        .open(project.path("db/large.csv"));
    large.unwrap().set_len(50_000_000_000).unwrap();
    for command in ["migrate status ./db --offline", "migrate run ./db"] {
        let run = start(&project, command);
        std::thread::sleep(Duration::from_secs(1));
        let plugin = child_of(run.id(), "nu_plugin_migra");
        let memory = std::fs::read_to_string(format!("/proc/{plugin}/status")).unwrap();
        let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: u64 = peak
            .and_then(|peak| peak.split_whitespace().next()?.parse().ok())
            .unwrap();
        assert!(kilobytes < 200_000, "{command}: {kilobytes} kB");
        let pressed = Instant::now();
        signal(run.id(), Signal::SIGINT);
        let output = run.wait_with_output().unwrap();
        assert!(!output.status.success());
        assert!(pressed.elapsed() < Duration::from_secs(1), "{command}");
    }
    assert_eq!(project.tables(), "");
}

#[test]
fn a_killed_nu_plugin_or_psql_frees_the_server_within_two_seconds() {
    // Earlier servers notice only when the statement ends, as the README says.
    if SERVER.version() < 140_000 {
        return;
    }
    for victim in ["nu", "plugin", "psql"] {
        let (project, mut run) = sleeping("");
        let plugin = child_of(run.id(), "nu_plugin_migra");
        let psql = child_of(plugin, "psql");
        let pid = match victim {
            "nu" => run.id(),
            "plugin" => plugin,
            _ => psql,
        };
        let killed = Instant::now();
        signal(pid, Signal::SIGKILL);
        project.wait_until(SERVER_IS_FREE);
        assert!(
            killed.elapsed() < Duration::from_secs(2),
            "{victim}: {:?}",
            killed.elapsed()
        );
        assert!(!run.wait().unwrap().success());
        assert_eq!(project.tables(), "", "{victim}");
        project.write("db/20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");
        assert_eq!(
            project.nu("migrate run ./db | length").text(),
            "2",
            "{victim}"
        );
    }
}
