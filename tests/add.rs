//! `migrate add`: new files that nothing is lost by.

use std::fs;

use crate::support::Project;

#[test]
fn the_first_file_is_ready_to_run() {
    let project = Project::new();
    let file = project
        .nu(r#"migrate add ./db/core "Create users" | get file.0"#)
        .text()
        .to_owned();
    let name = file.rsplit('/').next().unwrap();
    let (version, rest) = name.split_once('_').unwrap();
    assert_eq!((version.len(), rest), (14, "core_create_users.sql"));
    let made = chrono::NaiveDateTime::parse_from_str(version, "%Y%m%d%H%M%S")
        .unwrap()
        .and_utc();
    assert!(
        (chrono::Utc::now() - made).num_seconds().abs() < 60,
        "UTC, now"
    );
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .starts_with("-- create users\n")
    );
    assert_eq!(project.nu("migrate run ./db | get 0.name").text(), name);
}

#[test]
fn the_result_pipes_on() {
    let project = Project::new();
    let script = r#"migrate add ./db "one" --track core | get file | each {|file| "CREATE TABLE one (id int);" | save --append $file }; migrate run ./db | length"#;
    assert_eq!(project.nu(script).text(), "1");
    assert_eq!(project.tables(), "migrations_core one");
}

#[test]
fn the_track_comes_from_the_flag_the_files_or_the_folder() {
    let project = Project::new();
    let add = |script: &str| {
        let output = project.nu(&format!("{script} | get file.0"));
        let file = output.text().to_owned();
        let path = file
            .strip_prefix(&format!("{}/", project.root().display()))
            .unwrap()
            .to_owned();
        let (folder, name) = path.rsplit_once('/').unwrap();
        (
            folder.to_owned(),
            name.split('_').nth(1).unwrap().to_owned(),
        )
    };
    let expect = |folder: &str, track: &str| (folder.to_owned(), track.to_owned());
    assert_eq!(add("migrate add ./db/core a"), expect("db/core", "core"));
    assert_eq!(add("migrate add ./db b"), expect("db/core", "core"));
    assert_eq!(
        add("migrate add ./db c --track impl"),
        expect("db/impl", "impl")
    );
    let output = project.nu("try { migrate add ./db d } catch {|e| $e.details.code }");
    assert_eq!(output.text(), "migrate::track_unclear");
}

#[test]
fn many_at_once_never_collide() {
    let project = Project::new();
    let script = r#"1..20 | each { migrate add ./db "same words" --track core }; migrate status ./db | length"#;
    assert_eq!(project.nu(script).text(), "20");
}
