//! `migrate seal`: a track's lock file, and what no longer agrees with it.

use std::process::Command;

use serde_json::json;

use crate::support::Project;

const A: (&str, &str) = (
    "core/20240101000000_core_a.sql",
    "CREATE TABLE a (id int);\n",
);
const B: (&str, &str) = (
    "impl/20240102000000_impl_b.sql",
    "-- migrate: requires core/20240101000000\nCREATE TABLE b (id int);\n",
);
const UNDO: (&str, &str) = ("impl/20240102000000_impl_b.down.sql", "DROP TABLE b;\n");
const VIEW: (&str, &str) = (
    "impl/repeat_impl_v.sql",
    "CREATE OR REPLACE VIEW v AS SELECT * FROM b;\n",
);
const LOCK: &str = "db/impl/impl.migrate.lock";

fn sealed() -> Project {
    let project = Project::with(&[A, B, UNDO, VIEW]);
    project.nu("migrate seal db/impl").text();
    project
}

/// The code, and that the text of the error names all of this; nothing is in the database.
#[track_caller]
fn refused(project: &Project, code: &str, words: &[&str]) {
    for command in ["run db", "run db --dry-run", "rehearse db"] {
        let output = project.nu(&format!("migrate {command}"));
        for expected in [&code].into_iter().chain(words) {
            assert!(
                output.stderr.contains(expected),
                "{command}, {expected}: {}",
                output.stderr
            );
        }
    }
    assert_eq!(project.tables(), "");
}

#[test]
fn a_track_is_sealed_with_its_files_and_needs() {
    let project = Project::with(&[A, B, UNDO, VIEW]);
    let seal = "migrate seal db/impl | reject file | to json -r";
    let row = |added: i32| json!([{"track": "impl", "migrations": 2, "added": added, "changed": 0, "removed": 0, "needs": "core/20240101000000"}]);
    assert_eq!(
        project.nu(&seal.replace("db/impl", "db/impl -n")).json(),
        row(3)
    );
    assert!(!project.path(LOCK).exists());
    assert_eq!(project.nu(seal).json(), row(3));
    let text = std::fs::read_to_string(project.path(LOCK)).unwrap();
    let names: Vec<_> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "track",
            "20240102000000_impl_b.down.sql",
            "20240102000000_impl_b.sql",
            "repeat_impl_v.sql"
        ]
    );
    assert!(text.contains(" requires core/20240101000000\n"), "{text}");
    assert_eq!(project.nu(seal).json(), row(0));
    // The same file is found from above, where the track must be named.
    assert_eq!(project.code("migrate seal db"), "migrate::track_unclear");
    assert_eq!(
        project
            .nu("migrate seal db --track impl | get 0.added")
            .text(),
        "0"
    );
    assert!(!project.path("db/impl.migrate.lock").exists());
    assert_eq!(project.nu("migrate run db | length").text(), "3");
}

#[test]
fn what_was_added_changed_or_removed_is_named() {
    let project = sealed();
    project.write("db/impl/20240103000000_impl_c.sql", "SELECT 1;\n");
    project.write(&format!("db/{}", UNDO.0), "DROP TABLE b CASCADE;\n");
    project.remove(&format!("db/{}", VIEW.0));
    refused(
        &project,
        "migrate::not_sealed",
        &[
            "changed 20240102000000_impl_b.down.sql",
            "added 20240103000000_impl_c.sql",
            "removed repeat_impl_v.sql",
            "migrate seal",
            "The database was not changed.",
        ],
    );
    let found = project.nu("migrate validate db | where rule == not-sealed | select severity track message | to json -r");
    let found = found.json();
    assert_eq!(
        (&found[0]["severity"], &found[0]["track"]),
        (&json!("error"), &json!("impl"))
    );
    assert!(
        found[0]["message"]
            .as_str()
            .unwrap()
            .contains("added 20240103000000_impl_c.sql"),
        "{found}"
    );
    let offline = project.nu("migrate validate db --offline | where rule == not-sealed | length");
    assert_eq!(offline.text(), "1");
    // Another track is nobody's hostage, and those who only look see all.
    assert_eq!(project.nu("migrate status db | length").text(), "3");
    assert_eq!(
        project.nu("migrate run db --track core | length").text(),
        "1"
    );
    project.nu("migrate seal db/impl").text();
    assert_eq!(project.nu("migrate run db | length").text(), "2");
}

#[test]
fn all_files_gone_is_a_change_too() {
    let project = sealed();
    for (file, _) in [B, UNDO, VIEW] {
        project.remove(&format!("db/{file}"));
    }
    refused(
        &project,
        "migrate::not_sealed",
        &["removed 20240102000000_impl_b.sql"],
    );
}

#[test]
fn a_lock_file_edited_by_hand_is_no_lock_file() {
    let project = sealed();
    let text = std::fs::read_to_string(project.path(LOCK)).unwrap();
    for (edited, problem) in [
        (
            text.replace("repeat_impl_v", "repeat_impl_w"),
            "edited by hand",
        ),
        (
            text.lines().take(2).collect::<Vec<_>>().join("\n"),
            "edited by hand",
        ),
        (String::new(), "edited by hand"),
        (
            format!("<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n"),
            "conflict",
        ),
    ] {
        project.write(LOCK, edited);
        refused(
            &project,
            "migrate::bad_seal",
            &[problem, "impl/impl.migrate.lock", "migrate seal"],
        );
    }
    let found = project.nu("migrate validate db --offline | where rule == bad-seal | length");
    assert_eq!(found.text(), "1");
    assert_eq!(project.nu("migrate status db | length").text(), "3");
    project.write("db/other/impl.migrate.lock", &text);
    project.write(LOCK, &text);
    refused(
        &project,
        "migrate::bad_seal",
        &["another lock file of the same track"],
    );
    project.remove("db/other/impl.migrate.lock");
    assert_eq!(project.nu("migrate run db | length").text(), "3");
}

#[test]
fn line_endings_are_no_change() {
    let project = sealed();
    for file in [
        LOCK,
        "db/impl/20240102000000_impl_b.sql",
        "db/impl/20240102000000_impl_b.down.sql",
        "db/impl/repeat_impl_v.sql",
    ] {
        let text = std::fs::read_to_string(project.path(file)).unwrap();
        project.write(file, text.replace('\n', "\r\n"));
    }
    assert_eq!(project.nu("migrate run db | length").text(), "3");
}

#[test]
fn two_branches_that_both_add_collide() {
    let project = sealed();
    let git = |arguments: &str| {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments.split(' '))
            .current_dir(project.path("db"))
            .output()
            .unwrap();
        output.status.success()
    };
    let add = |branch: &str, file: &str| {
        assert!(git(&format!("checkout -q -b {branch} main")));
        project.write(&format!("db/impl/{file}"), "SELECT 1;\n");
        project.nu("migrate seal db/impl").text();
        assert!(git("add ."));
        assert!(git(&format!("commit -q -m {branch}")));
    };
    assert!(git("init -q -b main") && git("add .") && git("commit -q -m main"));
    add("one", "20240103000000_impl_one.sql");
    add("two", "repeat_impl_two.sql");
    assert!(
        !git("merge -q one"),
        "both are in the track, and nobody has looked"
    );
    assert_eq!(project.code("migrate run db"), "migrate::bad_seal");
    project.nu("migrate seal db/impl").text();
    assert_eq!(project.nu("migrate run db | length").text(), "5");
}

#[test]
fn a_lock_file_that_cannot_be_written_is_told() {
    let project = Project::with(&[A]);
    std::fs::create_dir_all(project.path("db/core/core.migrate.lock/x")).unwrap();
    assert_eq!(project.code("migrate seal db/core"), "migrate::not_written");
    assert_eq!(
        project.code("migrate seal nowhere"),
        "migrate::no_such_directory"
    );
    project.write("empty/x.txt", "");
    assert_eq!(project.code("migrate seal empty"), "migrate::no_migrations");
}

#[test]
fn a_lock_file_that_leads_nowhere_is_not_passed_over() {
    let project = sealed();
    std::fs::rename(project.path(LOCK), project.path("kept")).unwrap();
    std::os::unix::fs::symlink("nowhere", project.path(LOCK)).unwrap();
    refused(&project, "migrate::unreadable_file", &["impl.migrate.lock"]);
}
