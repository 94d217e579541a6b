//! `migrate rehearse`: what a run would do, and nothing of it stays.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::Project;

const BEFORE: &str = "CREATE TABLE customer (id int PRIMARY KEY, name text, born text);\n\
    INSERT INTO customer SELECT n, 'n' || n, '2000-01-01' FROM generate_series(1, 1000) AS n;\n\
    CREATE TABLE invoice (id int, customer_id int);\n\
    CREATE SEQUENCE counter;\n";

/// A database in use, and these migrations pending.
fn pending(files: &[(&str, &str)]) -> Project {
    let project = Project::with(files);
    project.sql(BEFORE);
    project
}

/// Everything in the database that a rehearsal might have changed.
fn state(project: &Project) -> String {
    project.sql(
        "SELECT string_agg(c.oid || ' ' || relname || ' ' || relfilenode || ' ' || relkind::text, ', ' ORDER BY c.oid)
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname = 'public' OR nspname LIKE 'pg_temp%'",
    ) + &project.sql("SELECT count(*) || ' ' || max(name) FROM customer")
}

#[test]
fn effects_are_told_and_nothing_stays() {
    let project = pending(&[
        (
            "20240101000000_core_type.sql",
            "ALTER TABLE customer ALTER born TYPE date USING born::date;\n",
        ),
        (
            "20240102000000_core_index.sql",
            "CREATE INDEX invoice_customer ON invoice (customer_id);\n",
        ),
        (
            "20240103000000_core_alone.sql",
            "-- migrate: no-transaction\nVACUUM customer;\n",
        ),
        (
            "20240104000000_core_rows.sql",
            "UPDATE customer SET name = 'x' WHERE id <= 10;\nINSERT INTO invoice SELECT 1, 1 FROM generate_series(1, 5);\nDELETE FROM customer WHERE id = 11;\n\\echo hello\n",
        ),
        (
            "20240105000000_core_new.sql",
            "CREATE TABLE fresh (id int PRIMARY KEY);\nALTER TABLE fresh ADD x int;\n",
        ),
    ]);
    let before = state(&project);
    let rows = project.nu(
        "migrate rehearse db --quiet | update locks { each {|lock| $'($lock.relation) ($lock.mode) ($lock.blocks)' } } \
         | select state rewrites indexes rows group locks notices | to json -r",
    );
    assert_eq!(
        rows.json(),
        json!([
            {"state": "rehearsed", "rewrites": ["customer"], "indexes": ["customer_pkey"], "rows": 0, "group": 1,
             "locks": ["customer ACCESS EXCLUSIVE everybody", "customer_pkey ACCESS EXCLUSIVE everybody"],
             "notices": []},
            {"state": "rehearsed", "rewrites": [], "indexes": ["invoice_customer"], "rows": 0, "group": 1,
             "locks": ["invoice SHARE writers"], "notices": []},
            {"state": "skipped", "rewrites": [], "indexes": [], "rows": 0, "group": 2,
             "locks": [], "notices": []},
            {"state": "rehearsed", "rewrites": [], "indexes": [], "rows": 16, "group": 3,
             "locks": ["customer ROW EXCLUSIVE DDL", "customer_pkey ROW EXCLUSIVE DDL", "invoice ROW EXCLUSIVE DDL"],
             "notices": ["hello"]},
            {"state": "rehearsed", "rewrites": [], "indexes": ["fresh_pkey"], "rows": 0, "group": 3,
             "locks": [], "notices": []},
        ]),
        "{}",
        rows.stderr
    );
    assert_eq!(state(&project), before);
    assert_eq!(
        project
            .nu("migrate rehearse db -q | where rewrites != [] or duration > 1sec | length")
            .text(),
        "1"
    );
    assert_eq!(
        project.nu("migrate run db -q | length").text(),
        "5",
        "and a run still does it"
    );
    assert_eq!(project.nu("migrate rehearse db -q | length").text(), "0");
}

#[test]
fn a_lock_is_held_to_the_end_of_its_transaction_and_marked_when_others_use_it() {
    let project = pending(&[
        (
            "20240101000000_core_a.sql",
            "ALTER TABLE customer ADD a int;\n",
        ),
        ("20240102000000_core_b.sql", "SELECT pg_sleep(1.2);\n"),
    ]);
    let locks = |options: &str| {
        project
            .nu(&format!("migrate rehearse db -q {options} | get 0.locks.0 | [($in.held > 1200ms) $in.live] | to json -r"))
            .text()
            .to_owned()
    };
    assert_eq!(locks(""), "[true,false]");
    assert_eq!(locks("--transaction each"), "[false,false]");
    // Somebody who reads now and then.
    let mut reader = project
        .command(
            "for _ in 1..400 { ^psql -X -q -A -t -c 'SELECT count(*) FROM customer' | ignore }",
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let found = locks("--lock-timeout 10sec");
    reader.kill().unwrap();
    reader.wait().unwrap();
    project.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    assert_eq!(found, "[true,true]");
}

#[test]
fn an_error_is_the_real_one_and_nothing_stays() {
    let project = pending(&[
        ("20240101000000_core_a.sql", "DROP TABLE invoice;\n"),
        (
            "20240102000000_core_b.sql",
            "ALTER TABLE customer ADD UNIQUE (born);\n",
        ),
    ]);
    let before = state(&project);
    let error = project.nu("migrate rehearse db").stderr;
    for expected in [
        "migrate::sql_failed",
        "23505",
        "core_b.sql, line 1",
        "Everything was rolled back",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(state(&project), before);
}

#[test]
fn no_commit_gets_through() {
    for smuggled in [
        "-- no constraints here\nSELECT 'COMMIT' \\gexec\n",
        "SELECT 'COMMIT' \\gexec\n",
        "SELECT $$COMMIT$$ AS c \\gset\n:c;\n",
        "SET LOCAL ROLE pg_monitor;\nSELECT 'COMMIT' \\gexec\n",
    ] {
        let project = pending(&[(
            "20240101000000_core_a.sql",
            &format!("DROP TABLE invoice;\n{smuggled}DROP TABLE customer;\n"),
        )]);
        let before = state(&project);
        let error = project
            .nu("migrate rehearse db")
            .stderr
            .replace("\n  | ", " ");
        assert!(error.contains("a rehearsal is never committed"), "{error}");
        assert_eq!(state(&project), before, "{smuggled}");
    }
}

#[test]
fn constraints_roles_and_temporary_tables_work_as_in_a_run() {
    let project = pending(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (1);\nINSERT INTO p VALUES (1);\n",
        ),
        (
            "20240102000000_core_b.sql",
            "CREATE TEMP TABLE x (id int);\nSET CONSTRAINTS ALL IMMEDIATE;\nSET ROLE pg_monitor;\n",
        ),
        (
            "20240103000000_core_c.sql",
            "SET SESSION AUTHORIZATION DEFAULT;\nSET ROLE pg_monitor;\nSELECT 1;\n",
        ),
    ]);
    let before = state(&project);
    assert_eq!(
        project
            .nu("migrate rehearse db -q | get state | str join ' '")
            .text(),
        "rehearsed rehearsed rehearsed"
    );
    assert_eq!(state(&project), before);
    project.write("db/20240101000000_core_a.sql", "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (1);\n");
    assert_eq!(project.code("migrate rehearse db"), "migrate::sql_failed");
}

#[test]
fn killed_in_the_middle_nothing_stays() {
    for who in ["nu", "plugin", "psql"] {
        let project = pending(&[(
            "20240101000000_core_a.sql",
            "DROP TABLE invoice;\nSELECT pg_sleep(10);\n",
        )]);
        let before = state(&project);
        let mut run = project
            .command("migrate rehearse db")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()");
        let target = match who {
            "nu" => run.id(),
            "plugin" => crate::interrupts::child_of(run.id(), "nu_plugin_migra"),
            _ => crate::interrupts::child_of(
                crate::interrupts::child_of(run.id(), "nu_plugin_migra"),
                "psql",
            ),
        };
        kill(
            Pid::from_raw(i32::try_from(target).unwrap()),
            Signal::SIGKILL,
        )
        .unwrap();
        run.wait().unwrap();
        let killed = Instant::now();
        project.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND datname = current_database() AND pid <> pg_backend_pid()");
        assert!(killed.elapsed() < Duration::from_secs(40));
        assert_eq!(state(&project), before, "{who}");
    }
}

#[test]
fn a_busy_table_stops_it_after_the_lock_timeout() {
    let project = pending(&[(
        "20240101000000_core_a.sql",
        "ALTER TABLE customer ADD a int;\n",
    )]);
    let mut reader = project
        .command("^psql -X -q -c 'BEGIN; SELECT count(*) FROM customer; SELECT pg_sleep(20)'")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until("SELECT count(*) = 1 FROM pg_locks WHERE relation = 'customer'::regclass AND pid <> pg_backend_pid()");
    let error = project
        .nu("migrate rehearse db --lock-timeout 200ms")
        .stderr;
    project.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    reader.wait().unwrap();
    assert!(error.contains("55P03"), "{error}");
}

#[test]
fn checks_come_first_and_late_ones_see_what_was_done() {
    let project = pending(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE fresh (id int);\n",
        ),
        ("20240102000000_core_b.sql", "SELECT 1;\n"),
    ]);
    project.write(
        "db/20240102000000_core_b.nu",
        "# migrate: late\nuse migrate/checks.nu *\nrequire-table fresh\n'seen'",
    );
    assert_eq!(
        project
            .nu("migrate rehearse db -q | get 1.validation.0.result")
            .text(),
        "seen"
    );
    project.write("db/20240101000000_core_a.nu", "error make no");
    assert_eq!(
        project.code("migrate rehearse db"),
        "migrate::validation_failed"
    );
}

#[test]
fn a_scratch_database_proves_a_fresh_install_and_names_differences() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x');\nCREATE TYPE mood AS ENUM ('a', 'b');\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\n",
        ),
        (
            "impl/20240101000000_impl_a.sql",
            "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY customer_name ON customer (name);\nCREATE VIEW v AS SELECT id FROM customer;\n",
        ),
    ]);
    project.write(
        "db/impl/20240101000000_impl_a.nu",
        "use migrate/checks.nu *\nrequire-migration core 20240101000000\n",
    );
    let scratch = |options: &str| {
        let script = format!(
            "migrate rehearse db --scratch --quiet {options} | each {{|row| $'($row.kind) ($row.name): ($row.difference)' }} | to json -r"
        );
        project.nu(&script).json()
    };
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(scratch(""), json!([]));
    // Somebody was here by hand.
    project.sql("ALTER TABLE customer ALTER name DROP DEFAULT; DROP INDEX customer_name; CREATE TABLE extra (); ALTER TYPE mood ADD VALUE 'c'");
    assert_eq!(
        scratch(""),
        json!([
            "column public.customer.name: different",
            "enum public.mood: different",
            "index public.customer_name: only in scratch",
            "table public.extra: only in target",
        ])
    );
    project.write("db/core/20240102000000_core_b.sql", "SELECT nope;\n");
    assert_eq!(
        project.code("migrate rehearse db --scratch"),
        "migrate::sql_failed"
    );
    let error = project
        .nu("migrate rehearse db --scratch")
        .stderr
        .replace("\n  | ", " ");
    assert!(
        error.contains("The target was not changed, and the scratch database is gone."),
        "{error}"
    );
    // Other tests have scratch databases on the same server for a while; none stays.
    project
        .wait_until("SELECT count(*) = 0 FROM pg_database WHERE datname LIKE 'migrate_scratch_%'");
}

#[test]
fn without_the_right_to_make_databases_a_server_of_its_own_does() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE customer (id int PRIMARY KEY);\n",
    )]);
    project.write(
        "db/20240101000000_core_a.nu",
        "use migrate/checks.nu *\nrequire-server-version 12\n",
    );
    project.nu("migrate run db -q | ignore").text();
    let role = format!("norights_{}", std::process::id());
    project.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    let as_role = format!("$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'");
    let found = project.nu(&format!(
        "{as_role}; migrate rehearse db --scratch --quiet | to json -r"
    ));
    project.sql("CREATE TABLE extra ()");
    let other = project.nu(&format!(
        "{as_role}; migrate rehearse db --scratch | get name | to json -r"
    ));
    project.sql(&format!("DROP ROLE {role}"));
    assert_eq!(found.text(), "[]", "{}", found.stderr);
    assert_eq!(other.text(), "[\"public.extra\"]", "{}", other.stderr);
    let said = &other.stderr;
    assert!(
        said.contains("the scratch database is in a PostgreSQL "),
        "{said}"
    );
    assert!(
        said.contains("permission denied to create database"),
        "{said}"
    );
}

#[test]
fn a_hidden_rollback_lets_nothing_through_and_is_called_by_its_name() {
    for smuggled in [
        "SELECT 'ROLLBACK' \\gexec\nCREATE TABLE smuggled (a int);\n",
        "\\echo it's\nSELECT 'ROLLBACK' \\gexec\nINSERT INTO invoice VALUES (1, 1);\n",
    ] {
        let project = pending(&[("20240101000000_core_a.sql", smuggled)]);
        let before = state(&project);
        let error = project.nu("migrate rehearse db").stderr;
        assert!(error.contains("read-only transaction"), "{error}");
        assert_eq!(state(&project), before, "{smuggled}");
    }
    let project = pending(&[(
        "20240101000000_core_a.sql",
        "SELECT 'ROLLBACK' \\gexec\nSELECT 1;\n",
    )]);
    assert_eq!(
        project.code("migrate rehearse db"),
        "migrate::transaction_ended"
    );
}

#[test]
fn only_ledgers_are_left_out_of_the_report() {
    let project = pending(&[(
        "20240101000000_core_a.sql",
        "INSERT INTO migrations_core_notes VALUES (1), (2);\nCREATE INDEX migrations_ix ON customer (name);\n",
    )]);
    project.sql("CREATE TABLE migrations_core_notes (a int)");
    let row = project.nu("migrate rehearse db -q | first | select rows indexes | to json -r");
    assert_eq!(row.text(), r#"{"rows":2,"indexes":["migrations_ix"]}"#);
}

#[test]
fn only_ledgers_are_left_out_of_a_comparison() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE customer (migrations_left int);\nALTER TABLE customer ENABLE ROW LEVEL SECURITY;\n\
         CREATE POLICY p ON customer USING (true);\n",
    )]);
    project.nu("migrate run db -q | ignore").text();
    let names = "migrate rehearse db --scratch --quiet | each {|row| $'($row.kind) ($row.name)' } | to json -r";
    assert_eq!(project.nu(names).json(), json!([]));
    project.sql(
        "CREATE TABLE migrations_notes (a int); ALTER TABLE customer DROP COLUMN migrations_left; \
         DROP POLICY p ON customer; CREATE POLICY p ON customer WITH CHECK (true)",
    );
    project.sql("ALTER TABLE migrations_core ADD CHECK (id > 0)");
    assert_eq!(
        project.nu(names).json(),
        json!([
            "column public.customer.migrations_left",
            "column public.migrations_notes.a",
            "policy public.customer p",
            "table public.migrations_notes",
        ])
    );
}

#[test]
fn a_user_who_may_not_make_temporary_tables_can_rehearse() {
    let project = pending(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE own (id int);\n\\ir more.psql\n",
        ),
        ("more.psql", "SET CONSTRAINTS ALL IMMEDIATE;\n"),
    ]);
    let role = format!("plain_{}", std::process::id());
    project.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {role}; REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", project.database));
    let found = project.nu(&format!("$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; migrate rehearse db -q | get state | str join"));
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_eq!(found.text(), "rehearsed", "{}", found.stderr);
}

#[test]
fn with_a_transaction_each_a_failure_hides_no_other() {
    let project = pending(&[
        (
            "20240101000000_core_a.sql",
            "CREATE TABLE one (id int);\nSELECT nope;\nCREATE TABLE two (id int);\n",
        ),
        (
            "20240102000000_core_b.sql",
            "SET ROLE pg_monitor;\n\\copy customer from 'nowhere.csv'\n",
        ),
        (
            "20240103000000_core_c.sql",
            "CREATE TABLE one (id int);\nUPDATE customer SET name = 'x' WHERE id = 1;\n",
        ),
        (
            "20240104000000_core_d.sql",
            "DROP TABLE invoice;\nSELECT 1/0;\n",
        ),
        ("20240105000000_core_e.sql", "INSERT INTO one VALUES (1);\n"),
    ]);
    let before = state(&project);
    let rows = project
        .nu("migrate rehearse db -q --transaction each | select state rows group | to json -r")
        .json();
    assert_eq!(
        rows,
        json!([
            {"state": "failed", "rows": 0, "group": 1},
            {"state": "failed", "rows": 0, "group": 2},
            {"state": "rehearsed", "rows": 1, "group": 3},
            {"state": "failed", "rows": 0, "group": 4},
            {"state": "rehearsed", "rows": 1, "group": 5},
        ])
    );
    let notices =
        project.nu("migrate rehearse db -q --transaction each | first | get notices | str join");
    assert!(
        notices.text().contains("column \"nope\" does not exist"),
        "{}",
        notices.text()
    );
    // A repeatable that fails wherever it is tried says why as well.
    project.write(
        "db/repeat_core_v.sql",
        "CREATE OR REPLACE VIEW v AS SELECT nothing;\n",
    );
    let stuck = project.nu("migrate rehearse db -q --transaction each | last | $'($in.state) ($in.notices | str join)'");
    assert!(
        stuck.text().starts_with("failed")
            && stuck.text().contains("column \"nothing\" does not exist"),
        "{}",
        stuck.text()
    );
    std::fs::remove_file(project.path("db/repeat_core_v.sql")).unwrap();
    assert_eq!(state(&project), before);
    // What ends the transaction ends the rehearsal, too.
    project.write(
        "db/20240104000000_core_d.sql",
        "DROP TABLE invoice;\nSELECT 'COMMIT' \\gexec\n",
    );
    assert_eq!(
        project.code("migrate rehearse db --transaction each"),
        "migrate::transaction_ended"
    );
    assert_eq!(state(&project), before);
}

#[test]
fn what_a_failed_file_leaves_is_not_there_for_the_next() {
    let project = pending(&[
        (
            "20240101000000_core_a.sql",
            "\\set left here\n\\setenv LEFT here\nPREPARE left_here AS SELECT 1;\n\
             SET work_mem = '1MB';\nSELECT 1/0;\n\\! touch ran\n\\copy (SELECT 1) to 'copied'\n",
        ),
        (
            "20240102000000_core_b.sql",
            "\\echo :{?left}\n\\! echo \"env=$LEFT\"\n\
             SELECT (SELECT count(*) FROM pg_prepared_statements), current_setting('work_mem') <> '1MB';\n",
        ),
    ]);
    let rows = project
        .nu("migrate rehearse db -q --transaction each | select state notices | to json -r")
        .json();
    assert_eq!(rows[0]["state"], json!("failed"));
    assert_eq!(
        rows[1],
        json!({"state": "rehearsed", "notices": ["FALSE", "env=", "0|t"]})
    );
    // Nor did anything behind the error run.
    let ran = |name: &str| project.path(&format!("db/{name}")).exists();
    assert!(!ran("ran") && !ran("copied"));
}

/// The roles, databases and settings of the whole server that carry a mark.
fn shared(project: &Project, mark: &str) -> String {
    project.sql(&format!(
        "SELECT (SELECT string_agg(rolname || coalesce(rolpassword, ''), ' ' ORDER BY 1) FROM pg_authid WHERE rolname LIKE '%{mark}%'), \
         (SELECT count(*) FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole \
          WHERE r.rolname LIKE '%{mark}%' OR s.setdatabase = d.oid), pg_get_userbyid(datdba), datacl \
         FROM pg_database d WHERE datname = current_database()"
    ))
}

#[test]
fn what_concerns_the_whole_server_is_rehearsed_elsewhere() {
    let mark = format!("shared_{}", std::process::id());
    for statement in [
        format!("ALTER ROLE {mark} PASSWORD 'other';"),
        format!("DO $$ BEGIN EXECUTE 'ALTER ROLE {mark} SET work_mem = 1024'; END $$;"),
        format!("CREATE ROLE {mark}_new;"),
        format!("REASSIGN OWNED BY {mark} TO CURRENT_USER;"),
    ] {
        let project = Project::with(&[(
            "20240101000000_core_a.sql",
            &format!("CREATE TABLE a (id int);\nGRANT SELECT ON a TO {mark};\n{statement}\n"),
        )]);
        project.sql(&format!(
            "DROP ROLE IF EXISTS {mark}; CREATE ROLE {mark} PASSWORD 'x'; ALTER DATABASE {} OWNER TO {mark}",
            project.database
        ));
        let before = shared(&project, &mark);
        let output = project.nu("migrate rehearse db --scratch | get name | to json -r");
        let after = shared(&project, &mark);
        project.sql(&format!(
            "ALTER DATABASE {} OWNER TO CURRENT_USER; DROP ROLE {mark}",
            project.database
        ));
        assert_eq!(before, after, "{statement}");
        assert!(output.text().contains("public.a"), "{output:?}");
        let why = "20240101000000_core_a.sql:3 would change the target's whole server";
        assert!(output.stderr.contains(why), "{output:?}");
    }
}

#[test]
fn a_scratch_database_goes_whatever_hangs_on_it() {
    let mut project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- migrate: no-transaction\nCREATE TABLE a (id int);\n\
         SELECT format('CREATE %s s CONNECTION ''dbname=x'' PUBLICATION p WITH (connect = false)', 'SUB' || 'SCRIPTION') \\gexec\n\
         \\setenv PGDATABASE :DBNAME\n\\! setsid psql -q -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 &\n\
         SELECT pg_sleep(0.5);\n",
    )]);
    project.sql("CREATE SCHEMA ops");
    project.set("MIGRATE_SCHEMA", "ops");
    let output = project.nu("migrate rehearse db --scratch -q | get name | to json -r");
    assert!(output.text().contains("public.a"), "{output:?}");
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'migrate_scratch_%' AND query LIKE '%pg_sleep(60)%'";
    assert_eq!(project.sql(left), "0");
    let left = "SELECT count(*) FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname LIKE 'migrate_scratch_%'";
    assert_eq!(project.sql(left), "0");
}
