//! The network between psql and the server: cut, reset, silent, slow.

use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{is_wanted, note};
use crate::faults::{Aftermath, check_groups, complete, wait_until_free, write_plain_files};
use crate::support::Project;
use crate::support::proxy::{Cut, How, Proxy};

/// Where in the conversation: before the lock, in a file, its record, around COMMIT.
const MOMENTS: [(&str, Cut); 8] = [
    ("before the lock", before("pg_try_advisory_lock")),
    ("behind the first statement", behind("CREATE TABLE t1")),
    ("before the second file", before("CREATE TABLE t2")),
    ("behind the second row", behind("20240102000000_core_m2")),
    ("before COMMIT", before("COMMIT")),
    ("behind COMMIT", behind("COMMIT")),
    ("in the file outside", behind("CREATE TABLE t4")),
    ("before the fifth file", before("CREATE TABLE t5")),
];

/// The server does not get the message with this any more.
const fn before(at: &'static str) -> Cut {
    Cut {
        at,
        // What is only read ends with COMMIT, too.
        after: match at.as_bytes() {
            b"COMMIT" => &["INSERT INTO"],
            _ => &[],
        },
        passes: false,
        how: How::End,
        closes_door: false,
    }
}

/// The server gets it, and the client no answer.
const fn behind(at: &'static str) -> Cut {
    Cut {
        passes: true,
        ..before(at)
    }
}

fn strike((moment, cut): (&str, Cut), how: How) {
    let mut project = Project::new();
    write_plain_files(&project);
    let server = project.environment["PGPORT"].parse().unwrap();
    let proxy = Proxy::start(server, Cut { how, ..cut });
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
    if how == How::Silence {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !proxy.is_cut.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "{moment}: it never struck");
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
    let case = format!("network, {moment}, {how:?}");
    if how != How::Silence {
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
        strike(*when, How::End);
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
        strike(*when, How::Silence);
    }
}

#[test]
fn the_network_is_slow() {
    if is_wanted() {
        strike(("all the time", before("COMMIT")), How::Delay(20));
    }
}
