//! `migrate import`, and the way from another tool to here: import, adopt, run.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{Project, assert_golden};

const FOREIGN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign");

/// A database and a folder as the real tool has left them.
fn made_by(tool: &str) -> Project {
    let project = Project::new();
    project.sql(&fs::read_to_string(format!("{FOREIGN}/{tool}_history.sql")).unwrap());
    copy(&Path::new(FOREIGN).join(tool), &project.path("theirs"));
    project
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The whole walk: what the tool has applied is applied here, a fresh database gets the same, and what was
/// applied can be undone.
fn walk(tool: &str) -> Project {
    let project = made_by(tool);
    let import = format!("migrate import ./theirs --from {tool} --into ./db/core");
    let planned = project.nu(&format!("{import} --dry-run | to json")).json();
    assert!(!project.path("db").exists(), "a dry run");
    assert_eq!(project.nu(&format!("{import} | to json")).json(), planned);
    let adopt = format!("migrate adopt ./db --from {tool} | get state | to json");
    assert_eq!(project.nu(&adopt).json(), json!(["marked", "marked"]));
    assert_eq!(project.nu("migrate run ./db | length").text(), "0");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
    assert_eq!(
        project
            .nu("migrate validate ./db | where severity == error | length")
            .text(),
        "0"
    );
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
                   WHERE attrelid = 'customer'::regclass AND attnum > 0 AND NOT attisdropped";
    let fresh = Project::new();
    copy(&project.path("db"), &fresh.path("db"));
    assert_eq!(fresh.nu("migrate run ./db | length").text(), "2");
    assert_eq!(fresh.sql(columns), project.sql(columns));
    assert_eq!(
        project.nu("migrate undo ./db --steps 2 | length").text(),
        "2"
    );
    assert_eq!(project.sql("SELECT to_regclass('customer') IS NULL"), "t");
    project
}

#[test]
fn from_the_real_dbmate() {
    let project = walk("dbmate");
    let imported = project.nu("migrate import ./theirs --from dbmate --into ./other/core | select from kind note | to json");
    assert_eq!(
        imported.json(),
        json!([
            {"from": "20240101000000_create_customer.sql", "kind": "migration", "note": ""},
            {"from": "20240101000000_create_customer.sql", "kind": "undo", "note": ""},
            {"from": "20240102000000_index_name.sql", "kind": "migration", "note": "no-transaction"},
            {"from": "20240102000000_index_name.sql", "kind": "undo", "note": "no-transaction"},
        ])
    );
}

#[test]
fn from_the_real_sqitch() {
    let project = walk("sqitch");
    let verified = project.nu("migrate adopt ./db --from sqitch | get verified | to json");
    assert_eq!(
        verified.json(),
        json!([true, true]),
        "the scripts' SHA-1, under our directives"
    );
    let script = project.path("db/core");
    let deployed = fs::read_dir(script)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let changed = deployed
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with("_phone.sql"));
    fs::write(changed.unwrap(), "SELECT 1;\n").unwrap();
    project.sql("DROP TABLE migrations_core");
    assert_eq!(
        project.code("migrate adopt ./db --from sqitch"),
        "migrate::foreign_changed"
    );
}

#[test]
fn nothing_is_written_where_anything_is_wrong() {
    let project = Project::new();
    project.write("theirs/20240101000000_a.sql", "-- migrate:up\nSELECT 1;\n");
    project.write("theirs/20240102000000_b.sql", "-- +goose Up\nSELECT 1;\n");
    project.write("theirs/notes.sql", "SELECT 1;\n");
    let output = project.nu("migrate import ./theirs --from dbmate --into ./db/core");
    assert_golden("error_import_bad_folder", &project.mask(&output.stderr));
    project.remove("theirs/20240102000000_b.sql");
    project.remove("theirs/notes.sql");
    project.write("db/core/20240101000000_core_a.sql", "mine");
    let output = project.nu("migrate import ./theirs --from dbmate --into ./db/core");
    assert_golden("error_import_taken", &project.mask(&output.stderr));
    assert_eq!(
        fs::read_to_string(project.path("db/core/20240101000000_core_a.sql")).unwrap(),
        "mine"
    );
    for (flags, code) in [
        ("--from dbmate", "migrate::bad_flag"),
        ("--into ./db/new", "migrate::bad_flag"),
        (
            "--from dbmate --into './db/My Track'",
            "migrate::track_unclear",
        ),
        ("--from predecessor --into ./db/new", "migrate::bad_import"),
    ] {
        assert_eq!(
            project.code(&format!("migrate import ./theirs {flags}")),
            code,
            "{flags}"
        );
    }
    assert_eq!(
        project.code("migrate import ./nowhere --from dbmate --into ./db/new"),
        "migrate::no_such_directory"
    );
    assert!(!project.path("db/new").exists());
}
