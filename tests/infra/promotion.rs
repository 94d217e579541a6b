//! A primary that is lost at every point of a run, while its standby has everything and takes over.

use std::thread;
use std::time::{Duration, Instant};

use super::{is_wanted, note};
use crate::failover::pair;
use crate::faults::{Aftermath, check_groups, complete, wait_until_free, write_plain_files};
use crate::outcomes::{end, start};

/// Where the run is stopped until the standby has taken over.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// Right before psql is given the first line with this.
    Line(&'static str),
    /// In this file, behind its first statement.
    InFile(usize),
}

const POINTS: [(&str, Point); 8] = [
    ("before the lock", Point::Line("*pg_try_advisory_lock*")),
    ("before the ledgers are read", Point::Line("*row_security*")),
    ("in the first file", Point::InFile(1)),
    ("in the third file", Point::InFile(3)),
    ("before the first COMMIT", Point::Line("COMMIT*")),
    ("in the file outside of a transaction", Point::InFile(4)),
    ("in the last group", Point::InFile(5)),
    ("in the last file", Point::InFile(6)),
];

#[test]
fn a_standby_takes_over_at_every_point() {
    if !is_wanted() {
        return;
    }
    for (name, point) in POINTS {
        take_over(name, point);
    }
}

fn take_over(name: &str, point: Point) {
    let Some(mut pair) = pair() else { return };
    pair.project.remove("db/20240101000000_core_a.sql");
    pair.project.sql("DROP TABLE migrations_core");
    write_plain_files(&pair.project);
    let stop = "touch waiting; while [ ! -e go ]; do sleep 0.05; done";
    match point {
        Point::InFile(number) => {
            let file = format!("db/2024010{number}000000_core_m{number}.sql");
            let text = std::fs::read_to_string(pair.project.path(&file)).unwrap();
            let folder = pair.project.root().display().to_string();
            let stop = format!("\\! cd '{folder}'; {stop}\nSELECT 1;\n");
            pair.project.write(&file, text + &stop);
        }
        Point::Line(line) => pair.project.shim(
            line,
            &format!("cd '{}'; {stop}", pair.project.root().display()),
        ),
    }
    let run = start(&pair.project, "migrate run ./db --retries 0 | length");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !pair.project.path("waiting").exists() {
        assert!(
            Instant::now() < deadline,
            "{name}: the run never came there"
        );
        thread::sleep(Duration::from_millis(10));
    }
    pair.catch_up();
    pair.fail_over();
    pair.project.write("go", "");
    let output = end(run);
    let aftermath = Aftermath {
        code: output.code,
        said: output.stderr,
    };
    pair.move_to_standby();
    let case = format!("standby promoted {name}");
    let outcome = check_groups(&pair.project, &case, &aftermath);
    let is_unknown = aftermath.said.contains("UNKNOWN");
    complete(&pair.project, &case);
    wait_until_free(&pair.project, &case);
    let said = if is_unknown { "UNKNOWN is said; " } else { "" };
    note(&case, &format!("{said}{outcome}"));
    pair.end();
}

/// The answer to COMMIT is lost with the primary, and the standby has what was committed.
#[test]
fn a_commit_that_the_new_primary_has_is_applied() {
    if !is_wanted() {
        return;
    }
    let Some(pair) = pair() else { return };
    let run = pair.commit_without_answer();
    pair.catch_up();
    pair.fail_over();
    let output = end(run);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout.trim(), "20240102000000_core_b.sql");
    assert_eq!(
        pair.ledger(),
        "20240101000000_core_a.sql 20240102000000_core_b.sql"
    );
    note(
        "standby promoted behind COMMIT, answer lost",
        "applied, the run goes on",
    );
    pair.end();
}
