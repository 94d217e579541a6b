//! The network between psql and the server: cut, reset, silent, slow.

use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::proxy::{How, Proxy, When};
use super::{is_wanted, note};
use crate::faults::{Aftermath, check_groups, complete, wait_until_free, write_plain_files};
use crate::support::Project;

/// Where in the conversation: before the lock, in a file, its record, around COMMIT.
const MOMENTS: [When; 8] = [
    When::Before("pg_try_advisory_lock"),
    When::After("CREATE TABLE t1"),
    When::Before("CREATE TABLE t2"),
    When::After("20240102000000_core_m2"),
    When::Before("COMMIT"),
    When::After("COMMIT"),
    When::After("CREATE TABLE t4"),
    When::Before("CREATE TABLE t5"),
];

fn strike(when: When, how: How) {
    let mut project = Project::new();
    write_plain_files(&project);
    let server = project.environment["PGPORT"].parse().unwrap();
    let proxy = Proxy::start(server, when, how);
    let direct = project.environment.clone();
    project
        .set("PGHOST", "127.0.0.1")
        .set("PGPORT", &proxy.port.to_string());
    let run = project
        .command("migrate run ./db --retries 0 | length")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if how == How::Swallow {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !proxy.struck.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "{when:?}: it never struck");
            thread::sleep(Duration::from_millis(10));
        }
        // Silence is told from slowness by nobody but the user.
        thread::sleep(Duration::from_millis(300));
        kill(Pid::from_raw(run.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    }
    let output = run.wait_with_output().unwrap();
    let aftermath = Aftermath {
        code: output.status.code(),
        said: String::from_utf8(output.stderr).unwrap(),
    };
    project.environment = direct;
    let case = format!("{when:?} {how:?}");
    if how != How::Swallow {
        wait_until_free(&project, &case);
    }
    let outcome = check_groups(&project, &case, &aftermath);
    complete(&project, &case);
    wait_until_free(&project, &case);
    note(&case, outcome);
}

#[test]
fn the_connection_is_cut_or_reset() {
    let moments = if is_wanted() {
        &MOMENTS[..]
    } else {
        &MOMENTS[4..6]
    };
    for when in moments {
        strike(*when, How::Cut);
        strike(*when, How::Reset);
    }
}

#[test]
fn the_network_falls_silent() {
    let moments = if is_wanted() {
        &MOMENTS[1..]
    } else {
        &MOMENTS[5..6]
    };
    for when in moments {
        strike(*when, How::Swallow);
    }
}

#[test]
fn the_network_is_slow() {
    if is_wanted() {
        strike(When::Before("COMMIT"), How::Delay(20));
    }
}
