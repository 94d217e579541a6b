//! `migrate drift` against the schema that the last run has recorded in a ledger.

use serde_json::{Value, json};

use crate::support::Project;
use crate::support::messages::Messages;
use crate::support::nu::Output;
use crate::support::server::SERVER;

const CORE: (&str, &str) = (
    "core/20240101000000_core_a.sql",
    "CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x', at timestamptz DEFAULT '2024-01-01 00:00+00');\n\
     CREATE TABLE \"Ü x\" (\"a'b\" int);\n",
);

const IMPL: (&str, &str) = (
    "impl/20240101000000_impl_a.sql",
    "CREATE VIEW v AS SELECT id FROM customer;\n",
);

fn recording(files: &[(&str, &str)]) -> Project {
    let mut project = Project::with(files);
    project.set("MIGRATE_RECORD_SCHEMA", "true");
    run(&project, "");
    project
}

#[track_caller]
fn run(project: &Project, options: &str) -> Output {
    let output = project.nu(&format!("migrate run db {options} | ignore"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output
}

/// What differs, and against what it was compared.
#[track_caller]
fn drift(project: &Project, options: &str) -> (Value, String) {
    let output = project.nu(&format!(
        "migrate drift db {options} | each {{|row| $'($row.kind) ($row.name): ($row.difference)' }} | to json -r"
    ));
    (output.json(), output.stderr)
}

const RECORDED: &str = "compared with the schema as recorded at ";
const REPLAYED: &str = "compared with a replay of the files";

#[track_caller]
fn is_fresh(project: &Project) {
    let (found, told) = drift(project, "");
    assert!(told.contains(RECORDED), "{told}");
    assert_eq!(found, json!([]));
}

/// A record that does not count is not compared with, and why is told.
#[track_caller]
fn is_stale(project: &Project, why: &str) {
    let (found, told) = drift(project, "");
    assert!(told.contains(why) && told.contains(REPLAYED), "{told}");
    assert!(!told.contains(RECORDED), "{told}");
    assert_eq!(found, json!([]));
}

const CHANGED: &str = "and the ledgers have changed since";

/// How many rows of all ledgers hold a record.
fn records(project: &Project) -> String {
    project.sql(
        "SELECT (SELECT count(recorded_schema) FROM migrations_core) || ' ' \
         || (SELECT count(recorded_schema) FROM migrations_impl)",
    )
}

#[test]
fn what_was_done_since_the_last_run_is_told_without_the_files() {
    let project = recording(&[CORE, IMPL]);
    is_fresh(&project);
    assert_eq!(drift(&project, "--all").0, json!([]));
    project.sql(
        "ALTER TABLE customer ALTER name DROP DEFAULT; DROP VIEW v; CREATE TABLE extra (); \
         COMMENT ON TABLE customer IS 'mine'; GRANT SELECT ON customer TO PUBLIC; ALTER TABLE \"Ü x\" DROP \"a'b\"",
    );
    let by_hand = [
        "column public.\"Ü x\".\"a'b\": missing",
        "column public.customer.name: different",
        "table public.extra: unexpected",
        "view public.v: missing",
    ];
    let (found, told) = drift(&project, "");
    assert_eq!(found, json!(by_hand));
    assert!(told.contains("after 20240101000000_impl_a.sql"), "{told}");
    // A replay finds the same, and knows nothing of a record.
    let (replayed, told) = drift(&project, "--replay");
    assert_eq!(replayed, found);
    assert!(
        told.contains(REPLAYED) && !told.contains(RECORDED),
        "{told}"
    );
    let all = drift(&project, "--all").0.to_string();
    for found in [
        "comment table public.customer: unexpected",
        "grant table public.customer: unexpected",
        "owner table public.extra: unexpected",
        "owner view public.v: missing",
    ] {
        assert!(all.contains(found), "{all}");
    }
    let column = "migrate drift db -q | where name == public.customer.name | first | [$in.expected $in.actual $in.track] | to json -r";
    assert_eq!(
        project.nu(column).json(),
        json!(["text NOT NULL DEFAULT 'x'::text", "text NOT NULL", "core"])
    );
    // Whatever it is, it was done behind the record, and the record was made behind the migrations.
    let applied = project.sql("SELECT max(applied_at) FROM migrations_impl");
    let since = format!(
        "migrate drift db -q | get since | uniq | [($in | length) ($in.0 >= ('{applied}' | into datetime)) \
         ($in.0 < (date now))] | to json -r"
    );
    assert_eq!(project.nu(&since).json(), json!([1, true, true]));
    project.remove("db/impl/20240101000000_impl_a.sql");
    assert_eq!(drift(&project, "").0, json!(by_hand));
    assert_eq!(
        project.code("migrate drift db --replay -q"),
        "migrate::not_replayable"
    );
}

#[test]
fn without_the_setting_nothing_is_recorded() {
    let project = Project::with(&[CORE, IMPL]);
    run(&project, "");
    assert_eq!(records(&project), "0 0");
    is_stale(&project, "no run has recorded the schema");
    // Nor by a run with nothing to do.
    project
        .nu("$env.MIGRATE_RECORD_SCHEMA = 'true'; migrate run db | ignore")
        .text();
    assert_eq!(records(&project), "0 0");
}

#[test]
fn one_record_is_kept_and_none_that_is_stale_is_believed() {
    let mut project = recording(&[CORE, IMPL]);
    assert_eq!(records(&project), "0 1");
    project.write(
        "db/core/20240102000000_core_b.sql",
        "CREATE TABLE later ();\n",
    );
    project.write(
        "db/core/20240102000000_core_b.down.sql",
        "DROP TABLE later;\n",
    );
    run(&project, "");
    assert_eq!(records(&project), "1 0");
    is_fresh(&project);
    // A file outside of a transaction, in a run of several.
    project.write(
        "db/impl/20240103000000_impl_b.sql",
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY by_name ON customer (name);\n",
    );
    project.write("db/impl/20240104000000_impl_c.sql", "CREATE TABLE c ();\n");
    project.write("db/impl/20240104000000_impl_c.down.sql", "DROP TABLE c;\n");
    run(&project, "");
    assert_eq!(records(&project), "0 1");
    is_fresh(&project);
    // An undo records, too.
    project.nu("migrate undo db | ignore").text();
    assert_eq!(records(&project), "0 1");
    is_fresh(&project);
    // A run that does not.
    project.set("MIGRATE_RECORD_SCHEMA", "false");
    run(&project, "");
    is_stale(&project, CHANGED);
    // Undone again, the ledgers are what they were, and so is the schema.
    project.nu("migrate undo db | ignore").text();
    is_fresh(&project);
    // A corrected checksum changes no schema; a forgotten migration does.
    let file = "db/core/20240101000000_core_a.sql";
    project.write(file, format!("-- A comment.\n{}", CORE.1));
    project
        .nu("migrate repair db --rehash 20240101000000_core_a.sql | ignore")
        .text();
    is_fresh(&project);
    project.sql("DROP TABLE later");
    project
        .nu("migrate repair db --forget 20240102000000_core_b.sql | ignore")
        .text();
    is_stale(&project, CHANGED);
}

#[test]
fn a_run_that_fails_leaves_no_record_of_another_state() {
    let project = recording(&[CORE, IMPL]);
    project.write("db/core/20240102000000_core_b.sql", "CREATE TABLE b ();\n");
    project.write("db/core/20240103000000_core_c.sql", "SELECT 1/0;\n");
    assert_eq!(
        project.code("migrate run db --transaction each"),
        "migrate::sql_failed"
    );
    is_stale(&project, CHANGED);
    project.remove("db/core/20240103000000_core_c.sql");
    project.write(
        "db/core/20240103000000_core_c.sql",
        "-- migrate: no-transaction\nSELECT 1/0;\n",
    );
    assert_eq!(project.code("migrate run db"), "migrate::sql_failed");
    assert!(drift(&project, "").1.contains(CHANGED));
}

#[test]
fn what_keeps_a_schema_from_being_recorded_is_told_and_the_run_stands() {
    let mut project = recording(&[CORE, IMPL]);
    let not_recorded = |output: &Output, why: &str| {
        let told = "everything is committed, but the schema is not recorded: ";
        assert!(output.stderr.contains(told), "{}", output.stderr);
        assert!(output.stderr.contains(why), "{}", output.stderr);
    };
    // Somebody holds a table that a view reads.
    let mut holder = project
        .psql()
        .args([
            "-c",
            "BEGIN; LOCK TABLE customer IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)",
        ])
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) > 0 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'customer'::regclass",
    );
    project.write("db/core/20240102000000_core_b.sql", "CREATE TABLE b ();\n");
    let output = run(&project, "--lock-timeout 200ms");
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()");
    holder.wait().unwrap();
    not_recorded(&output, "a table that a view reads");
    is_stale(&project, CHANGED);
    // psql is killed.
    project.write("db/core/20240103000000_core_c.sql", "CREATE TABLE c ();\n");
    project.shim("*'SET recorded_schema = json'*", "kill -9 $$");
    not_recorded(&run(&project, ""), "");
    project.unset("MIGRATE_PSQL");
    is_stale(&project, CHANGED);
    // The server's version and the plugin's own.
    project.write("db/core/20240104000000_core_d.sql", "CREATE TABLE d ();\n");
    run(&project, "");
    is_fresh(&project);
    let alter = |field: &str, value: &str| {
        project.sql(&format!(
            "UPDATE migrations_core SET recorded_schema = regexp_replace(recorded_schema::text, '\"{field}\" : [^,]*', '\"{field}\" : {value}')::json"
        ));
    };
    alter("major", "9");
    is_stale(&project, "recorded by PostgreSQL 9, and this is PostgreSQL");
    alter("major", &(SERVER.version() / 10_000).to_string());
    alter("question", "\"other\"");
    is_stale(&project, "another version of this plugin");
}

#[test]
fn a_ledger_of_an_earlier_version_gets_the_column_from_its_owner() {
    let mut project = Project::with(&[CORE, IMPL]);
    run(&project, "");
    project.sql(
        "ALTER TABLE migrations_core DROP COLUMN recorded_schema; ALTER TABLE migrations_impl DROP COLUMN recorded_schema",
    );
    assert_eq!(drift(&project, "").0, json!([]));
    project.set("MIGRATE_RECORD_SCHEMA", "true");
    project.write("db/core/20240102000000_core_b.sql", "CREATE TABLE b ();\n");
    run(&project, "");
    is_fresh(&project);
    assert_eq!(
        project
            .nu("migrate status db | get state | uniq | to json -r")
            .json(),
        json!(["applied"])
    );
}

#[test]
fn parties_with_different_rights_and_settings() {
    let project = recording(&[CORE]);
    let role = format!("party_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE, USAGE ON SCHEMA public TO {role}; \
         GRANT CREATE ON DATABASE {} TO {role}; GRANT SELECT ON customer TO {role}",
        project.database
    ));
    let as_role = |script: &str| {
        project.nu(&format!(
            "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; $env.PGTZ = 'Asia/Tokyo'; $env.PGDATESTYLE = 'German'; {script}"
        ))
    };
    let drift_of_role = || as_role("migrate drift db -q | length");
    project.write(&format!("db/{}", IMPL.0), IMPL.1);
    // Who may not read another's ledger cannot say of which state a record is.
    let blind = as_role("migrate run db/impl | ignore");
    let told = drift(&project, "").1;
    let blind_drift = as_role("migrate drift db | ignore");
    project.sql(&format!("GRANT SELECT ON migrations_core TO {role}"));
    project.write("db/impl/20240102000000_impl_b.sql", "CREATE TABLE b ();\n");
    let seeing = as_role("migrate run db/impl | ignore");
    let both = records(&project);
    let of_role = drift_of_role();
    let of_core = drift(&project, "");
    // The owner of the one ledger may write both, and removes what is old.
    project.write("db/core/20240102000000_core_b.sql", "CREATE TABLE c ();\n");
    run(&project, "");
    let one = records(&project);
    let after = drift_of_role();
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_eq!(blind.code, Some(0), "{}", blind.stderr);
    assert!(
        blind.stderr.contains("may not read the ledger"),
        "{}",
        blind.stderr
    );
    assert!(told.contains(CHANGED), "{told}");
    assert!(
        blind_drift.stderr.contains("may not read the ledger"),
        "{}",
        blind_drift.stderr
    );
    assert!(!seeing.stderr.contains("not recorded"), "{}", seeing.stderr);
    assert_eq!(both, "1 1");
    assert_eq!(of_role.text(), "0", "{}", of_role.stderr);
    assert!(of_core.1.contains(RECORDED), "{}", of_core.1);
    assert_eq!(of_core.0, json!([]));
    assert_eq!(one, "1 0");
    assert_eq!(after.text(), "0", "{}", after.stderr);
}

/// What is recorded looks the same to every user and under any settings.
#[test]
fn everything_there_is_looks_the_same_to_others() {
    let project = recording(&[(
        "20240101000000_core_a.sql",
        include_str!("catalog/everything.sql"),
    )]);
    let role = format!("other_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON migrations_core TO {role}"
    ));
    let found = project.nu(&format!(
        "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; $env.PGTZ = 'Asia/Tokyo'; $env.PGDATESTYLE = 'German'; \
         $env.PGOPTIONS = '-c intervalstyle=iso_8601 -c extra_float_digits=-3 -c bytea_output=escape'; \
         migrate drift db --all | reject track | to json -r"
    ));
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert!(found.stderr.contains(RECORDED), "{}", found.stderr);
    assert_eq!(found.json(), json!([]));
}

/// PostgreSQL tells by the age of a row what is newer than the repeatable that has it.
#[test]
fn a_record_does_not_make_a_repeatable_look_newer() {
    let project = recording(&[
        CORE,
        (
            "core/20240102000000_core_f.sql",
            "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';\n",
        ),
        (
            "core/repeat_core_v.sql",
            "CREATE OR REPLACE VIEW v AS SELECT f(id) FROM customer;\n",
        ),
        (
            "grants/repeat_grants_w.sql",
            "CREATE OR REPLACE VIEW w AS SELECT f(id) FROM customer;\n",
        ),
    ]);
    let due = || {
        let due = "migrate status db | where pending | get name | to json -r";
        project.nu(due).json()
    };
    assert_eq!(due(), json!([]));
    project.sql("CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'");
    let both = json!(["repeat_core_v.sql", "repeat_grants_w.sql"]);
    assert_eq!(due(), both);
    project.write(&format!("db/{}", IMPL.0), IMPL.1.replace(" v ", " x "));
    run(&project, "--track impl");
    assert_eq!(due(), both);
    // A run of repeatables alone.
    let where_is = "SELECT count(recorded_schema) FROM migrations_grants";
    run(&project, "--track grants");
    assert_eq!(project.sql(where_is), "0");
    assert_eq!(due(), json!(["repeat_core_v.sql"]));
}

#[test]
fn two_runs_at_once_leave_one_record_that_counts() {
    let project = recording(&[CORE, IMPL]);
    for track in ["core", "impl"] {
        for number in 2..6 {
            project.write(
                &format!("db/{track}/2024010{number}000000_{track}_n.sql"),
                format!("CREATE TABLE {track}_{number} ();\n"),
            );
        }
    }
    let start = |track: &str| {
        project
            .command(&format!("migrate run db/{track} -q | length"))
            .spawn()
            .unwrap()
    };
    let (one, other) = (start("core"), start("impl"));
    for child in [one, other] {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(project.tables().split(' ').count(), 13);
    is_fresh(&project);
}

#[test]
fn it_costs_six_messages() {
    let mut project = Project::with(&[CORE, IMPL]);
    let line = Messages::of(&mut project);
    run(&project, "");
    let mut number = 1;
    let mut messages = |is_recorded: &str| {
        number += 1;
        let file = format!("db/core/2024010{number}000000_core_n.sql");
        project.write(&file, format!("CREATE TABLE t{number} ();\n"));
        let before = line.count();
        project
            .nu(&format!(
                "$env.MIGRATE_RECORD_SCHEMA = '{is_recorded}'; migrate run db -q | ignore"
            ))
            .text();
        line.count() - before
    };
    let without = messages("false");
    assert_eq!(messages("true"), without + 6);
    assert_eq!(messages("true"), without + 6);
}
