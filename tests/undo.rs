//! `migrate undo`: a run backwards.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::{Project, assert_golden};

const A: &str = "20240101000000_core_a.sql";
const B: &str = "20240102000000_core_b.sql";
const I: &str = "20240101000000_impl_i.sql";

/// Three migrations of two tracks, each with the file that undoes it.
fn project() -> Project {
    Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        ("20240101000000_core_a.down.sql", "DROP TABLE a;\n"),
        (B, "CREATE TABLE b (id int);\n"),
        ("20240102000000_core_b.down.sql", "DROP TABLE b;\n"),
        (
            I,
            "-- migrate: requires core/20240101000000\nCREATE TABLE i (id int);\n",
        ),
        ("20240101000000_impl_i.down.sql", "DROP TABLE i;\n"),
    ])
}

fn names(project: &Project, script: &str) -> serde_json::Value {
    project.nu(&format!("{script} | get name | to json")).json()
}

#[test]
fn one_step_goes_and_is_pending_again() {
    let project = project();
    project.nu("migrate run ./db").text();
    let planned = "migrate undo ./db --dry-run | select track name state group | to json";
    assert_eq!(
        project.nu(planned).json(),
        json!([{"track": "impl", "name": I, "state": "planned", "group": 1}])
    );
    assert_eq!(
        project.sql("SELECT count(*) FROM migrations_impl"),
        "1",
        "a dry run"
    );
    let row = project.nu("migrate undo ./db | first | update undone_at { describe } | update applied_at { describe } | update duration { describe } | to json");
    assert_eq!(
        row.json(),
        json!({"track": "impl", "version": "20240101000000", "state": "undone", "description": "i",
               "duration": "duration", "applied_at": "datetime", "undone_at": "datetime",
               "group": 1, "name": I, "notices": ""})
    );
    assert_eq!(project.tables(), "a b migrations_core migrations_impl");
    assert_eq!(project.sql("SELECT count(*) FROM migrations_impl"), "0");
    assert_eq!(
        names(&project, "migrate status ./db | where pending"),
        json!([I])
    );
    assert_eq!(names(&project, "migrate run ./db"), json!([I]));
}

#[test]
fn what_was_applied_last_goes_first_in_one_transaction() {
    let project = project();
    project.nu("migrate run ./db").text();
    assert_eq!(
        names(&project, "migrate undo ./db --steps 3"),
        json!([I, B, A])
    );
    assert_eq!(project.tables(), "migrations_core migrations_impl");
    assert_eq!(
        project.nu("migrate undo ./db | length").text(),
        "0",
        "nothing is applied"
    );
    project.nu("migrate run ./db").text();
    assert_eq!(
        names(&project, "migrate undo ./db --to 20240101000000"),
        json!([B]),
        "what is later"
    );
    assert_eq!(
        names(
            &project,
            "migrate undo ./db --to 20230101000000 --track impl"
        ),
        json!([I])
    );
}

#[test]
fn an_error_leaves_everything_as_it_was() {
    let project = project();
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240101000000_core_a.down.sql",
        "DROP TABLE a;\nDROP TABLE nope;\n",
    );
    let output = project.nu("migrate undo ./db --steps 3");
    assert_eq!(output.code, Some(1));
    assert_golden("error_undo_failed", &project.mask(&output.stderr));
    assert_eq!(project.tables(), "a b i migrations_core migrations_impl");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | uniq | str join")
            .text(),
        "applied"
    );
}

#[test]
fn what_must_not_go_is_refused_before_anything_runs() {
    let project = project();
    project.nu("migrate run ./db").text();
    let refused = |flags: &str, golden: &str, code: &str| {
        let output = project.nu(&format!("migrate undo ./db {flags}"));
        assert_eq!(output.code, Some(1), "{flags}: {output:?}");
        assert_golden(
            &format!("error_undo_{golden}"),
            &project.mask(&output.stderr),
        );
        assert_eq!(project.code(&format!("migrate undo ./db {flags}")), code);
        assert_eq!(project.tables(), "a b i migrations_core migrations_impl");
    };
    refused("--track core --steps 2", "required", "migrate::required");
    project.remove("db/20240102000000_core_b.down.sql");
    refused("--steps 3", "no_file", "migrate::no_undo");
    project.write("db/20240102000000_core_b.down.sql", "DROP TABLE b;\n");
    project.write(&format!("db/{B}"), "CREATE TABLE b (id bigint);\n");
    refused("--steps 2", "changed", "migrate::changed");
    project.write(&format!("db/{B}"), "CREATE TABLE b (id int);\n");
    project.write(
        "db/20240102000000_core_b.down.sql",
        "DROP TABLE b;\nCOMMIT;\n",
    );
    assert_eq!(
        project.code("migrate undo ./db --steps 2"),
        "migrate::forbidden"
    );
    project.write(
        "db/20240102000000_core_b.down.sql",
        "-- migrate: no-transction\nDROP TABLE b;\n",
    );
    assert_eq!(
        project.code("migrate undo ./db --steps 2"),
        "migrate::bad_directive"
    );
    assert_eq!(
        project.code("migrate undo ./db --check {|it| $it.track == core }"),
        "migrate::validation_failed"
    );
    assert_eq!(project.tables(), "a b i migrations_core migrations_impl");
}

#[test]
fn a_hidden_commit_is_caught_and_the_error_says_what_is_gone() {
    let project = project();
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240102000000_core_b.down.sql",
        "DROP TABLE b;\nSELECT 'COMMIT' \\gexec\n",
    );
    let output = project.nu("migrate undo ./db --steps 2");
    assert_golden("error_undo_committed", &project.mask(&output.stderr));
    assert_eq!(project.tables(), "a migrations_core migrations_impl");
    assert_eq!(
        project.sql("SELECT count(*) FROM migrations_impl"),
        "0",
        "committed with it"
    );
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "2");
}

#[test]
fn the_file_has_variables_directives_and_a_clean_session() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        (
            "20240101000000_core_a.down.sql",
            "-- migrate: lock-timeout 123ms\n\
             DO $$ BEGIN RAISE NOTICE 'timeout %', current_setting('lock_timeout'); END $$;\n\
             SELECT :'migration_name' || ' ' || :'tenant';\nDROP TABLE a;\n",
        ),
    ]);
    project.nu("migrate run ./db").text();
    assert_eq!(project.code("migrate undo ./db"), "migrate::unset_variable");
    let notices = project
        .nu("migrate undo ./db --quiet --full --set { tenant: acme } | get 0.notices | to json");
    assert_eq!(
        notices.json(),
        json!([format!("{A} acme"), "timeout 123ms"])
    );
    assert_eq!(notices.stderr, "");
}

#[test]
fn outside_of_a_transaction_the_row_tells_how_far_it_came() {
    let project = Project::with(&[
        (
            A,
            "CREATE TABLE a (id int);\nCREATE INDEX a_id ON a (id);\n",
        ),
        (
            "20240101000000_core_a.down.sql",
            "-- migrate: no-transaction\nDROP INDEX CONCURRENTLY a_id;\nDROP TABLE nope;\n",
        ),
    ]);
    project.nu("migrate run ./db").text();
    let output = project.nu("migrate undo ./db");
    assert_golden("error_undo_half_done", &project.mask(&output.stderr));
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "failed"
    );
    assert_eq!(project.code("migrate undo ./db"), "migrate::unfinished");
    project
        .nu("migrate repair ./db --mark-applied 20240101000000")
        .text();
    project.sql("CREATE INDEX a_id ON a (id)");
    project.write(
        "db/20240101000000_core_a.down.sql",
        "-- migrate: no-transaction\nDROP INDEX CONCURRENTLY a_id;\nDROP TABLE a;\n",
    );
    assert_eq!(names(&project, "migrate undo ./db"), json!([A]));
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "0");
    assert_eq!(project.tables(), "migrations_core");
}

#[test]
fn a_new_description_and_the_predecessors_ledger_are_no_obstacle() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        ("20240101000000_core_a.down.sql", "DROP TABLE a;\n"),
    ]);
    project.sql(
        "CREATE TABLE a (id int); \
         CREATE TABLE migrations_core (id serial PRIMARY KEY, migration_name varchar(255) UNIQUE, \
         migration_hash varchar(64), applied_at timestamp DEFAULT now(), execution_time_ms int); \
         INSERT INTO migrations_core (migration_name, migration_hash) \
         VALUES ('20240101000000_core_old_words.sql', md5(E'CREATE TABLE a (id int);\\n'))",
    );
    assert_eq!(names(&project, "migrate undo ./db"), json!([A]));
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "0");
    assert_eq!(project.tables(), "migrations_core");
}

#[test]
fn an_undo_waits_for_a_run_and_names_it() {
    let project = project();
    project.nu("migrate run ./db").text();
    project.write("db/20240103000000_core_c.sql", "SELECT pg_sleep(20);\n");
    let mut run = project.command("migrate run ./db").spawn().unwrap();
    project.wait_until(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(20)%')",
    );
    assert_eq!(
        project.code("migrate undo ./db --lock-wait 0sec"),
        "migrate::locked"
    );
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn validate_reads_undo_files_as_well() {
    let project = project();
    project.write(
        "db/20240102000000_core_b.down.sql",
        "DROP TABLE b;\nCOMMIT;\n",
    );
    project.write(
        "db/20240101000000_core_a.down.sql",
        "-- migrate: no-transction\nDROP TABLE a;\n",
    );
    let found = project.nu("migrate validate ./db --offline | where severity == error | select rule name line | to json");
    assert_eq!(
        found.json(),
        json!([
            {"rule": "bad-directive", "name": A, "line": 1},
            {"rule": "transaction-control", "name": B, "line": 2},
        ])
    );
}

#[test]
fn a_new_file_that_undoes_fails_until_it_is_written() {
    let project = Project::new();
    let kinds = project.nu("migrate add ./db/core one --with-undo | get kind | to json");
    assert_eq!(kinds.json(), json!(["migration", "undo"]));
    project.nu("migrate run ./db").text();
    assert_eq!(project.code("migrate undo ./db"), "migrate::sql_failed");
    let first = project
        .nu("migrate add ./db/core two --no-transaction --with-undo | get 1.file | open --raw $in | lines | first")
        .text()
        .to_owned();
    assert_eq!(first, "-- migrate: no-transaction");
}

#[test]
fn a_rehearsal_proves_that_an_undo_undoes() {
    let project = project();
    project.write(
        "db/20240103000000_core_c.sql",
        "-- migrate: no-transaction\nVACUUM;\n",
    );
    project.write("db/20240103000000_core_c.down.sql", "SELECT 1;\n");
    let proof = |project: &Project| {
        let script = "migrate rehearse ./db --undo | select name kind object difference | to json";
        project.nu(script).json()
    };
    let not_tried = json!({"name": "20240103000000_core_c.sql", "kind": null, "object": null,
        "difference": "not tried: outside of a transaction"});
    assert_eq!(proof(&project), json!([not_tried]));
    assert_eq!(
        project.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0"
    );
    project.remove("db/20240103000000_core_c.sql");
    project.remove("db/20240103000000_core_c.down.sql");
    project.write(
        "db/20240102000000_core_b.down.sql",
        "DROP TABLE IF EXISTS b_;\nALTER TABLE b RENAME TO old;\n",
    );
    assert_eq!(
        proof(&project),
        json!([
            {"name": B, "kind": "column", "object": "public.old.id", "difference": "left behind"},
            {"name": B, "kind": "table", "object": "public.old", "difference": "left behind"},
            {"name": B, "kind": "column", "object": "public.old.id", "difference": "new the second time"},
            {"name": B, "kind": "table", "object": "public.old", "difference": "new the second time"},
        ])
    );
    project.write("db/20240102000000_core_b.down.sql", "SELECT 1;\n");
    let output = project.nu("migrate rehearse ./db --undo");
    assert!(
        output.stderr.contains("already exists"),
        "{}",
        output.stderr
    );
    project.write("db/20240102000000_core_b.down.sql", "DROP TABLE nope;\n");
    let output = project.nu("migrate rehearse ./db --undo");
    assert!(
        output.stderr.contains(&format!("the undo of {B} failed")),
        "{}",
        output.stderr
    );
    project.remove("db/20240102000000_core_b.down.sql");
    assert_eq!(
        project.code("migrate rehearse ./db --undo"),
        "migrate::no_undo"
    );
    assert_eq!(
        project.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "0"
    );
}

#[test]
fn ctrl_c_leaves_everything_as_it_was() {
    let project = project();
    project.write(
        "db/20240101000000_impl_i.down.sql",
        "DROP TABLE i;\nSELECT pg_sleep(30);\n",
    );
    project.nu("migrate run ./db").text();
    let undo = project
        .command("migrate undo ./db")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30);' \
         AND state = 'active' AND datname = current_database()",
    );
    kill(
        Pid::from_raw(i32::try_from(undo.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = undo.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("migrate::interrupted") && said.contains("rolled back"),
        "{said}"
    );
    assert_eq!(project.tables(), "a b i migrations_core migrations_impl");
    assert_eq!(project.sql("SELECT count(*) FROM migrations_impl"), "1");
}

#[test]
fn names_with_quotes_and_umlauts_go_as_they_came() {
    let project = Project::with(&[
        (
            "it's ü/20240101000000_core_it's \"ü\".sql",
            "CREATE TABLE \"ü'\" (x int);\n",
        ),
        (
            "it's ü/20240101000000_core_it's \"ü\".down.sql",
            "DROP TABLE \"ü'\";\n",
        ),
    ]);
    project.nu("migrate run ./db").text();
    assert_eq!(
        names(&project, "migrate undo ./db"),
        json!(["20240101000000_core_it's \"ü\".sql"])
    );
    assert_eq!(project.tables(), "migrations_core");
}

#[test]
fn what_would_break_the_ledger_or_the_transaction_undoes_nothing() {
    let project = project();
    project.nu("migrate run ./db").text();
    let before = project.tables();
    for (content, code) in [
        ("DROP TABLE i; COMMIT;\n", "migrate::forbidden"),
        ("DROP TABLE i, migrations_impl;\n", "migrate::ledger_failed"),
        ("DROP TABLE i; SELECT 1/0;\n", "migrate::sql_failed"),
        ("DROP TABLE i; \\q\n", "migrate::forbidden"),
        (
            "-- migrate: no-transction\nDROP TABLE i;\n",
            "migrate::bad_directive",
        ),
        ("DROP TABLE :nobody;\n", "migrate::unset_variable"),
    ] {
        project.write("db/20240101000000_impl_i.down.sql", content);
        assert_eq!(project.code("migrate undo ./db"), code, "{content}");
        assert_eq!(project.tables(), before, "{content}");
        assert_eq!(project.sql("SELECT count(*) FROM migrations_impl"), "1");
    }
}

#[test]
fn of_two_at_once_each_takes_a_step_of_its_own() {
    let project = project();
    project.nu("migrate run ./db").text();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let script = "migrate undo ./db | get name | str join";
            project
                .command(script)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut undone: Vec<_> = both
        .into_iter()
        .map(|one| one.wait_with_output().unwrap().stdout)
        .map(|said| String::from_utf8(said).unwrap().trim().to_owned())
        .collect();
    undone.sort();
    assert_eq!(undone, [I, B]);
    assert_eq!(project.tables(), "a migrations_core migrations_impl");
}
