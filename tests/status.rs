//! `migrate status` and `migrate history`: tables that nushell can work with.

use serde_json::json;

use crate::support::Project;

const CORE_A: (&str, &str) = (
    "core/20240101000000_core_a.sql",
    "CREATE TABLE core_a (id int);\n",
);
const CORE_B: (&str, &str) = ("core/20240102000000_core_b.sql", "SELECT pg_sleep(0.3);\n");
const IMPL: (&str, &str) = ("impl/20240103000090_impl_no-date.sql", "SELECT 1;\n");

fn applied() -> Project {
    let project = Project::with(&[CORE_A, CORE_B, IMPL]);
    project.nu("migrate run ./db").text();
    project
}

#[test]
fn a_database_without_ledgers_is_all_pending_and_stays_untouched() {
    let project = Project::with(&[CORE_A, IMPL]);
    let rows = project.nu("migrate status ./db | to json").json();
    let file = |path: &str| project.path(&format!("db/{path}")).display().to_string();
    assert_eq!(
        rows,
        json!([
            {"track": "core", "version": "20240101000000", "description": "a", "state": "pending",
             "pending": true, "applied_at": null, "duration": null,
             "timestamp": "2024-01-01T00:00:00+00:00", "name": "20240101000000_core_a.sql",
             "file": file(CORE_A.0), "validation_time": null, "changes": null, "error": null,
             "kind": "versioned", "reason": null},
            {"track": "impl", "version": "20240103000090", "description": "no-date",
             "state": "pending", "pending": true, "applied_at": null, "duration": null,
             "timestamp": null, "name": "20240103000090_impl_no-date.sql", "file": file(IMPL.0),
             "validation_time": null, "changes": null, "error": null,
             "kind": "versioned", "reason": null},
        ])
    );
    assert_eq!(project.tables(), "");
}

#[test]
fn the_pipelines_of_the_contract() {
    let project = applied();
    project.write("db/core/20240105000000_core_new.sql", "SELECT 1;\n");
    let says = |script: &str, expected: &str| {
        assert_eq!(project.nu(script).text(), expected, "{script}");
    };
    says(
        "migrate status ./db | where pending | get version | to text",
        "20240105000000",
    );
    says(
        "migrate status ./db | where applied_at > (date now) - 1day | length",
        "3",
    );
    says(
        "migrate status ./db | group-by track | columns | str join ' '",
        "core impl",
    );
    says(
        "migrate history ./db | sort-by duration | last | get name",
        "20240102000000_core_b.sql",
    );
    says(
        "migrate history ./db | where duration > 290ms | length",
        "1",
    );
    says(
        "migrate status ./db | where state == applied | get duration | math sum | describe",
        "duration",
    );
    says(
        "migrate status ./db | get applied_at | first | describe",
        "datetime",
    );
    says(
        "migrate status ./db | get timestamp | first | describe",
        "datetime",
    );
}

#[test]
fn changed_and_missing_files_show() {
    let project = applied();
    project.write(
        "db/core/20240101000000_core_a.sql",
        "CREATE TABLE other (id int);\n",
    );
    project.remove("db/core/20240102000000_core_b.sql");
    let states =
        "migrate status ./db | select version state file | update file { is-not-empty } | to json";
    assert_eq!(
        project.nu(states).json(),
        json!([
            {"version": "20240101000000", "state": "changed", "file": true},
            {"version": "20240102000000", "state": "missing", "file": false},
            {"version": "20240103000090", "state": "applied", "file": true},
        ])
    );
}

#[test]
fn other_line_endings_are_no_change() {
    let project = applied();
    project.write(
        "db/core/20240101000000_core_a.sql",
        "\u{feff}CREATE TABLE core_a (id int);\r\n",
    );
    assert_eq!(
        project
            .nu("migrate status ./db | all {|row| $row.state == applied }")
            .text(),
        "true"
    );
}

#[test]
fn a_part_of_the_tree_sees_its_own_tracks() {
    let project = applied();
    let tracks = "get track | uniq | str join ' '";
    assert_eq!(
        project
            .nu(&format!("migrate status ./db/core | {tracks}"))
            .text(),
        "core"
    );
    assert_eq!(
        project
            .nu(&format!("migrate status ./db --track impl | {tracks}"))
            .text(),
        "impl"
    );
    assert_eq!(
        project
            .nu("migrate status ./db/core --track impl | get state | first")
            .text(),
        "missing"
    );
    assert_eq!(project.nu("migrate run ./db/core | length").text(), "0");
}

#[test]
fn the_summary_has_a_row_per_track() {
    let project = applied();
    project.write("db/core/20240105000000_core_new.sql", "SELECT 1;\n");
    let summary = project
        .nu("migrate status ./db --summary | upsert last_applied_at { describe } | upsert duration { describe } | to json")
        .json();
    let row = |track: &str, total: i32, applied: i32, pending: i32| {
        json!({"track": track, "total": total, "applied": applied, "pending": pending, "changed": 0,
               "missing": 0, "failed": 0, "last_applied_at": "datetime", "duration": "duration"})
    };
    assert_eq!(summary, json!([row("core", 3, 2, 1), row("impl", 1, 1, 0)]));
}

#[test]
fn offline_needs_no_database() {
    let mut project = Project::with(&[CORE_A, IMPL]);
    project.unset("PGDATABASE").set("PGPORT", "1");
    assert_eq!(
        project
            .nu("migrate status ./db --offline | get state | uniq | to json")
            .json(),
        json!(["unknown"])
    );
}

#[test]
fn history_tells_also_of_files_that_are_gone() {
    let project = applied();
    project.remove("db/impl/20240103000090_impl_no-date.sql");
    let rows = project
        .nu(
            "migrate history ./db | upsert applied_at { describe } | upsert duration { describe } \
             | upsert execution_id { str length } | upsert hash { str length } | last | to json",
        )
        .json();
    assert_eq!(
        rows,
        json!({"track": "impl", "version": "20240103000090",
               "name": "20240103000090_impl_no-date.sql", "timestamp": null,
               "description": "no-date", "state": "applied", "applied_at": "datetime",
               "duration": "duration", "applied_by": project.environment["PGUSER"],
               "execution_id": 36, "hash": 64, "validation_time": null, "error": null, "files": 1, "kind": "versioned"})
    );
    assert_eq!(
        project
            .nu("migrate history ./db --track core | length")
            .text(),
        "2"
    );
}

#[test]
fn ten_thousand_files_are_no_problem() {
    let project = Project::new();
    for number in 0..10_000 {
        project.write(
            &format!("db/{:02}/{:014}_core_m.sql", number % 20, number),
            "SELECT 1;\n",
        );
    }
    assert_eq!(
        project
            .nu("migrate status ./db | where pending | length")
            .text(),
        "10000"
    );
    let early = project.nu("migrate status ./db | first 2 | get version | to nuon --raw");
    assert_eq!(early.text(), "[\"00000000000000\",\"00000000000001\"]");
    assert_eq!(early.stderr, "");
}

#[test]
fn a_table_is_a_stream_where_nushell_prints_more_than_a_page() {
    let project = Project::new();
    for number in 0..=1000 {
        project.write(&format!("db/{number:014}_core_m.sql"), "SELECT 1;\n");
    }
    let kind = |rows: usize| {
        if rows == 1000 {
            project.remove("db/00000000000000_core_m.sql");
        }
        let described = project.nu("migrate status ./db --offline | describe");
        described.text().contains("(stream)")
    };
    assert!(kind(1001));
    assert!(!kind(1000));
}

#[test]
fn a_plugin_that_has_read_a_file_notices_an_edit_that_keeps_size_and_time() {
    let first = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
    let second = ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");
    let project = Project::with(&[first, second]);
    let script = "
        def edit [file: string, content: string] {
            ^cp -p $file before
            $content | save --force $file
            ^touch -r before $file
        }
        migrate run ./db --steps 1 | ignore
        sleep 2100ms # a file that is younger is read again anyway
        let before = (migrate status ./db | get state)
        edit db/20240101000000_core_a.sql \"CREATE TABLE x (id int);\\n\"
        let changed = (migrate status ./db | get state)
        edit db/20240101000000_core_a.sql \"CREATE TABLE a (id int);\\n\"
        edit db/20240102000000_core_b.sql \"CREATE TABLE c (id int);\\n\"
        migrate run ./db | ignore
        [$before $changed (migrate status ./db | get state)] | to json";
    assert_eq!(
        project.nu(script).json(),
        json!([
            ["applied", "pending"],
            ["changed", "pending"],
            ["applied", "applied"]
        ])
    );
    assert_eq!(project.tables(), "a c migrations_core");
}

#[test]
fn a_track_that_vanished_is_told_and_can_be_an_error() {
    let project = applied();
    let stderr = |script: &str| project.nu(script).stderr;
    assert_eq!(stderr("migrate status ./db | ignore"), "");
    // A submodule that is not checked out is an empty folder.
    project.remove("db/impl/20240103000090_impl_no-date.sql");
    let told = "the track impl has no file in";
    for command in ["status ./db", "run ./db", "run ./db --dry-run"] {
        let stderr = stderr(&format!("migrate {command} | ignore"));
        assert!(
            stderr.contains(told) && stderr.contains("1 migration in the database"),
            "{stderr}"
        );
    }
    // The folder of one track is about that track alone.
    for command in ["status ./db/core", "status ./db --track core"] {
        assert_eq!(
            stderr(&format!("migrate {command} | ignore")),
            "",
            "{command}"
        );
    }
    for command in [
        "status ./db",
        "run ./db",
        "rehearse ./db",
        "status ./db --offline",
    ] {
        let expecting = format!("migrate {command} --expect-tracks [core impl]");
        assert_eq!(project.code(&expecting), "migrate::tracks_missing");
    }
    project.write("db/migrate.json", r#"{"expect_tracks": "core, impl"}"#);
    assert_eq!(project.code("migrate run ./db"), "migrate::tracks_missing");
    assert_eq!(
        project
            .nu("migrate run ./db --expect-tracks core | length")
            .text(),
        "0"
    );
    project.write("db/impl/20240103000090_impl_no-date.sql", "SELECT 1;\n");
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
}
