//! Files that cannot be edited: what a run can live with passes, by itself or because somebody says so.

use crate::support::Project;

const A: &str = "db/20240101000000_core_a.sql";

/// Our transaction is aborted by the first error, and nothing behind it counts.
#[test]
fn going_on_behind_errors_does_no_harm_inside_of_our_transaction() {
    for way in [
        "\\unset ON_ERROR_STOP",
        "\\set ON_ERROR_STOP off",
        "\\set AUTOCOMMIT off",
    ] {
        let project = Project::new();
        let text = format!("{way}\nCREATE TABLE a ();\nSELECT 1/0;\nSELECT nope;\n");
        project.write(A, &text);
        project.write("db/20240102000000_core_b.sql", "CREATE TABLE b ();\n");
        let said = project.nu("migrate run db").stderr;
        assert!(said.contains("division by zero"), "{way}: {said}");
        assert!(said.contains("Everything was rolled back"), "{way}: {said}");
        assert_eq!(project.tables(), "");
        project.write(A, text.replace("SELECT 1/0;\nSELECT nope;\n", ""));
        assert_eq!(project.nu("migrate run db | length").text(), "2", "{way}");
        assert_eq!(project.tables(), "a b migrations_core");
    }
}

#[test]
fn outside_of_it_a_file_must_say_that_it_is_meant() {
    let project = Project::new();
    let text = "-- migrate: no-transaction\n\\set AUTOCOMMIT off\nCREATE TABLE a ();\nCOMMIT;\n";
    project.write(A, text);
    assert_eq!(project.code("migrate run db"), "migrate::forbidden");
    let rules = "migrate validate db --offline | get rule | to json -r";
    assert_eq!(project.nu(rules).text(), "[\"forbidden-command\"]");
    project.write(A, format!("-- migrate: allow forbidden-command\n{text}"));
    assert_eq!(project.nu(rules).text(), "[]");
    project.nu("migrate run db").text();
    assert_eq!(project.tables(), "a migrations_core");
}

/// `\q` ends the file; `\prompt` stands in a branch that is not taken.
#[test]
fn the_setting_allows_it_to_files_that_cannot_be_edited() {
    let mut project = Project::new();
    project.write(
        A,
        "CREATE TABLE a ();\n\\if :{?tenant}\n\\else\n\\prompt 'Tenant: ' tenant\n\\endif\n\
         COMMENT ON TABLE a IS :'tenant';\n\\q\nCREATE TABLE never ();\n",
    );
    project.write("db/20240102000000_core_b.sql", "CREATE TABLE b ();\n");
    let run = "migrate run db --set {tenant: acme}";
    assert_eq!(project.code(run), "migrate::forbidden");
    project.set("MIGRATE_ALLOW", "forbidden-command, ban-drop-table");
    assert_eq!(project.nu(&format!("{run} | length")).text(), "2");
    assert_eq!(project.tables(), "a b migrations_core");
    // Nobody answers a prompt: an error, and no wait.
    project.write(
        "db/20240103000000_core_c.sql",
        "\\prompt 'x' x\nCREATE TABLE c ();\n",
    );
    assert_eq!(project.code("migrate run db"), "migrate::sql_failed");
    // What no run can live with stays refused.
    for fatal in ["\\c\n", "\\password\n", "\\ef\n", "SELECT 1 \\watch 1\n"] {
        project.write("db/20240103000000_core_c.sql", fatal);
        assert_eq!(
            project.code("migrate run db"),
            "migrate::forbidden",
            "{fatal}"
        );
    }
    project.set("MIGRATE_ALLOW", "changed");
    assert_eq!(project.code("migrate run db"), "migrate::bad_settings");
}
