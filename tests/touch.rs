//! The setting `touch`: what a track may touch that is not its own, looked at before COMMIT.

use crate::support::Project;
use crate::support::messages::Messages;

const CORE: (&str, &str) = (
    "db/core/20240101000000_core_a.sql",
    "CREATE TABLE customer (id int PRIMARY KEY, name text);\n\
     CREATE TYPE mood AS ENUM ('a');\n\
     CREATE FUNCTION tax(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT n';\n",
);

const IMPL: &str = "db/impl/20240102000000_impl_a.sql";
const ACME: &str = "db/acme/20240102000000_acme_a.sql";

fn project() -> Project {
    let project = Project::new();
    project.write(CORE.0, CORE.1);
    project.write(
        "db/migrate.json",
        r#"{"touch": "declared", "tracks": {"acme": {"touch": "own"}}}"#,
    );
    project
}

/// The error that a command must end with, in one line.
#[track_caller]
fn refused(project: &Project, command: &str) -> String {
    let output = project.nu(&format!(
        "try {{ {command} | ignore }} catch {{|e| [$e.details.code $e.msg] | to json -r }}"
    ));
    let error = output.json();
    assert_eq!(error[0], "migrate::touch_refused", "{}", output.stderr);
    error[1].as_str().unwrap().to_owned()
}

#[track_caller]
fn passes(project: &Project, command: &str) {
    let output = project.nu(&format!("{command} | ignore"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
}

#[test]
fn what_is_used_of_a_pending_file_without_saying_so_is_rolled_back() {
    let project = project();
    for (sql, object) in [
        (
            "CREATE VIEW v AS SELECT id FROM customer",
            "column public.customer.id",
        ),
        (
            "CREATE VIEW v AS SELECT tax(1)",
            "function public.tax(numeric)",
        ),
        (
            "CREATE TABLE t (n numeric GENERATED ALWAYS AS (tax(1)) STORED)",
            "function public.tax(numeric)",
        ),
        ("CREATE TABLE t (m mood)", "enum public.mood"),
        (
            "DO $$ BEGIN EXECUTE 'CREATE TABLE \"Ü x\" (c int REFERENCES customer)'; END $$",
            "column public.customer.id",
        ),
        (
            "ALTER TYPE mood RENAME VALUE 'a' TO 'b'",
            "enum public.mood",
        ),
    ] {
        project.write(IMPL, sql);
        for command in ["migrate run db -q", "migrate rehearse db -q"] {
            let error = refused(&project, command);
            for part in [
                "20240102000000_impl_a.sql:",
                &format!("it uses the {object} of track core"),
                "-- migrate: requires core/20240101000000",
                "(touch: declared)",
            ] {
                assert!(error.contains(part), "{sql}: {error}");
            }
            assert_eq!(project.tables(), "", "{sql}");
        }
    }
    let error = project.nu("migrate run db -q").stderr;
    assert!(error.contains("Everything was rolled back"), "{error}");
    project.write(
        IMPL,
        "-- migrate: requires core/20240101000000\nCREATE TABLE t (m mood);\n",
    );
    passes(&project, "migrate run db");
    // A file may say that it means it, and a requirement of its track's earlier file counts.
    project.write(
        "db/impl/20240103000000_impl_b.sql",
        "CREATE VIEW v AS SELECT id FROM customer;\n",
    );
    passes(&project, "migrate run db");
    project.write(
        "db/core/20240104000000_core_b.sql",
        "CREATE TABLE later (id int);\n",
    );
    let uses = "CREATE VIEW w AS SELECT id FROM later;\n";
    project.write("db/impl/20240105000000_impl_c.sql", uses);
    assert!(refused(&project, "migrate run db").contains("requires core/20240104000000"));
    project.write(
        "db/impl/20240105000000_impl_c.sql",
        format!("-- migrate: allow missing-requirement\n{uses}"),
    );
    passes(&project, "migrate run db");
    assert_eq!(
        project.nu("migrate drift db --replay -q | length").text(),
        "0"
    );
}

#[test]
fn a_track_of_its_own_objects_changes_no_others() {
    let project = project();
    passes(&project, "migrate run db");
    let requires = "-- migrate: requires core/20240101000000\n";
    for (sql, what) in [
        (
            "ALTER TABLE customer ADD vat text",
            "it adds the column public.customer.vat to an object of track core: 20240101000000_core_a.sql made that object",
        ),
        (
            "CREATE INDEX late ON customer (name)",
            "it adds the index public.late to an object of track core: 20240101000000_core_a.sql made that object",
        ),
        (
            "DROP FUNCTION tax",
            "it drops the function public.tax(numeric) of track core: 20240101000000_core_a.sql made it",
        ),
        (
            "DO $$ BEGIN EXECUTE 'DROP TABLE customer'; END $$",
            "it drops the table public.customer of track core",
        ),
        (
            "GRANT SELECT ON customer TO PUBLIC",
            "it changes the table public.customer of track core",
        ),
    ] {
        project.write(ACME, format!("{requires}{sql};\n"));
        let error = refused(&project, "migrate run db -q");
        assert!(
            error.contains(what) && error.contains("(touch: own)"),
            "{sql}: {error}"
        );
        assert!(refused(&project, "migrate rehearse db -q").contains(what));
    }
    // What uses them, and says so, is its own.
    project.write(
        ACME,
        format!("{requires}CREATE TABLE t (c int REFERENCES customer);\nCREATE VIEW v AS SELECT id FROM customer;\n"),
    );
    project.write(
        "db/acme/20240102000000_acme_a.down.sql",
        "DROP VIEW v; DROP TABLE t;\n",
    );
    passes(&project, "migrate run db");
    passes(&project, "migrate undo db");
}

#[test]
fn each_of_many_transactions_is_looked_at() {
    let project = project();
    for number in 10..40 {
        project.write(
            &format!("db/acme/202401{number}000000_acme_a.sql"),
            format!("CREATE TABLE t{number} ();\n"),
        );
    }
    project.write(
        "db/acme/20240201000000_acme_b.sql",
        "-- migrate: requires core/20240101000000\nALTER TABLE customer ADD vat text;\n",
    );
    let error = refused(&project, "migrate run db -q --transaction each");
    assert!(error.contains("20240201000000_acme_b.sql"), "{error}");
    assert_eq!(
        project.sql("SELECT count(*) FROM migrations_acme"),
        "30",
        "those before it stay"
    );
    assert_eq!(
        project.sql("SELECT count(*) FROM pg_attribute WHERE attname = 'vat'"),
        "0"
    );
}

#[test]
fn outside_of_a_transaction_it_is_told_afterwards() {
    let project = project();
    passes(&project, "migrate run db");
    project.write(
        ACME,
        "-- migrate: no-transaction\n-- migrate: requires core/20240101000000\nCREATE INDEX CONCURRENTLY by_name ON customer (name);\n",
    );
    let output = project.nu("migrate run db | get 0.notices");
    let told = "it adds the index public.by_name to an object of track core: 20240101000000_core_a.sql made that object (touch: own)";
    assert!(output.text().contains(told), "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains("ran outside a transaction and is not rolled back"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_the_run_itself_carries_is_nobodys_deed() {
    let project = project();
    project.write("db/migrate.json", r#"{"touch": "own"}"#);
    project.write(
        "db/impl/repeat_impl_names.sql",
        "CREATE OR REPLACE VIEW names AS SELECT name FROM customer;\n",
    );
    passes(&project, "migrate run db");
    project.write(
        "db/core/20240105000000_core_b.sql",
        "ALTER TABLE customer ALTER name TYPE varchar(200);\n",
    );
    passes(&project, "migrate rehearse db");
    passes(&project, "migrate run db");
    assert_eq!(project.sql("SELECT count(*) FROM names"), "0");
}

#[test]
fn who_cannot_know_whose_it_is_is_refused() {
    let project = project();
    passes(&project, "migrate run db");
    let role = format!("party_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE, USAGE ON SCHEMA public TO {role}"
    ));
    project.write(ACME, "CREATE TABLE t ();\n");
    let as_role = format!("$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; migrate run db/acme -q");
    let error = project.nu(&format!(
        "try {{ {as_role} | ignore }} catch {{|e| [$e.details.code $e.msg] | to json -r }}"
    ));
    let tables = project.tables();
    project.sql(&format!("GRANT SELECT ON migrations_core TO {role}"));
    let granted = project.nu(&format!("{as_role} | length"));
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    let found = error.json();
    assert_eq!(found[0], "migrate::touch_refused");
    let told = found[1].to_string();
    assert!(
        told.contains("is not known") && told.contains("permission denied"),
        "{told}"
    );
    assert_eq!(tables, "customer migrations_core");
    assert_eq!(granted.text(), "1", "{}", granted.stderr);
}

#[test]
fn it_costs_four_messages_and_without_the_setting_none() {
    let mut project = Project::new();
    project.write(CORE.0, CORE.1);
    let line = Messages::of(&mut project);
    passes(&project, "migrate run db");
    let mut number = 1;
    let mut messages = |touch: &str| {
        number += 1;
        let file = format!("db/core/2024010{number}000000_core_n.sql");
        project.write(&file, format!("CREATE TABLE t{number} ();\n"));
        let before = line.count();
        passes(
            &project,
            &format!("$env.MIGRATE_TOUCH = '{touch}'; migrate run db -q"),
        );
        line.count() - before
    };
    let any = messages("any");
    assert_eq!(messages("own"), any + 4);
    assert_eq!(messages("any"), any);
}

#[test]
fn a_rehearsal_tells_what_any_track_may_use() {
    let project = project();
    project.remove("db/migrate.json");
    project.write(IMPL, "CREATE VIEW v AS SELECT tax(1) AS x;\n");
    let notices = "migrate rehearse db -q | get notices | flatten | to json -r";
    assert_eq!(
        project.nu(notices).json(),
        serde_json::json!([
            "it uses the function public.tax(numeric) of track core, and does not say `-- migrate: requires core/20240101000000`"
        ])
    );
    project.write(
        IMPL,
        "-- migrate: requires core/20240101000000\nCREATE VIEW v AS SELECT tax(1) AS x;\n",
    );
    assert_eq!(project.nu(notices).json(), serde_json::json!([]));
    // Without the right to know whose it is, there is nothing to tell.
    passes(&project, "migrate run db --track core");
    let role = format!("blind_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE, USAGE ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {} TO {role}",
        project.database
    ));
    project.write(
        "db/acme/20240106000000_acme_a.sql",
        "CREATE TABLE own ();\n",
    );
    let rehearsed = project.nu(&format!(
        "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; migrate rehearse db/acme -q | get state | to json -r"
    ));
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_eq!(rehearsed.json(), serde_json::json!(["rehearsed"]));
}

#[test]
fn validate_finds_functions_and_types_by_their_names_as_a_guess() {
    let project = project();
    project.write(
        IMPL,
        "CREATE VIEW v AS SELECT tax(1) AS x;\nCREATE TABLE t (m mood);\n",
    );
    let found = |options: &str| {
        let script = format!(
            "migrate validate db {options} | where rule == missing-requirement | each {{|row| $'($row.severity): ($row.message)' }} | to json -r"
        );
        project.nu(&script).json().to_string()
    };
    // A warning even where what is certain is an error, and nothing for --strict.
    for options in ["", "--offline", "--offline --strict", "--strict"] {
        let told = found(options);
        if options.contains("strict") {
            assert!(!told.contains("error"), "{told}");
            continue;
        }
        assert!(
            told.starts_with("[\"warning: it seems to use the ")
                && told.ends_with(", by its name, and does not require core/20240101000000\"]"),
            "{options}: {told}"
        );
    }
    // Also what is applied already.
    passes(&project, "migrate run db --track core");
    let told = found("");
    assert!(
        told.contains("public.") && told.contains("by its name"),
        "{told}"
    );
    project.write(
        IMPL,
        "-- migrate: requires core/20240101000000\nCREATE VIEW v AS SELECT tax(1) AS x;\n",
    );
    assert_eq!(found(""), "[]");
    // PostgreSQL's own are nobody's.
    project.write(
        IMPL,
        "CREATE VIEW v AS SELECT lower('X') AS x, now() AS y;\n",
    );
    assert_eq!(found(""), "[]");
}

/// Not every tool has kept the times, and then a ledger has none.
#[test]
fn what_was_taken_over_without_a_time_was_there_before_any_run() {
    let project = Project::new();
    project.write("db/core/20240101000000_core_a.sql", "CREATE TABLE a ();\n");
    project.sql(
        "CREATE TABLE a (); CREATE TABLE schema_migrations (version varchar PRIMARY KEY); \
         INSERT INTO schema_migrations VALUES ('20240101000000')",
    );
    passes(&project, "migrate adopt db --from dbmate");
    passes(&project, "migrate objects db --rebuild");
    project.write(ACME, "ALTER TABLE a RENAME TO b;\n");
    let command = "$env.MIGRATE_TOUCH = 'own'; migrate run db";
    assert!(refused(&project, command).contains("20240101000000_core_a.sql made"));
    passes(&project, "migrate run db");
    let maker = "migrate objects db | where name == public.b | get 0.made_by";
    assert_eq!(project.nu(maker).text(), "20240101000000_core_a.sql");
}
