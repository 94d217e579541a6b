//! Servers and databases that hold and say other things than English in UTF-8.

use super::{is_wanted, note};
use crate::outcomes::said;
use crate::support::Project;
use crate::support::server::{Cluster, SERVER};

const A: &str = "db/20240101000000_core_a.sql";
const B: &str = "db/20240102000000_core_b.sql";

/// A file that fails behind one that does not; then it is mended.
fn fail_and_complete(project: &Project, word: &str, case: &str) {
    project.write(A, format!("CREATE TABLE \"{word}\" (id int);\n"));
    project.write(B, format!("\\echo '{word}'\nSELECT '{word}'::int;\n"));
    let output = project.nu("migrate run ./db");
    let text = said(&output);
    for expected in [
        "migrate::sql_failed",
        "22P02",
        word,
        "as it was before the run",
    ] {
        assert!(text.contains(expected), "{case}: {expected}: {output:?}");
    }
    assert_eq!(project.tables(), "", "{case}");
    project.write(B, format!("INSERT INTO \"{word}\" VALUES (1);\n"));
    assert_eq!(
        project.nu("migrate run ./db | length").text(),
        "2",
        "{case}"
    );
    let states = project.nu("migrate status ./db | get state | str join ' '");
    assert_eq!(states.text(), "applied applied", "{case}");
    let count = project
        .psql()
        .env("PGCLIENTENCODING", "UTF8")
        .args([
            "-A",
            "-t",
            "-c",
            &format!("SELECT count(*) FROM \"{word}\""),
        ])
        .output();
    assert_eq!(count.unwrap().stdout, b"1\n", "{case}");
    note(case, "rolled back, told in its own letters");
}

#[test]
fn databases_of_other_encodings() {
    if !is_wanted() {
        return;
    }
    for (encoding, word) in [
        ("LATIN1", "größe"),
        ("WIN1251", "цена"),
        ("EUC_JP", "東京"),
        ("SQL_ASCII", "größe"),
    ] {
        let project = Project::new();
        let database = &project.database;
        SERVER.sql("postgres", &format!("DROP DATABASE {database}"));
        SERVER.sql(
            "postgres",
            &format!(
                "CREATE DATABASE {database} TEMPLATE template0 ENCODING '{encoding}' \
                 LC_COLLATE 'C' LC_CTYPE 'C'"
            ),
        );
        fail_and_complete(&project, word, &format!("a database in {encoding}"));
    }
}

#[test]
fn a_server_that_speaks_german() {
    if !is_wanted() {
        return;
    }
    match Cluster::german().and_then(|cluster| cluster.start()) {
        Ok(server) => {
            fail_and_complete(
                &Project::on(&server),
                "größe",
                "a server that speaks German",
            );
        }
        Err(reason) => note("a server that speaks German", &format!("SKIPPED: {reason}")),
    }
}
