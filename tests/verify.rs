//! Checks behind a migration's SQL: before COMMIT in a run, and at any time with `migrate verify`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Project;

const A: &str = "20240101000000_core_a";
const B: &str = "20240102000000_core_b";

/// Two migrations, of which the second has these companions.
fn with(companions: &[(&str, &str)]) -> Project {
    let project = Project::with(&[
        (&format!("{A}.sql"), "CREATE TABLE a (id int);"),
        (
            &format!("{B}.sql"),
            "CREATE TABLE b (id int); INSERT INTO b VALUES (1), (2);",
        ),
    ]);
    for (ending, text) in companions {
        project.write(&format!("db/{B}.{ending}"), text);
    }
    project
}

#[test]
fn queries_behind_a_migration_must_give_true_or_no_row() {
    let project = with(&[(
        "verify.sql",
        "-- What must hold.\nSELECT count(*) = 2 FROM b;\nSELECT * FROM b WHERE id IS NULL;\n\
         SELECT :'tenant' = 'it''s', txid_current_if_assigned() IS NOT NULL",
    )]);
    // Two columns are no truth.
    let output = project.nu("migrate run db --set {tenant: \"it's\"}");
    assert!(
        output.stderr.contains("line 4: it gave t|t"),
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "");
    project.write(
        &format!("db/{B}.verify.sql"),
        "SELECT count(*) = 2 FROM b;\nSELECT * FROM b WHERE id IS NULL;\n\
         SELECT :'tenant' = 'it''s';\nSELECT txid_current_if_assigned() IS NOT NULL",
    );
    let checks = project.nu(
        "migrate run db --full --set {tenant: \"it's\"} | last | get validation.check | to json -r",
    );
    assert_eq!(
        checks.json(),
        json!([format!("{B}.verify.sql")]),
        "{checks:?}"
    );
    assert_eq!(project.tables(), "a b migrations_core");
}

#[test]
fn a_row_without_columns_is_a_row() {
    for (query, wrong) in [
        (
            "SELECT FROM b WHERE id = 1;",
            "it gave 1 row without columns",
        ),
        (
            "TABLE a;\nSELECT FROM b",
            "line 2: it gave 2 rows without columns",
        ),
        (
            "SELECT true\\; SELECT FROM b\\;",
            "it gave 2 rows without columns",
        ),
    ] {
        let project = with(&[("verify.sql", query)]);
        let output = project.nu("migrate run db");
        assert!(output.stderr.contains(wrong), "{query}: {}", output.stderr);
        assert_eq!(project.tables(), "");
    }
    let project = with(&[("verify.sql", "SELECT FROM b WHERE id = 3;\nSELECT true\\;")]);
    assert_eq!(project.nu("migrate run db | length").text(), "2");
    project.sql("INSERT INTO b VALUES (3)");
    let verified = project.nu("migrate verify db | get 0.ok");
    assert_eq!(verified.text(), "false");
}

#[test]
fn a_query_that_does_not_hold_rolls_its_group_back() {
    let project = with(&[(
        "verify.sql",
        "SELECT true;\nSELECT count(*) = 3 FROM b;\nSELECT id FROM b ORDER BY id;\nTABLE nowhere;",
    )]);
    project.write("db/20240103000000_core_c.sql", "CREATE TABLE c (id int);");
    let output = project.nu("migrate run db");
    for expected in [
        "migrate::validation_failed",
        "line 2: it gave false",
        "line 3: it gave 1, 2",
        "line 4: relation \"nowhere\" does not exist",
        "every query must give true, or no row",
    ] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    assert_eq!(project.tables(), "");
    assert_eq!(
        project.code("migrate run db --transaction each"),
        "migrate::validation_failed"
    );
    assert_eq!(project.tables(), "a migrations_core");
    // What is left out on purpose holds nothing up.
    project.nu("migrate run db --skip-validation").text();
    assert_eq!(project.tables(), "a b c migrations_core");
}

#[test]
fn a_script_behind_a_migration_sees_what_it_made() {
    let project = with(&[(
        "nu",
        "# migrate: after\nuse migrate/checks.nu *\nrequire-table b\n\
         try { query 'INSERT INTO b VALUES (3)' } catch {|error| print $error.msg }\n\
         try { query \"SELECT set_config('a.b', nextval('s')::text, false)\" } catch {|error| print $error.msg }\n\
         query 'SELECT count(*) AS rows FROM b' | get 0.rows",
    )]);
    project.write(
        &format!("db/{A}.sql"),
        "CREATE TABLE a (id int); CREATE SEQUENCE s;",
    );
    let output = project.nu(
        "migrate run db --full | last | get validation.0 | [$in.output $in.result] | to json -r",
    );
    let found = output.json();
    assert_eq!(found[1], json!(2), "{output:?}");
    assert!(
        found[0][0].as_str().unwrap().contains("cannot use INSERT"),
        "{found}"
    );
    assert!(
        found[0][1]
            .as_str()
            .unwrap()
            .contains("read-only transaction"),
        "{found}"
    );

    let project = with(&[("nu", "# migrate: after\nerror make {msg: 'not so'}")]);
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    assert_eq!(project.tables(), "");
    let finding = project.nu(&format!(
        "migrate validate db | where name == '{B}.sql' | get rule | to json -r"
    ));
    assert_eq!(finding.json(), json!(["validation-late"]));
}

#[test]
fn a_check_behind_a_step_outside_a_transaction_fails_its_row() {
    let project = with(&[("verify.sql", "SELECT count(*) = 1 FROM b;")]);
    project.write(
        &format!("db/{B}.sql"),
        "-- migrate: no-transaction\nCREATE TABLE b (id int);\nSET search_path = nowhere;\n",
    );
    let output = project.nu("migrate run db");
    assert!(
        output.stderr.contains("line 1: it gave false"),
        "{}",
        output.stderr
    );
    assert_eq!(
        project.sql("SELECT string_agg(state, ' ' ORDER BY id) FROM migrations_core"),
        "applied failed"
    );
    project.sql("DROP TABLE b");
    project
        .nu(&format!("migrate repair db --retry {B}.sql"))
        .text();
    project.write(&format!("db/{B}.verify.sql"), "SELECT count(*) = 0 FROM b;");
    assert_eq!(project.nu("migrate run db | length").text(), "1");
}

#[test]
fn a_rehearsal_checks_too() {
    let project = with(&[("verify.sql", "SELECT count(*) = 3 FROM b;")]);
    assert_eq!(
        project.code("migrate rehearse db"),
        "migrate::validation_failed"
    );
    let states = project.nu("migrate rehearse db --transaction each | get state | to json -r");
    assert_eq!(states.json(), json!(["rehearsed", "failed"]));
    assert_eq!(project.tables(), "");
}

#[test]
fn a_check_that_writes_is_refused_before_any_sql() {
    for (text, found) in [
        ("SELECT true;\nINSERT INTO b VALUES (3);", "line 2: INSERT"),
        ("\\! touch ran", "line 1: \\!"),
        ("-- nothing\n", "no query"),
    ] {
        let project = with(&[("verify.sql", text)]);
        let output = project.nu("migrate run db");
        for expected in [
            "migrate::bad_verification",
            found,
            "The database was not changed",
        ] {
            assert!(output.stderr.contains(expected), "{}", output.stderr);
        }
        assert_eq!(project.tables(), "");
        let rules =
            project.nu("migrate validate db | where severity == error | get rule | to json -r");
        assert_eq!(rules.json(), json!(["bad-verification"]));
    }
    // What hides its writing is stopped by the server.
    let hidden = "WITH w AS (INSERT INTO b VALUES (3) RETURNING id) SELECT true FROM w;";
    let project = with(&[("verify.sql", hidden)]);
    let output = project.nu("migrate run db");
    assert!(
        output.stderr.contains("read-only transaction"),
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "");
    // Nor can it end the transaction.
    let project = with(&[(
        "verify.sql",
        "SELECT true; SELECT pg_advisory_unlock_all() IS NULL;",
    )]);
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    // A file without its migration is named.
    let project = with(&[]);
    project.write("db/20240109000000_core_gone.verify.sql", "SELECT true;");
    assert_eq!(project.code("migrate run db"), "migrate::bad_names");
}

#[test]
fn a_slow_query_meets_the_time_limit() {
    let project = with(&[("verify.sql", "SELECT pg_sleep(60) IS NOT NULL;")]);
    project.write("db/migrate.json", "{\"validation_timeout\": \"500ms\"}");
    let began = Instant::now();
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(project.tables(), "");
}

#[test]
fn verify_asks_the_database_as_it_is_now() {
    let project = with(&[("verify.sql", "SELECT count(*) = 2 FROM b;")]);
    project.write(
        &format!("db/{A}.nu"),
        "# migrate: after\nuse migrate/checks.nu *\nrequire-column a id\ntry { query 'INSERT INTO a VALUES (1)' } catch { }",
    );
    project.write("db/20240103000000_core_early.sql", "SELECT 1;");
    project.write(
        "db/20240103000000_core_early.nu",
        "error make {msg: 'never'}",
    );
    let verify = "migrate verify db | select track name check ok message | to json -r";
    // Nothing is applied.
    assert_eq!(project.nu(verify).json(), json!([]));
    project.nu("migrate run db --to 20240102000000").text();
    project.nu("migrate run db --skip-validation").text();
    let row = |stem: &str, ending: &str, message: Option<&str>| {
        json!({"track": "core", "name": format!("{stem}.sql"), "check": format!("{stem}.{ending}"),
               "ok": message.is_none(), "message": message})
    };
    assert_eq!(
        project.nu(verify).json(),
        json!([row(A, "nu", None), row(B, "verify.sql", None)])
    );
    project.sql("DELETE FROM b; ALTER TABLE a RENAME id TO number");
    let found = project.nu(verify).json();
    assert_eq!(
        found[1],
        row(B, "verify.sql", Some("line 1: it gave false"))
    );
    assert_eq!(found[0]["ok"], json!(false));
    assert!(
        found[0]["message"].as_str().unwrap().contains("id"),
        "{found}"
    );
    assert_eq!(project.sql("SELECT count(*) FROM a"), "0");
    // A file that cannot verify is a row, too.
    project.write(&format!("db/{B}.verify.sql"), "DROP TABLE b;");
    let message = project
        .nu("migrate verify db | last | get message")
        .text()
        .to_owned();
    assert!(message.contains("line 1: DROP"), "{message}");
    assert_eq!(
        project.nu("migrate verify db --track impl | length").code,
        Some(1)
    );
}
