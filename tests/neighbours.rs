//! Files outside of a transaction, beside others.

use std::process::Stdio;

use crate::support::Project;

const A: &str = "20240101000000_core_a.sql";
const B: &str = "20240102000000_core_b.sql";
const C: &str = "20240103000000_core_c.sql";

#[test]
fn an_index_that_another_session_builds_is_no_failure() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int); CREATE TABLE b (id int);\n"),
        (B, "-- migrate: no-transaction\nSELECT 1;\n"),
    ]);
    project.nu("migrate run db --steps 1 | ignore").text();
    // An open transaction keeps the other session's index from being finished.
    let sql = |sql: &str| {
        let mut command = project.psql();
        command.args(["-c", sql]).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let mut reader = sql("BEGIN; INSERT INTO a VALUES (1); SELECT pg_sleep(4)");
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)%' AND pid <> pg_backend_pid()");
    let mut builder = sql("CREATE INDEX CONCURRENTLY others ON a (id)");
    project.wait_until("SELECT count(*) = 1 FROM pg_index WHERE NOT indisvalid");
    assert_eq!(
        project.nu("migrate run db | get state | to json -r").text(),
        "[\"applied\"]"
    );
    builder.wait().unwrap();
    reader.wait().unwrap();
}

#[test]
fn an_invalid_index_of_another_name_is_no_failure() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int); CREATE INDEX a_id ON a (id);\n"),
        (
            B,
            "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY a_id_2 ON a (id);\n",
        ),
    ]);
    project.nu("migrate run db --steps 1 | ignore").text();
    project.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_id'::regclass");
    assert_eq!(project.nu("migrate run db | length").text(), "1");
}

#[test]
fn an_index_on_only_a_partitioned_table_may_wait_for_its_parts() {
    let project = Project::with(&[
        (
            A,
            "CREATE TABLE p (id int) PARTITION BY LIST (id);\n\
             CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1);\n",
        ),
        (
            B,
            "-- migrate: no-transaction\nCREATE INDEX p_id ON ONLY p (id);\n\
             CREATE INDEX CONCURRENTLY p_1_id ON p_1 (id);\n",
        ),
        (C, "ALTER INDEX p_id ATTACH PARTITION p_1_id;\n"),
    ]);
    assert_eq!(project.nu("migrate run db | length").text(), "3");
}

#[test]
fn notifications_are_no_answers() {
    let project = Project::with(&[
        (
            A,
            "-- migrate: no-transaction\nLISTEN news;\nNOTIFY news;\n\
             \\! sleep 0.2\n",
        ),
        (B, "-- migrate: no-transaction\nLISTEN news;\n\\! $NOTIFY\n"),
        (C, "CREATE TABLE c (id int);\n"),
    ]);
    let mut project = project;
    let notify = format!(
        "{} -X -q -c 'NOTIFY news'",
        crate::support::server::PSQL.display()
    );
    project.set("NOTIFY", &notify);
    assert_eq!(project.nu("migrate run db | length").text(), "3");
}
