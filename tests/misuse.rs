//! What a hostile or hurried user does: nothing is changed silently, nothing untrue is said.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Project;
use crate::support::project::SCRIPT_ON_3;
use crate::support::server::SERVER;

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

/// The error of a run as `{code, msg, help}`.
#[track_caller]
fn error(project: &Project, script: &str) -> serde_json::Value {
    project
        .nu(&format!(
            "try {{ {script} }} catch {{|e| $e.details | select code msg help | to json }}"
        ))
        .json()
}

#[test]
fn a_value_of_no_use_is_never_skipped() {
    let project = Project::with(&[A]);
    let flag = "migrate::bad_flag";
    for script in [
        "let c = {a: null}; migrate run $c.a",
        "let c = {a: 5}; migrate run ./db --database ({b: 1})",
        "let c = {a: null}; migrate run ./db --database $c.a",
        "let c = ('{\"a\": \"true\"}' | from json); migrate run ./db --dry-run=$c.a",
        "migrate run ./db --track []",
        "let c = {a: {}}; migrate run ./db --lock-wait $c.a",
    ] {
        let output = project.nu(&format!("cd db; {}", script.replace("./db", ".")));
        assert_eq!(output.code, Some(1), "{script}: {output:?}");
    }
    assert_eq!(project.code("migrate run ''"), flag);
    assert_eq!(project.tables(), "");
}

#[test]
fn no_flag_is_left_unheeded_beside_another() {
    let project = Project::with(&[A]);
    for script in [
        "migrate rehearse ./db --scratch --undo",
        "migrate validate ./db --offline --check {|migration| false }",
        "migrate run ./db --set {a: 1} --set {b: 2}",
        "migrate run ./db --to 20230101000000 --to 20250101000000",
        "migrate undo ./db --steps 1 --steps 2",
        "migrate status ./db --database a --database b",
        "migrate adopt ./db --baseline 20230101000000 --baseline 20240101000000",
    ] {
        assert_eq!(project.code(script), "migrate::bad_flag", "{script}");
    }
    let script = "let c = ('{\"a\": \"true\"}' | from json); migrate rehearse ./db --undo=$c.a";
    assert_eq!(project.nu(script).code, Some(1));
    assert_eq!(project.tables(), "");
    let lists = "migrate status ./db --track core --track core --expect-tracks core | length";
    assert_eq!(project.nu(lists).text(), "1");
}

#[test]
fn parent_folders_are_those_of_the_tree() {
    let project = Project::with(&[A]);
    project.write("app/migrate.json", r#"{"database": "no_such_database"}"#);
    assert_eq!(
        project.nu("cd app; migrate status ../db | length").text(),
        "1"
    );
}

#[test]
fn a_changed_search_path_begins_no_new_history() {
    let project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    project.sql("CREATE SCHEMA app");
    project.sql(&format!(
        "ALTER DATABASE {} SET search_path = app, public",
        project.database
    ));
    let state = "migrate status ./db | get 0.state";
    assert_eq!(project.nu(state).text(), "applied", "the path leads to it");
    project.sql(&format!(
        "ALTER DATABASE {} SET search_path = app",
        project.database
    ));
    for command in ["status", "run", "history"] {
        assert_eq!(
            project.code(&format!("migrate {command} ./db")),
            "migrate::ledgers_elsewhere"
        );
    }
    assert_eq!(
        project
            .nu("$env.MIGRATE_SCHEMA = 'public'; migrate status ./db | get 0.state")
            .text(),
        "applied"
    );
    project
        .nu("$env.MIGRATE_SCHEMA = 'app'; migrate run ./db | length")
        .text();
}

#[test]
fn what_is_recorded_is_what_ran() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "\\! printf 'CREATE TABLE other (id int);' > 20240102000000_core_b.sql\n",
        ),
        ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n"),
    ]);
    assert_eq!(project.code("migrate run ./db"), "migrate::file_changed");
    assert_eq!(project.tables(), "");
}

#[test]
fn a_file_cannot_undo_the_record_of_another() {
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE a (id int);\nSAVEPOINT sp;\nCREATE TABLE a2 (id int);\n",
        ),
        (
            "20240102000000_core_b.sql",
            "ROLLBACK TO sp;\nCREATE TABLE b (id int);\n",
        ),
    ]);
    assert_eq!(project.code("migrate run ./db"), "migrate::ledger_failed");
    assert_eq!(project.tables(), "");
    project.write(
        "db/20240102000000_core_b.sql",
        "DELETE FROM migrations_core;\n",
    );
    assert_eq!(project.code("migrate run ./db"), "migrate::ledger_failed");
    assert_eq!(project.tables(), "");
}

#[test]
fn a_file_that_removes_the_ledger_is_named() {
    let project = Project::with(&[
        A,
        ("20240102000000_core_b.sql", "DROP TABLE migrations_core;\n"),
    ]);
    let found = error(&project, "migrate run ./db");
    assert_eq!(found["code"], "migrate::ledger_failed");
    assert!(
        found["msg"]
            .as_str()
            .unwrap()
            .contains("20240102000000_core_b.sql"),
        "{found}"
    );
    assert!(
        found["help"]
            .as_str()
            .unwrap()
            .contains("removed its own ledger"),
        "{found}"
    );
}

#[test]
fn a_terse_or_colourful_psql_is_understood() {
    let mut project = Project::with(&[(
        "20240101000000_core_a.sql",
        "\\set VERBOSITY terse\nSELECT nope;\n",
    )]);
    project.set("PG_COLOR", "always");
    let found = error(&project, "migrate run ./db");
    assert_eq!(found["code"], "migrate::sql_failed");
    assert!(!found["msg"].as_str().unwrap().contains('\u{1b}'));
}

#[test]
fn a_tolerated_error_is_not_the_one_to_blame() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "\\set v ON_ERROR_STOP\n\\set ON_ERROR_ROLLBACK on\n\\set :v off\nDROP TYPE nope;\n\\set :v on\nSELECT 1/0;\n",
    )]);
    let found = error(&project, "migrate run ./db");
    assert!(
        found["msg"].as_str().unwrap().contains("division by zero"),
        "{found}"
    );
}

#[test]
fn a_cut_connection_is_called_so() {
    let project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "SELECT pg_terminate_backend(pg_backend_pid());\n",
        ),
    ]);
    let found = error(&project, "migrate run ./db");
    assert_eq!(found["code"], "migrate::connection_lost");
    assert!(
        found["msg"]
            .as_str()
            .unwrap()
            .contains("as it was before the run"),
        "{found}"
    );
    assert_eq!(project.tables(), "");
}

#[test]
fn what_psql_started_does_not_hold_the_run_up() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "\\! sleep 20 &\nSELECT nope;\n",
    )]);
    let started = Instant::now();
    assert_eq!(project.code("migrate run ./db"), "migrate::sql_failed");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn odd_things_in_the_folder() {
    let project = Project::with(&[A]);
    std::os::unix::fs::symlink("me@host.1", project.path("db/.#20240101000000_core_a.sql"))
        .unwrap();
    std::os::unix::fs::symlink("nowhere", project.path("db/README.md")).unwrap();
    assert_eq!(project.nu("migrate status ./db | length").text(), "1");
    let fifo = project.path("db/20240102000000_core_b.sql");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(
        project.code("migrate status ./db"),
        "migrate::unreadable_file"
    );
}

#[test]
fn a_track_named_templates_is_not_hidden() {
    let project = Project::with(&[A]);
    project.nu("migrate add ./db x --track templates").text();
    assert_eq!(
        project
            .nu("migrate status ./db | get track | str join ' '")
            .text(),
        "core templates"
    );
}

#[test]
fn another_tracks_ledger_is_none_of_our_business() {
    let mut project = Project::with(&[A]);
    project.nu("migrate run ./db").text();
    project.sql("CREATE TABLE migrations_impl AS SELECT * FROM migrations_core");
    let user = format!("{}_user", project.database);
    project.sql(&format!(
        "CREATE ROLE {user} LOGIN PASSWORD 'test'; GRANT SELECT ON migrations_core TO {user}"
    ));
    project.set("PGUSER", &user).set("PGPASSWORD", "test");
    assert_eq!(
        project.nu("migrate status ./db | get 0.state").text(),
        "applied"
    );
    let found = error(&project, "migrate history ./db");
    assert_eq!(found["code"], "migrate::not_permitted");
    assert!(
        found["msg"].as_str().unwrap().contains("migrations_impl"),
        "{found}"
    );
    project.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}

#[test]
fn a_url_that_libpq_does_not_know_is_refused_without_its_password() {
    let project = Project::with(&[A]);
    for url in [
        "postgresql+psycopg2://me:s3cret@h/db",
        "postgresql://me:s3/cret@h/db",
    ] {
        let found = error(
            &project,
            &format!("$env.DATABASE_URL = '{url}'; migrate status ./db"),
        );
        assert_eq!(found["code"], "migrate::bad_settings");
        assert!(!found.to_string().contains("s3"), "{found}");
    }
}

#[test]
fn what_was_committed_before_is_told_by_every_error() {
    let mut project = Project::with(&[A, ("20240102000000_core_b.sql", "SELECT 1;\n")]);
    // Calls 1 and 2 are the run and the look back; the third session does not come about.
    let psql = crate::support::server::PSQL.display().to_string();
    let count = project.path("count").display().to_string();
    project.write(
        "shim",
        format!(
            "#!/bin/bash\n{SCRIPT_ON_3}echo x >> '{count}'\ncase $(wc -l < '{count}') in\n\
             1) exec 4<&3; exec 3< <(while IFS= read -r line; do printf '%s\\n' \"$line\"; \
             case $line in INSERT*) wrote=1;; esac; \
             [ \"$wrote$line\" = \"1  THEN 'committed' END;\" ] && {{ sleep 0.2; kill -s KILL $$; exit; }}; done <&4);;\n\
             3) echo 'psql: error: Connection refused' >&2; exit 2;;\nesac\nexec '{psql}' \"$@\"\n"
        ),
    );
    let shim = project.path("shim");
    std::fs::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.set("MIGRATE_PSQL", &shim.display().to_string());
    let found = error(&project, "migrate run ./db --transaction each");
    assert_eq!(found["code"], "migrate::server_unreachable");
    let message = found["msg"].as_str().unwrap();
    assert!(
        message.contains("1 migration of this run had been applied before"),
        "{message}"
    );
    assert!(message.contains(A.0), "{message}");
}

#[test]
fn odd_dates_of_the_predecessor_hide_nothing() {
    let project = Project::with(&[A]);
    project.sql(
        "CREATE TABLE migrations_core (id serial PRIMARY KEY, migration_name varchar(255) UNIQUE, \
         migration_hash varchar(64), applied_at timestamp, execution_time_ms int); \
         INSERT INTO migrations_core (migration_name, migration_hash, applied_at) VALUES \
         ('20240101000000_core_a.sql', md5(E'CREATE TABLE a (id int);\\n'), '20000-01-01'), \
         ('x', NULL, '0044-03-15 BC'), ('y', 'z', 'infinity')",
    );
    let rows = project
        .nu("migrate history ./db | get applied_at | to json")
        .json();
    assert_eq!(rows, json!([null, null, null]));
}

#[test]
fn a_callers_own_encoding_is_for_files_alone() {
    let mut project = Project::with(&[A]);
    project.set("PGCLIENTENCODING", "auto");
    project.nu("migrate run ./db").text();
    let database = format!("dbname={} client_encoding=LATIN1", project.database);
    project.write(
        "db/20240102000000_core_größe.sql",
        b"CREATE TABLE t AS SELECT 'gr\xF6\xDFe'::text AS w;\n",
    );
    project
        .nu(&format!("migrate run ./db -d '{database}'"))
        .text();
    assert_eq!(project.sql("SELECT w = 'größe' FROM t"), "t");
    assert_eq!(
        project
            .nu(&format!(
                "migrate status ./db -d '{database}' | get state | uniq | str join"
            ))
            .text(),
        "applied"
    );
    assert_eq!(
        SERVER.sql(&project.database, "SELECT count(*) FROM migrations_core"),
        "2"
    );
}

#[test]
fn a_pooler_is_refused_before_it_keeps_the_lock() {
    let mut project = Project::with(&[A]);
    // What a pooler in transaction mode does to parameters it does not know.
    let psql = crate::support::server::PSQL.display().to_string();
    project.write(
        "pooled",
        format!("#!/bin/sh\nunset PGOPTIONS\nexec '{psql}' \"$@\"\n"),
    );
    let pooled = project.path("pooled");
    std::fs::set_permissions(&pooled, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.set("MIGRATE_PSQL", &pooled.display().to_string());
    assert_eq!(
        project.code("migrate run ./db"),
        "migrate::pooled_connection"
    );
    assert_eq!(project.nu("migrate status ./db | length").text(), "1");
}

#[test]
fn a_lonely_step_whose_receipt_is_lost_is_still_reported() {
    let mut project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            "-- migrate: no-transaction\nCREATE TABLE a (id int);\n",
        ),
        ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n"),
    ]);
    let psql = crate::support::server::PSQL.display().to_string();
    let struck = project.path("struck").display().to_string();
    project.write(
        "shim",
        format!(
            "#!/bin/bash\n{SCRIPT_ON_3}exec 4<&3\nexec 3< <(finishing=no\nwhile IFS= read -r line; do\n\
             printf '%s\\n' \"$line\"\ncase \"$line\" in UPDATE*) finishing=yes;; 'FROM '*' WHERE migration_name = '*)\n\
             [ $finishing = yes ] && [ ! -e '{struck}' ] && {{ touch '{struck}'; sleep 0.2; kill -s KILL $$; exit; }};;\n\
             esac\ndone <&4 2>/dev/null)\nexec 4<&-\nexec '{psql}' \"$@\"\n"
        ),
    );
    let shim = project.path("shim");
    std::fs::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.set("MIGRATE_PSQL", &shim.display().to_string());
    let rows = project
        .nu("migrate run ./db | select name state group | to json")
        .json();
    assert!(project.path("struck").exists(), "the receipt was not lost");
    assert_eq!(
        rows,
        json!([
            {"name": "20240101000000_core_a.sql", "state": "applied", "group": 1},
            {"name": "20240102000000_core_b.sql", "state": "applied", "group": 2},
        ])
    );
}

#[test]
fn a_switch_takes_a_bool_and_nothing_else() {
    let project = Project::with(&[A]);
    for command in [
        "status db --summary",
        "status db --offline",
        "rehearse db --scratch",
        "rehearse db --skip-validation",
        "run db --dry-run",
        "run db --atomic",
        "run db --quiet",
        "validate db --strict",
        "repair db --retry x --dry-run",
        "add db x --no-transaction",
    ] {
        for value in ["'false'", "0", "null"] {
            let script = format!("$env.VALUE = {value}; migrate {command}=$env.VALUE");
            assert_eq!(
                project.code(&script),
                "migrate::bad_flag",
                "{command} {value}"
            );
        }
    }
    assert_eq!(project.tables(), "");
    let summary = "$env.VALUE = false; migrate status db --summary=$env.VALUE | get 0.state";
    assert_eq!(project.nu(summary).text(), "pending");
}

#[test]
fn durations_are_what_postgresql_can_hold() {
    let project = Project::with(&[("20240101000000_core_a.sql", "SHOW lock_timeout;\n")]);
    for flag in ["--lock-timeout", "--statement-timeout", "--lock-wait"] {
        let script = format!("migrate run db {flag} 25day");
        assert_eq!(project.code(&script), "migrate::bad_settings", "{flag}");
    }
    project.write(
        "db/20240102000000_core_b.sql",
        "-- migrate: lock-timeout 9000days\n",
    );
    assert_eq!(project.code("migrate run db"), "migrate::bad_directive");
    project.remove("db/20240102000000_core_b.sql");
    let script = "migrate run db --quiet --full --lock-timeout 500us | get 0.notices | to json -r";
    assert_eq!(project.nu(script).json(), serde_json::json!(["1ms"]));
}

#[test]
fn a_near_miss_of_a_directive_stops_a_pending_file_and_no_applied_one() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- migrate no-transaction\nCREATE TABLE a (id int);\n",
    )]);
    let error = project.nu("migrate run db").stderr;
    assert!(
        error.contains("write `-- migrate: no-transaction`"),
        "{error}"
    );
    for command in ["run db", "run db --dry-run", "rehearse db"] {
        let code = project.code(&format!("migrate {command}"));
        assert_eq!(code, "migrate::bad_directive", "{command}");
    }
    let finding = "migrate validate db | select rule track line | first | to json -r";
    assert_eq!(
        project.nu(finding).json(),
        json!({"rule": "bad-directive", "track": "core", "line": 1})
    );

    project
        .nu("migrate repair db --mark-applied 20240101000000")
        .text();
    project.write("db/20240102000000_core_b.sql", "SELECT 1;\n");
    assert_eq!(project.nu("migrate run db | length").text(), "1");
    assert_eq!(project.nu("migrate validate db | length").text(), "0");
    project.nu("migrate rehearse db --scratch").text();
}

#[test]
fn what_files_and_scripts_print_gives_the_terminal_no_orders() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "\\echo '\\033[2Jone'\nDO $$ BEGIN RAISE NOTICE '%', chr(27) || '[31mtwo'; END $$;\n\\warn '\\033]0;three\\007'\n",
    )]);
    project.write(
        "db/20240101000000_core_a.nu",
        "print $\"(char -u '1b')[31mfour\"\n",
    );
    let output = project.nu("migrate run db | get notices | to text");
    assert_eq!(output.code, Some(0), "{output:?}");
    for word in ["[2Jone", "[31mtwo", "]0;three", "[31mfour"] {
        assert!(
            output.stderr.contains(&format!("\\x1B{word}")),
            "{word}: {output:?}"
        );
    }
    assert!(!output.stdout.contains('\u{1b}'), "{output:?}");
    project.write(
        "db/20240102000000_core_b.sql",
        "DO $$ BEGIN RAISE EXCEPTION '%', chr(27) || '[31mfive'; END $$;\n",
    );
    let error = project.nu("migrate run db -q").stderr;
    assert!(error.contains("\\x1B[31mfive"), "{error}");
    project.write("db/20240102000000_core_b.sql", "SELECT 1;\n");
    project.write(
        "db/20240102000000_core_b.nu",
        "error make {msg: $\"(char -u '1b')[31msix\"}\n",
    );
    let error = project.nu("migrate run db -q").stderr;
    assert!(error.contains("\\x1B[31msix"), "{error}");
}
