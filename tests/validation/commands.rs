//! What the commands make of checks: reports, ledgers, new files.

use std::time::{Duration, Instant};

use super::{A, B, C, with_script};
use crate::support::Project;

#[test]
fn checks_can_be_left_out() {
    let project = with_script("error make no");
    assert_eq!(
        project
            .nu("migrate run db --skip-validation --check {|m| error make no } | length")
            .text(),
        "3"
    );
}

#[test]
fn the_time_of_validation_is_recorded() {
    let project = with_script("sleep 50ms");
    project.write(&format!("db/{C}.nu"), "# migrate: late\nsleep 50ms");
    let output = project.nu(
        "let run = migrate run db | get validation_time\n\
         let rest = [(migrate status db | get validation_time) (migrate history db | get validation_time)]\n\
         [$run ...$rest] | each {|times| $times | each {|time| $time == null or $time > 50ms and $time < 30sec } } | to json -r\n",
    );
    assert_eq!(
        output.text(),
        "[[true,true,true],[true,true,true],[true,true,true]]"
    );
    assert_eq!(
        project.sql("SELECT string_agg((validation_time_ms > 50)::text, ' ' ORDER BY id) FROM migrations_core"),
        "true true"
    );
}

#[test]
fn nothing_is_started_when_there_are_no_scripts() {
    let mut project = Project::with(&[(&format!("{A}.sql"), "SELECT 1;")]);
    project.set("TMPDIR", "/no/such/folder");
    assert_eq!(
        project
            .nu("migrate run db | get validation_time | to json -r")
            .text(),
        "[null]"
    );
}

#[test]
fn validate_runs_the_pending_scripts_and_changes_nothing() {
    let project = with_script("error make {msg: 'not yet', help: 'later'}");
    project.write(&format!("db/{A}.nu"), "print hello; 5");
    project.write(&format!("db/{C}.nu"), "# migrate: late\nrequire-nothing");
    let rows = project
        .nu("migrate validate db --quiet | select severity rule name line help | to json -r")
        .json();
    let expected = serde_json::json!([
        {"severity": "error", "rule": "validation-failed", "name": format!("{B}.sql"), "line": 1, "help": "later"},
        {"severity": "info", "rule": "validation-passed", "name": format!("{A}.sql"), "line": null, "help": null},
        {"severity": "info", "rule": "validation-late", "name": format!("{C}.sql"), "line": null, "help": null},
    ]);
    assert_eq!(rows, expected);
    assert_eq!(project.tables(), "");
    project.remove(&format!("db/{B}.nu"));
    project.write(&format!("db/{C}.nu"), "");
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "3");
    assert_eq!(
        project.nu("migrate validate db | length").text(),
        "0",
        "nothing is pending"
    );
}

#[test]
fn validate_offline_only_parses() {
    let mut project = with_script("let x = (1 +");
    project.unset("PGDATABASE");
    project.write(&format!("db/{A}.nu"), "print hello; error make no");
    project.write(&format!("db/{C}.nu"), "# migrate: lat\n");
    let output = project.nu("migrate validate db --offline | select rule name line | to json -r");
    assert_eq!(
        output.json(),
        serde_json::json!([
            {"rule": "validation-unparsed", "name": format!("{B}.sql"), "line": 1},
            {"rule": "bad-directive", "name": format!("{C}.sql"), "line": 1},
        ])
    );
}

#[test]
fn add_makes_a_script_that_passes_as_it_is() {
    let project = Project::new();
    let output = project
        .nu("migrate add db/core 'create customers' --with-validation | get kind | to json -r");
    assert_eq!(output.text(), "[\"migration\",\"validation\"]");
    assert_eq!(
        project
            .nu("migrate run db --full | get 0.validation | length")
            .text(),
        "1"
    );
    // Its examples are real: without their comment signs they run, and ask for what is not there.
    let script = project.nu("glob db/core/*.nu | first").text().to_owned();
    let text = std::fs::read_to_string(&script).unwrap();
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# require-"))
        .map(|line| format!("require-{}", line.split(' ').next().unwrap()))
        .collect();
    assert!(names.len() >= 4, "{text}");
    let known = include_str!("../../nu/migrate/checks.nu");
    for name in names {
        assert!(known.contains(&format!("export def {name} [")), "{name}");
    }
}

#[test]
fn three_thousand_steps_are_no_trouble() {
    let project = Project::new();
    for number in 0..3_000 {
        project.write(
            &format!("db/{:014}_core_m.sql", 20_240_101_000_000_u64 + number),
            "SELECT 1 \\g /dev/null\n",
        );
    }
    project.write(
        "db/20240101002999_core_m.nu",
        "$env.MIGRATION.planned | length",
    );
    let started = Instant::now();
    let output = project.nu(
        "migrate run db --quiet --full --check {|m| true } | last | get validation.result | to json -r",
    );
    assert_eq!(output.text(), "[true,2999]", "{}", output.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}
