//! What the server, a role or a login trigger sets for every session, and what one file must not
//! leave to the next.

use crate::support::Project;
use crate::support::server::SERVER;

const A: &str = "20240101000000_core_a.sql";
const B: &str = "20240102000000_core_b.sql";
const C: &str = "20240103000000_core_c.sql";

#[test]
fn timeouts_of_a_session_do_not_end_a_run() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n\\! sleep 1\n"),
        (B, "-- migrate: no-transaction\n\\! sleep 1\nSELECT 1;\n"),
        (C, "\\! sleep 1\nCREATE TABLE c (id int);\n"),
    ]);
    project.write("db/20240101000000_core_a.nu", "sleep 1sec");
    for (timeout, since) in [
        ("idle_in_transaction_session_timeout", 0),
        ("idle_session_timeout", 140_000),
        ("transaction_timeout", 170_000),
    ] {
        if SERVER.version() >= since {
            let database = &project.database;
            project.sql(&format!(
                "ALTER DATABASE {database} SET {timeout} = '500ms'"
            ));
        }
    }
    assert_eq!(project.nu("migrate run db | length").text(), "3");
}

#[test]
fn a_database_that_cannot_hold_an_error_text_learns_that_its_file_failed() {
    for encoding in ["LATIN1", "EUC_JP"] {
        let project = Project::with(&[(
            A,
            "-- migrate: no-transaction\n\\echo 'ü ж €'\nSELECT 1/0;\n",
        )]);
        let database = &project.database;
        SERVER.sql("postgres", &format!("DROP DATABASE {database}"));
        SERVER.sql(
            "postgres",
            &format!(
                "CREATE DATABASE {database} TEMPLATE template0 ENCODING '{encoding}' \
                 LC_COLLATE 'C' LC_CTYPE 'C'"
            ),
        );
        let output = project.nu("migrate run db");
        assert!(
            output.stderr.contains("says `failed`"),
            "{encoding}: {output:?}"
        );
        let row = project.sql("SELECT state, error LIKE '%division by zero%' FROM migrations_core");
        assert_eq!(row, "failed|t", "{encoding}");
    }
}

#[test]
fn what_a_login_trigger_sets_holds_for_every_file() {
    if SERVER.version() < 170_000 {
        eprintln!("login triggers came with PostgreSQL 17");
        return;
    }
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\nSET search_path = public;\n"),
        (B, "CREATE TABLE b (id int);\n"),
        (C, "-- migrate: no-transaction\nCREATE TABLE c (id int);\n"),
        (
            "20240104000000_core_d.sql",
            "CREATE TABLE d AS SELECT current_setting('work_mem') AS work_mem;\n",
        ),
    ]);
    project.sql(
        "CREATE SCHEMA \"my app\";
         CREATE FUNCTION on_login() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           SET search_path = \"my app\", public; SET work_mem = '7MB'; END $$;
         CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION public.on_login()",
    );
    assert_eq!(project.nu("migrate run db | length").text(), "4");
    let tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables \
         WHERE schemaname = 'my app'";
    assert_eq!(project.sql(tables), "a b c d migrations_core");
    assert_eq!(project.sql("SELECT work_mem FROM \"my app\".d"), "7MB");
}

/// Two tables that refer to a third, one checked at once, one at the end of the transaction.
const TABLES: &str = "CREATE TABLE parent (id int PRIMARY KEY);\n\
    CREATE TABLE at_once (id int REFERENCES parent DEFERRABLE);\n\
    CREATE TABLE later (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);\n";

#[test]
fn constraints_are_for_every_file_what_they_were_made() {
    let project = Project::with(&[
        (A, TABLES),
        (
            B,
            "INSERT INTO parent VALUES (1); INSERT INTO at_once VALUES (1);\n\
             ALTER TABLE at_once ADD name text;\n\
             INSERT INTO later VALUES (2); INSERT INTO parent VALUES (2);\n",
        ),
        (
            C,
            "ALTER TABLE later ADD name text;\nSET CONSTRAINTS ALL DEFERRED;\n\
             INSERT INTO at_once VALUES (3); INSERT INTO parent VALUES (3);\n",
        ),
        (
            "20240104000000_core_d.sql",
            "INSERT INTO at_once VALUES (1);\nALTER TABLE at_once ADD born date;\n\
             CREATE TABLE own (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);\n\
             INSERT INTO own VALUES (4); INSERT INTO parent VALUES (4);\n",
        ),
    ]);
    assert_eq!(project.nu("migrate run db | length").text(), "4");
}

#[test]
fn a_deferred_violation_is_blamed_on_its_file() {
    let project = Project::with(&[
        (A, TABLES),
        (B, "INSERT INTO later VALUES (99);\n"),
        (C, "INSERT INTO parent VALUES (99);\n"),
    ]);
    let output = project.nu("migrate run db");
    for expected in [
        "migration 20240102000000_core_b.sql failed",
        "later_id_fkey",
        "SQLSTATE 23503",
    ] {
        assert!(output.stderr.contains(expected), "{output:?}");
    }
    assert!(!output.stderr.contains("SET CONSTRAINTS"), "{output:?}");
}

#[test]
fn without_a_procedural_language_constraints_are_checked_all_the_same() {
    let project = Project::with(&[(A, TABLES), (B, "INSERT INTO later VALUES (99);\n")]);
    project.sql("DROP EXTENSION plpgsql");
    let output = project.nu("migrate run db");
    assert!(
        output
            .stderr
            .contains("migration 20240102000000_core_b.sql failed"),
        "{output:?}"
    );
    project.write(&format!("db/{B}"), "INSERT INTO parent VALUES (1);\n");
    assert_eq!(project.nu("migrate run db | length").text(), "2");
}
