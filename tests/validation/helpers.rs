//! The helpers of validation scripts in the user's own shell.

use std::fs;

use crate::support::Project;

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

#[test]
fn an_installation_makes_them_known_to_the_next_shell() {
    let project = Project::with(&[A]);
    project.nu("migrate run ./db | ignore").text();
    let state = |flags: &str| {
        let command = format!("migrate checks {flags} | get 0.state");
        project.nu(&command).text().to_owned()
    };
    assert_eq!(state(""), "missing");
    let helpers =
        "use migrate/checks.nu *; require-table a; query 'SELECT count(*) AS n FROM a' | get 0.n";
    assert_eq!(project.nu(helpers).code, Some(1));
    assert_eq!(state("--install"), "written");
    assert_eq!(state(""), "current");
    assert_eq!(project.nu(helpers).text(), "0");
    let missing = project.nu("use migrate/checks.nu *; require-table b");
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("expected"), "{}", missing.stderr);
    // Another version's.
    let file = project.path("nushell/scripts/migrate/checks.nu");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n# older")).unwrap();
    assert_eq!(state(""), "outdated");
    assert_eq!(state("--install"), "written");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(state("--install"), "current");
}

#[test]
fn another_folder_and_what_is_in_the_way() {
    let mut project = Project::with(&[A]);
    let install = "migrate checks --install --into './my modules' | get 0.state";
    assert_eq!(project.nu(install).text(), "written");
    let by_path = "use './my modules/migrate/checks.nu' *; require-schema public; 'fine'";
    assert_eq!(project.nu(by_path).text(), "fine");
    // Somebody's own file stays.
    project.write("other/migrate/checks.nu", "export def own [] {}\n");
    let over = "migrate checks --install --into ./other";
    assert_eq!(project.code(over), "migrate::not_written");
    let own = fs::read_to_string(project.path("other/migrate/checks.nu")).unwrap();
    assert_eq!(own, "export def own [] {}\n");
    project.write("file", "");
    let below = "migrate checks --install --into ./file";
    assert_eq!(project.code(below), "migrate::unreadable_file");
    // The user's list comes first, where it names no folder for scripts.
    let listed = "$env.NU_LIB_DIRS = [./lib]; migrate checks --install | get 0.file | path relative-to $env.PWD";
    assert_eq!(project.nu(listed).text(), "lib/migrate/checks.nu");
    let nowhere = "$env.NU_LIB_DIRS = []; migrate checks --install";
    assert_eq!(project.code(nowhere), "migrate::bad_flag");
    project.set("NU_LIB_DIRS", "/first:/second");
    let listed = "migrate checks | get 0.file | path relative-to $env.HOME";
    assert_eq!(
        project.nu(listed).text(),
        "nushell/scripts/migrate/checks.nu"
    );
}
