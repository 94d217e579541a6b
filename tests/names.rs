//! Names that hurt: spaces, quotes, percent signs, backslashes, letters of other languages.

use std::fs;

use crate::support::Project;

const FOLDERS: [&str; 5] = [
    "with space",
    "it's \"quoted\"",
    "100% $HOME `x`",
    "back\\slash",
    "größe 文",
];

#[test]
fn odd_folders_and_descriptions_reach_psql_whole() {
    let project = Project::new();
    for (number, folder) in FOLDERS.iter().enumerate() {
        let stem = format!(
            "db/{folder}/2024010100000{number}_core_{}",
            folder.replace('"', "")
        );
        project.write(
            &format!("{stem}.sql"),
            format!(
                "\\ir 'rows here.sql'\n\\copy t from 'rows.csv'\nINSERT INTO t VALUES ({number});\n"
            ),
        );
        project.write(
            &format!("db/{folder}/rows here.sql"),
            "CREATE TABLE IF NOT EXISTS t (id int);\n",
        );
        project.write(&format!("db/{folder}/rows.csv"), "9\n");
    }
    assert_eq!(project.nu("migrate run ./db | length").text(), "5");
    assert_eq!(project.sql("SELECT count(*) FROM t"), "10");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
}

#[test]
fn an_odd_root_works_and_an_error_names_it() {
    let project = Project::new();
    project.write("my 'own' db %s/20240101000000_core_a.sql", "SELECT nope;\n");
    let output = project.nu("migrate run \"my 'own' db %s\"");
    assert!(
        output.stderr.contains("column \"nope\" does not exist"),
        "{}",
        output.stderr
    );
    project.write("my 'own' db %s/20240101000000_core_a.sql", "SELECT 1;\n");
    project.nu("migrate run \"my 'own' db %s\"").text();
}

#[test]
fn a_file_in_another_encoding_is_bytes() {
    let mut project = Project::new();
    project.write(
        "db/20240101000000_core_größe.sql",
        b"SET client_encoding = 'LATIN1';\nCREATE TABLE t AS SELECT 'gr\xF6\xDFe'::text AS word;\n",
    );
    project.nu("migrate run ./db").text();
    assert_eq!(project.sql("SELECT word = 'größe' FROM t"), "t");
    assert_eq!(
        project.sql("SELECT migration_name FROM migrations_core"),
        "20240101000000_core_größe.sql"
    );

    project.set("PGCLIENTENCODING", "LATIN1");
    project.write(
        "db/20240102000000_core_für.sql",
        b"INSERT INTO t VALUES ('f\xFCr');\n",
    );
    project.nu("migrate run ./db").text();
    assert_eq!(
        project.sql("SELECT count(*) FROM t WHERE word = 'für'"),
        "1"
    );
    assert_eq!(
        project.nu("migrate status ./db | get 1.name").text(),
        "20240102000000_core_für.sql"
    );
}

#[test]
fn symbolic_links_are_followed_and_a_loop_is_an_error() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    project.write("elsewhere/20240101000000_impl_a.sql", "SELECT 1;\n");
    std::os::unix::fs::symlink(project.path("elsewhere"), project.path("db/linked")).unwrap();
    assert_eq!(
        project
            .nu("migrate status ./db | get track | str join ' '")
            .text(),
        "core impl"
    );
    fs::create_dir(project.path("db/sub")).unwrap();
    std::os::unix::fs::symlink(project.path("db"), project.path("db/sub/loop")).unwrap();
    assert_eq!(project.nu("migrate status ./db").code, Some(1));
}

#[test]
fn a_name_that_is_not_unicode_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    let name = std::ffi::OsStr::from_bytes(b"db/20240102000000_core_\xFF.sql");
    fs::write(project.root().join(name), "SELECT 1;\n").unwrap();
    let output = project.nu("migrate status ./db");
    assert!(
        output.stderr.contains("is not UTF-8") || output.stderr.contains("is not"),
        "{}",
        output.stderr
    );
}
