//! Errors that a file keeps quiet: past the lexer, psql was told not to stop at them.

use crate::support::Project;

const A: &str = "db/20240101000000_core_a.sql";

/// Ways to switch ON_ERROR_STOP off that nobody can see in the file's text.
const WAYS: [&str; 4] = [
    "\\set n ON_ERROR_STOP\n\\set :n off\n",
    "\\set ON_ERROR_STOP `echo off`\n",
    "\\getenv ON_ERROR_STOP OFF\n",
    "\\set part off\n\\i :migration_dir/:part.psql\n",
];

fn project(text: &str) -> Project {
    let mut project = Project::new();
    project.set("OFF", "off");
    project.write("db/off.psql", "\\set ON_ERROR_STOP off\n");
    project.write(A, text);
    project
}

#[test]
fn an_error_outside_of_a_transaction_counts() {
    for way in WAYS {
        let project = project(&format!(
            "-- migrate: no-transaction\n{way}CREATE TABLE a (id int);\nSELECT 1/0;\n\
             CREATE TABLE b (id int);\n"
        ));
        let output = project.nu("migrate run db");
        for expected in [
            "migrate::sql_failed",
            "division by zero",
            "SELECT 1/0",
            "STAYS in the",
        ] {
            assert!(output.stderr.contains(expected), "{way}: {output:?}");
        }
        assert_eq!(project.tables(), "a b migrations_core");
        assert_eq!(project.sql("SELECT state FROM migrations_core"), "failed");
    }
}

#[test]
fn an_error_of_psqls_own_counts_where_psql_does_not_stop() {
    let way = WAYS[0];
    let project = project(&format!(
        "-- migrate: no-transaction\n{way}\\copy nowhere from 'no such file'\nCREATE TABLE a ();\n"
    ));
    let output = project.nu("migrate run db");
    assert!(
        output.stderr.contains("No such file or directory"),
        "{output:?}"
    );
    assert_eq!(project.sql("SELECT state FROM migrations_core"), "failed");
}

#[test]
fn an_error_that_a_savepoint_took_back_counts_in_a_transaction() {
    for way in WAYS {
        let project = project(&format!(
            "{way}CREATE TABLE a (id int);\nSAVEPOINT s;\nSELECT 1/0;\nROLLBACK TO s;\n"
        ));
        let output = project.nu("migrate run db");
        assert!(
            output.stderr.contains("division by zero"),
            "{way}: {output:?}"
        );
        assert!(
            output.stderr.contains("Everything was rolled back"),
            "{way}: {output:?}"
        );
        assert_eq!(project.tables(), "");
    }
}

#[test]
fn what_only_looks_like_an_error_is_none() {
    let imitations = "\\warn 'psql:/db/a.sql:1: ERROR:  22012: division by zero'\n\
         \\warn 'psql:/db/a.sql:1: error: nothing'\n\
         DO $$ BEGIN RAISE NOTICE 'odd' USING ERRCODE = '22012'; END $$;\n";
    let project = project(&format!("-- migrate: no-transaction\n{imitations}"));
    project.write("db/20240102000000_core_b.sql", imitations);
    let states = "migrate rehearse db --transaction each | get state | to json -r";
    assert_eq!(project.nu(states).text(), "[\"skipped\",\"rehearsed\"]");
    assert_eq!(project.nu("migrate run db | length").text(), "2");
}

/// psql 18 goes on behind an error in a pipeline, whatever ON_ERROR_STOP says.
#[test]
fn an_error_in_a_pipeline_counts() {
    let project = project(
        "-- migrate: no-transaction\nCREATE TABLE a (id int);\n\\startpipeline\n\
         SELECT 1/0 \\bind \\sendpipeline\n\\endpipeline\nCREATE TABLE b (id int);\n",
    );
    let output = project.nu("migrate run db");
    assert!(output.stderr.contains("migrate::sql_failed"), "{output:?}");
    let said = ["division by zero", "\\startpipeline"];
    assert!(
        said.iter().any(|said| output.stderr.contains(said)),
        "{output:?}"
    );
    assert_eq!(project.sql("SELECT state FROM migrations_core"), "failed");
}
