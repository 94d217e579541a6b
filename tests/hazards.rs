//! Warnings that know the database: nobody is hurt by a lock on what nobody has yet.

use serde_json::{Value, json};

use crate::support::Project;

/// Everything that is said to lock, rewrite or lose something, about a table of the same history.
const INSTALL: [(&str, &str); 3] = [
    (
        "core/20240101000000_core_a.sql",
        "CREATE SCHEMA app;\nSET search_path TO app;\nCREATE TABLE customer (id int, name text);\nCREATE VIEW v AS SELECT id FROM customer;\n\
         CREATE TYPE mood AS ENUM ('a');\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE DOMAIN d AS int;\n",
    ),
    (
        "core/20240102000000_core_b.sql",
        "CREATE INDEX ix ON app.customer (name);\nALTER TABLE ONLY app.customer ADD CONSTRAINT pk PRIMARY KEY (id);\n\
         ALTER TABLE app.customer ALTER id TYPE bigint;\nALTER TABLE app.customer ADD COLUMN x int NOT NULL;\n\
         ALTER TABLE app.customer ALTER name SET NOT NULL;\nALTER TABLE app.customer RENAME TO client;\n\
         ALTER TABLE app.client DROP COLUMN name;\nALTER DOMAIN app.d ADD CHECK (VALUE > 1);\n",
    ),
    (
        "impl/20240101000000_impl_a.sql",
        "-- migrate: requires core/20240102000000\nDROP INDEX app.ix;\nDROP VIEW app.v;\nDROP TYPE app.mood;\nDROP FUNCTION app.f();\n\
         CREATE TABLE app.invoice (client bigint);\nALTER TABLE app.invoice ADD FOREIGN KEY (client) REFERENCES app.client;\n\
         DROP TABLE app.invoice;\nDROP SCHEMA app CASCADE;\n",
    ),
];

fn warnings(project: &Project, options: &str) -> Value {
    let script = format!(
        "migrate validate db --quiet {options} | where severity != error | each {{|found| $'($found.severity) ($found.rule): ($found.message)' }} | to json -r"
    );
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.json()
}

#[test]
fn a_fresh_install_is_warned_of_nothing() {
    let project = Project::with(&INSTALL);
    assert_eq!(warnings(&project, ""), json!([]));
    assert_eq!(warnings(&project, "--offline"), json!([]));
}

#[test]
fn a_table_is_told_with_its_size_and_its_use_and_the_worst_comes_first() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE INDEX one ON small (a);\nCREATE INDEX two ON \"Large one\" (a);\nCREATE INDEX three ON busy (a);\nDROP TABLE small;\n\
         ALTER TABLE nowhere ALTER a TYPE bigint;\nALTER TABLE parts ALTER a SET NOT NULL;\n",
    )]);
    project.sql(
        "CREATE TABLE small (a int); INSERT INTO small VALUES (1); CREATE TABLE busy (a int);
         CREATE TABLE \"Large one\" (a int); INSERT INTO \"Large one\" SELECT generate_series(1, 100000);
         CREATE TABLE parts (a int) PARTITION BY RANGE (a);
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (200000); INSERT INTO parts SELECT generate_series(1, 50000)",
    );
    // A session tells its numbers when it ends, which psql does not wait for.
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'",
    );
    project.sql("SELECT pg_stat_reset()");
    project.sql("DO 'BEGIN FOR i IN 1 .. 20000 LOOP PERFORM FROM busy; END LOOP; END'");
    project.wait_until("SELECT seq_scan > 10000 FROM pg_stat_user_tables WHERE relname = 'busy'");
    let found = warnings(&project, "").to_string();
    let place = |text: &str| {
        found
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {found}"))
    };
    assert!(found.contains("warning ban-drop-table"), "{found}");
    assert!(
        found.contains("info require-concurrent-index-creation"),
        "{found}"
    );
    assert!(
        place("Large one\\\": 3.7 MB, ") < place("small: 8.2 kB, "),
        "{found}"
    );
    assert!(place("parts: 1.8 MB, ") < place("info "), "{found}");
    assert!(found.contains("times a second)"), "{found}");
    assert!(place("busy: ") < place("info "), "{found}");
    assert!(!found.contains("nowhere"), "{found}");
    let offline = warnings(&project, "--offline");
    assert_eq!(offline.as_array().unwrap().len(), 6, "{offline}");
    assert!(
        offline
            .to_string()
            .contains("(offline: the worst is assumed)"),
        "{offline}"
    );
}

#[test]
fn a_renamed_or_replaced_table_is_followed() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "ALTER TABLE old RENAME TO new;\n",
        ),
        (
            "20240102000000_core_b.sql",
            "CREATE INDEX i ON new (a);\nDROP TABLE gone;\nCREATE TABLE gone (a int);\n",
        ),
        (
            "20240103000000_core_c.sql",
            "CREATE INDEX j ON gone (a);\nCREATE TABLE IF NOT EXISTS kept (a int);\n",
        ),
        (
            "20240104000000_core_d.sql",
            "CREATE INDEX k ON kept (a);\n\\set table kept\nCREATE INDEX l ON :\"table\" (a);\n",
        ),
        (
            "20240105000000_core_e.sql",
            "CREATE TABLE filled (a int);\nINSERT INTO filled VALUES (1);\n",
        ),
        (
            "20240106000000_core_f.sql",
            "ALTER TABLE filled ADD COLUMN b int NOT NULL;\n",
        ),
    ]);
    project.sql("CREATE TABLE old (a int); CREATE TABLE gone (a int); CREATE TABLE kept (a int)");
    let found = project.nu(
        "migrate validate db -q | each {|found| $'($found.name | str substring 6..7) ($found.line) ($found.rule)' } | sort | to json -r",
    );
    assert_eq!(
        found.json(),
        json!([
            "01 1 renaming-table",
            "02 1 require-concurrent-index-creation",
            "02 2 ban-drop-table",
            "04 1 require-concurrent-index-creation",
            "04 3 require-concurrent-index-creation",
            "06 1 adding-required-field",
        ])
    );
}

#[test]
fn hazards_need_no_rights_and_wait_for_no_lock() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE INDEX i ON secret (a);\n",
    )]);
    project.sql("CREATE TABLE secret (a int)");
    let role = format!("hazard_{}", std::process::id());
    project.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    let found = project.nu(&format!(
        "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; migrate validate db -q | get message | to json -r"
    ));
    project.sql(&format!("DROP ROLE {role}"));
    assert!(
        found.text().contains("(secret: 0 bytes, hardly used)"),
        "{}{}",
        found.stdout,
        found.stderr
    );
    let holder = project
        .psql()
        .args(["-c", "BEGIN; LOCK TABLE secret; SELECT pg_sleep(30)"])
        .spawn()
        .unwrap();
    project.wait_until("SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'secret'::regclass)");
    let found = project.nu("migrate validate db -q | get message | to json -r");
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()");
    drop(holder.wait_with_output());
    assert!(
        found.text().contains("(secret: 0 bytes"),
        "{}{}",
        found.stdout,
        found.stderr
    );
}
