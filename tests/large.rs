//! Scripts that are too large to be held in memory: read in pieces, and judged as if they were not.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::interrupts::child_of;
use crate::support::Project;

/// A script of about five megabytes in 100,000 lines, with a first and a last one of its own.
fn large(first: &str, last: &str) -> String {
    let rows = "\n  ('a line of about fifty bytes; with a semicolon'),".repeat(98);
    let statement = format!("INSERT INTO t VALUES{rows}\n  ('the last');\n");
    let lines = statement.repeat(1_000 - 1) + &"SELECT 1;\n".repeat(98);
    format!("{first}\n{lines}{last}\n")
}

const NAME: &str = "20240101000000_core_a.sql";

#[test]
fn what_is_wrong_in_the_last_line_is_found_there() {
    for (last, code, said) in [
        (
            "COMMIT;",
            "migrate::forbidden",
            "20240101000000_core_a.sql, line 100000: COMMIT",
        ),
        (
            "SELECT :nobody;",
            "migrate::unset_variable",
            "20240101000000_core_a.sql, line 100000: :nobody",
        ),
        (
            "-- migrate: no-transaction",
            "migrate::bad_directive",
            "line 100000",
        ),
        (
            "SELECT 1 / 0;",
            "migrate::sql_failed",
            "> 100000 | SELECT 1 / 0;",
        ),
    ] {
        let project = Project::with(&[(NAME, &large("CREATE TABLE t (line text);", last))]);
        let output = project.nu("migrate run ./db");
        assert!(output.stderr.contains(code), "{}", output.stderr);
        assert!(output.stderr.contains(said), "{}", output.stderr);
        assert_eq!(project.tables(), "");
    }
}

#[test]
fn a_large_script_runs_as_a_small_one() {
    let project = Project::with(&[(
        NAME,
        &large(
            "-- migrate: transaction-control unwrap\nBEGIN; CREATE TABLE t (line text);",
            "\\ir data.sql\nCOMMIT;",
        ),
    )]);
    let data = format!("COPY t FROM stdin;\n{}\\.\n", "COMMIT;\n".repeat(700_000));
    project.write("db/data.sql", &data);
    let output = project.nu("migrate run ./db | select name state | to nuon --raw");
    assert_eq!(
        output.text(),
        "[[name,state];[\"20240101000000_core_a.sql\",applied]]"
    );
    assert_eq!(
        project.sql("SELECT count(*), count(*) FILTER (WHERE line = 'COMMIT;') FROM t"),
        "798901|700000"
    );
    project.write("db/data.sql", data.replace("COMMIT;\n\\.", "COMMIT \n\\."));
    let state = project.nu("migrate status ./db | get 0.state");
    assert_eq!(state.text(), "changed");
}

#[test]
fn a_script_four_times_as_large_needs_no_more_memory() {
    let script = large("CREATE TABLE a (line text);", "SELECT 1;").replace("INTO t", "INTO a");
    let project = Project::with(&[(NAME, &script)]);
    let data = "a line of fifty bytes in all, which is not short\n".repeat(300_000);
    project.write(
        "more/20240101000000_impl_b.sql",
        format!("{script}COPY a FROM stdin;\n{data}\\.\n").replace(" a ", " b "),
    );
    let peak = "ps | where ppid == $nu.pid and name =~ nu_plugin_migra | get 0.pid | \
                open --raw $'/proc/($in)/status' | parse --regex 'VmHWM:\\s+(?<kb>\\d+)' | get 0.kb";
    let peaks = project.nu(&format!(
        "let _ = migrate run ./db; let once = {peak}; let _ = migrate run ./more; [$once ({peak})] | str join ' '"
    ));
    let kilobytes: Vec<u64> = peaks
        .text()
        .split(' ')
        .map(|it| it.parse().unwrap())
        .collect();
    assert!(kilobytes[1] < kilobytes[0] + 8_000, "{kilobytes:?}");
    assert_eq!(project.sql("SELECT count(*) FROM b"), "398901");
}

#[test]
fn ctrl_c_ends_the_judging_of_a_large_script() {
    let project = Project::with(&[(NAME, &large("CREATE TABLE t (line text);", "").repeat(4))]);
    for command in ["migrate validate ./db --offline", "migrate run ./db"] {
        let shell = project
            .command(command)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let plugin = child_of(shell.id(), "nu_plugin_migra");
        kill(Pid::from_raw(shell.id().cast_signed()), Signal::SIGINT).unwrap();
        let pressed = Instant::now();
        let output = shell.wait_with_output().unwrap();
        assert!(!output.status.success(), "{command}");
        while Path::new(&format!("/proc/{plugin}")).exists() {
            assert!(pressed.elapsed() < Duration::from_secs(10), "{command}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(project.tables(), "");
}
