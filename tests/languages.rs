//! A server that does not speak English: what failed is known all the same.

use std::sync::LazyLock;

use crate::support::Project;
use crate::support::server::{Cluster, Server};

/// A server that speaks German, where this computer has the locale and the server its messages.
static GERMAN: LazyLock<Option<Server>> = LazyLock::new(|| {
    let server = Cluster::german().and_then(|cluster| cluster.start());
    server
        .inspect_err(|error| eprintln!("no server speaks German here: {error}"))
        .ok()
        .filter(|server| {
            let described = "SELECT short_desc FROM pg_settings WHERE name = 'port'";
            !server.sql("postgres", described).starts_with("Sets ")
        })
});

const A: &str = "db/20240101000000_core_a";
const B: &str = "db/20240102000000_core_b";

fn project() -> Option<Project> {
    let project = Project::on(GERMAN.as_ref()?);
    project.write(&format!("{A}.sql"), "CREATE TABLE a (id int);");
    Some(project)
}

#[test]
fn a_late_check_that_fails_stops_the_run() {
    let Some(project) = project() else { return };
    project.write(
        &format!("{A}.nu"),
        "# migrate: late\nuse migrate/checks.nu *\nquery 'TABLE nowhere'",
    );
    let output = project.nu("migrate run db");
    for expected in [
        "migrate::validation_failed",
        "Relation »nowhere« existiert nicht",
    ] {
        assert!(output.stderr.contains(expected), "{output:?}");
    }
    assert!(!output.stderr.contains("42P01"), "{output:?}");
    assert_eq!(project.tables(), "");
}

#[test]
fn helpers_say_what_is_missing() {
    let Some(project) = project() else { return };
    project.write(
        &format!("{A}.nu"),
        "# migrate: late\nuse migrate/checks.nu *\ntry { query 'SELECT 1/0' } catch {|error| print $error.msg }\n\
         require-table nowhere",
    );
    let output = project.nu("migrate run db");
    for expected in ["Division durch Null", "expected the table nowhere"] {
        assert!(output.stderr.contains(expected), "{output:?}");
    }
}

#[test]
fn a_notice_with_an_odd_code_is_no_error() {
    let Some(project) = project() else { return };
    project.write(
        &format!("{A}.sql"),
        "DO $$ BEGIN RAISE NOTICE 'hallo' USING ERRCODE = '22012'; END $$;",
    );
    project.write(&format!("{B}.sql"), "SELECT 1/0;");
    let states = "migrate rehearse db --transaction each | get state | to json -r";
    assert_eq!(project.nu(states).text(), "[\"rehearsed\",\"failed\"]");
}

#[test]
fn an_error_of_a_terse_file_keeps_its_code() {
    let Some(project) = project() else { return };
    project.write(
        &format!("{B}.sql"),
        "\\set VERBOSITY terse\n\\warn 'psql:x.sql:1: FEHLER:  42P01: not this one'\nSELECT 1/0;",
    );
    let output = project.nu("migrate run db");
    for expected in [
        "migrate::sql_failed",
        "Division durch Null",
        "SQLSTATE 22012",
        "20240102000000_core_b.sql, line 3",
    ] {
        assert!(output.stderr.contains(expected), "{output:?}");
    }
}

#[test]
fn a_lock_timeout_of_a_terse_file_is_tried_again() {
    let Some(project) = project() else { return };
    project.write(
        &format!("{B}.sql"),
        "\\set VERBOSITY terse\nDO $$ BEGIN RAISE EXCEPTION 'belegt' USING ERRCODE = '55P03'; END $$;",
    );
    let output = project.nu("migrate run db --retries 1");
    assert!(output.stderr.contains("tried 2 times"), "{output:?}");
}

#[test]
fn what_is_in_the_way_is_carried() {
    let Some(project) = project() else { return };
    project.write(&format!("{A}.sql"), "CREATE TABLE a (id int, x int);");
    project.write(
        "db/repeat_core_v.sql",
        "CREATE OR REPLACE VIEW v AS SELECT * FROM a;\n",
    );
    project.nu("migrate run db").text();
    for (number, statement) in [
        "ALTER TABLE a ALTER id TYPE bigint;",
        "ALTER TABLE a DROP x;",
    ]
    .iter()
    .enumerate()
    {
        project.write(&format!("db/2024020{number}000000_core_c.sql"), statement);
        let output = project.nu("migrate run db | get reason | to json -r");
        assert_eq!(output.text(), "[null,\"carried\"]", "{output:?}");
    }
}
