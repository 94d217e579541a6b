//! `migrate run`: what it applies, in which order and transactions, and what it leaves behind.

use serde_json::json;

use crate::support::Project;

const CORE_A: (&str, &str) = (
    "core/20240101000000_core_a.sql",
    "CREATE TABLE core_a (id int);\n",
);
const CORE_B: (&str, &str) = (
    "core/20240103000000_core_b.sql",
    "CREATE TABLE core_b (id int);\n",
);
const ACME: (&str, &str) = (
    "acme/20240102000000_acme_a.sql",
    "CREATE TABLE acme_a (id int);\n",
);
const IMPL: (&str, &str) = (
    "impl/20230101000000_impl_a.sql",
    "CREATE TABLE impl_a (id int);\n",
);
const BROKEN: (&str, &str) = ("impl/20240201000000_impl_broken.sql", "SELECT nope;\n");

#[test]
fn all_tracks_in_plan_order_with_one_ledger_each() {
    let project = Project::with(&[IMPL, ACME, CORE_B, CORE_A]);
    let rows = project
        .nu("migrate run ./db | select track name state group | to json")
        .json();
    assert_eq!(
        rows,
        json!([
            {"track": "core", "name": "20240101000000_core_a.sql", "state": "applied", "group": 1},
            {"track": "core", "name": "20240103000000_core_b.sql", "state": "applied", "group": 1},
            {"track": "acme", "name": "20240102000000_acme_a.sql", "state": "applied", "group": 1},
            {"track": "impl", "name": "20230101000000_impl_a.sql", "state": "applied", "group": 1},
        ])
    );
    assert_eq!(
        project.tables(),
        "acme_a core_a core_b impl_a migrations_acme migrations_core migrations_impl"
    );
}

#[test]
fn nothing_pending_is_an_empty_table_and_success() {
    let project = Project::with(&[CORE_A]);
    project.nu("migrate run ./db").text();
    assert_eq!(project.nu("migrate run ./db | to json").json(), json!([]));
}

#[test]
fn columns_have_their_types() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "DO $$ BEGIN RAISE NOTICE 'hello'; END $$;\n\\echo from psql\nSELECT pg_sleep(0.02);\n",
    )]);
    let run = "migrate run ./db | first";
    let types = project.nu(&format!(
        "{run} | items {{|name value| $'($name) ($value | describe)'}} | str join ', '"
    ));
    assert_eq!(
        types.text(),
        "track string, version string, state string, description string, duration duration, \
         applied_at datetime, group int, validation_time nothing, name string, kind string, reason nothing, notices string, objects string, \
         execution_id string"
    );
    assert_eq!(
        project.sql(
            "SELECT state, execution_time_ms >= 20, applied_by = session_user, \
             execution_id IS NOT NULL, applied_at > now() - interval '1 minute' FROM migrations_core"
        ),
        "applied|t|t|t|t"
    );
}

#[test]
fn notices_and_output_are_in_the_report() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "DO $$ BEGIN RAISE NOTICE 'hällo'; END $$;\n\\echo from psql\n\\warn careful\nSELECT 42;\n",
    )]);
    let notices = project
        .nu("migrate run ./db --full | first | get notices | to json")
        .json();
    assert_eq!(notices, json!(["from psql", "42", "hällo", "careful"]));
}

/// What is deferred fires when the file is over.
#[test]
fn what_a_deferred_trigger_says_is_in_the_report() {
    let trigger = "CREATE TABLE a (id int);
        CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql
          AS $$ BEGIN RAISE WARNING 'row % is doubtful', NEW.id; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER doubt AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION doubt();
        INSERT INTO a VALUES (1);\n";
    let project = Project::with(&[
        ("core/20240101000000_core_a.sql", trigger),
        (
            "core/20240102000000_core_b.sql",
            "\\set id 2\nINSERT INTO a VALUES (:id);\n",
        ),
        ("core/repeat_core_c.sql", "INSERT INTO a VALUES (3);\n"),
    ]);
    let output = project.nu("migrate run db --full | get notices | to json -r");
    assert_eq!(
        output.json(),
        json!([
            ["row 1 is doubtful"],
            ["row 2 is doubtful"],
            ["row 3 is doubtful"]
        ])
    );
    let shown = "20240102000000_core_b.sql: row 2 is doubtful\n";
    assert_eq!(output.stderr.matches(shown).count(), 1, "{output:?}");
}

#[test]
fn a_failure_rolls_everything_back() {
    let project = Project::with(&[CORE_A, CORE_B, BROKEN]);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1));
    assert_eq!(project.tables(), "");
}

#[test]
fn a_transaction_per_track_keeps_the_tracks_before_the_failure() {
    let project = Project::with(&[CORE_A, CORE_B, IMPL, BROKEN]);
    let output = project.nu("migrate run ./db --transaction track");
    assert_eq!(output.code, Some(1));
    assert_eq!(project.tables(), "core_a core_b migrations_core");
}

#[test]
fn a_transaction_per_migration_keeps_what_was_done() {
    let project = Project::with(&[CORE_A, IMPL, BROKEN]);
    let output = project.nu("migrate run ./db --transaction each");
    assert_eq!(output.code, Some(1));
    assert_eq!(
        project.tables(),
        "core_a impl_a migrations_core migrations_impl"
    );
    project.write("db/impl/20240201000000_impl_broken.sql", "SELECT 1;\n");
    let names = project
        .nu("migrate run ./db --transaction each | get name | to json")
        .json();
    assert_eq!(names, json!(["20240201000000_impl_broken.sql"]));
}

#[test]
fn a_dry_run_shows_the_plan_and_touches_nothing() {
    let project = Project::with(&[CORE_A, IMPL]);
    let rows = project
        .nu("migrate run ./db --dry-run --transaction each | to json")
        .json();
    let planned = |track: &str, name: &str, group: i32| {
        json!({"track": track, "version": name.split_once('_').unwrap().0, "state": "planned", "description": "a",
               "group": group, "duration": null, "applied_at": null, "validation_time": null,
               "name": name, "kind": "versioned", "reason": null})
    };
    assert_eq!(
        rows,
        json!([
            planned("core", "20240101000000_core_a.sql", 1),
            planned("impl", "20230101000000_impl_a.sql", 2),
        ])
    );
    assert_eq!(project.tables(), "");
}

#[test]
fn to_steps_and_track_narrow_the_plan() {
    let project = Project::with(&[CORE_A, CORE_B, ACME, IMPL]);
    let names = |flags: &str| {
        let script = format!("migrate run ./db --dry-run {flags} | get track | str join ' '");
        project.nu(&script).text().to_owned()
    };
    assert_eq!(names("--to 20240102000000"), "core acme impl");
    assert_eq!(names("--to '20240101000000'"), "core impl");
    assert_eq!(names("--to 2024-01-02T00:00:00+00:00"), "core acme impl");
    assert_eq!(names("--steps 3"), "core core acme");
    assert_eq!(names("--steps 0"), "");
    assert_eq!(names("--track impl"), "impl");
    assert_eq!(names("-t [impl core]"), "core core impl");
}

#[test]
fn out_of_order_needs_a_yes() {
    let project = Project::with(&[CORE_B]);
    project.nu("migrate run ./db").text();
    project.write(&format!("db/{}", CORE_A.0), CORE_A.1);
    let code = project.nu("try { migrate run ./db } catch {|e| $e.details.code }");
    assert_eq!(code.text(), "migrate::out_of_order");
    project.nu("migrate run ./db --allow-out-of-order").text();
    assert_eq!(project.tables(), "core_a core_b migrations_core");
}

#[test]
fn a_file_sees_nothing_of_what_another_has_set() {
    let project = Project::with(&[
        (
            "20240102000000_core_b.sql",
            "CREATE TABLE found AS SELECT current_setting('search_path') AS path, \
             current_setting('TimeZone') AS zone, current_user = session_user AS self;\n\
             CREATE TEMP TABLE scratch (id int);\n\\pset format html\n\\t off\n\\o /dev/null\n\
             \\set QUIET off\n\\timing on\n",
        ),
        ("20240103000000_core_c.sql", "CREATE TABLE c (id int);"),
    ]);
    let role = format!("{}_role", project.database);
    project.write(
        "db/20240101000000_core_a.sql",
        format!(
            "CREATE ROLE {role};\nGRANT CREATE ON SCHEMA public TO {role};\nSET ROLE {role};\n\
             SELECT set_config('search_path', '', false);\nSET TimeZone = 'Asia/Tokyo';\n\
             CREATE TEMP TABLE scratch (id int);\n"
        ),
    );
    project.nu("migrate run ./db").text();
    assert_eq!(
        project.sql("SELECT path, zone = 'Asia/Tokyo', self FROM found"),
        "\"$user\", public|f|t"
    );
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "3");
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn deferred_constraints_are_checked_at_the_end_of_their_file() {
    let deferrable = "REFERENCES parent DEFERRABLE INITIALLY DEFERRED";
    let project = Project::with(&[
        (
            "20240101000000_core_a.sql",
            &format!(
                "CREATE TABLE parent (id int PRIMARY KEY);\n\
                 CREATE TABLE child (id int {deferrable});\n\
                 INSERT INTO child VALUES (1);\nINSERT INTO parent VALUES (1);\n"
            ),
        ),
        // Fails with "pending trigger events" unless the file before was checked.
        (
            "20240102000000_core_b.sql",
            "ALTER TABLE child ADD COLUMN note text;\n",
        ),
        (
            "20240103000000_core_c.sql",
            "INSERT INTO child VALUES (2);\nINSERT INTO parent VALUES (2);\n",
        ),
    ]);
    project.nu("migrate run ./db").text();
    project.write(
        "db/20240104000000_core_d.sql",
        "INSERT INTO child VALUES (3);\nSELECT 1;\n",
    );
    project.write("db/20240105000000_core_e.sql", "SELECT 2;\n");
    let output = project.nu("migrate run ./db");
    assert!(
        output
            .stderr
            .contains("migration 20240104000000_core_d.sql failed"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("SQLSTATE 23503"),
        "{}",
        output.stderr
    );
}

#[test]
fn odd_files_run_as_they_are() {
    let project = Project::with(&[
        ("20240101000000_core_empty.sql", ""),
        ("20240102000000_core_comment.sql", "-- nothing to do"),
        (
            "20240103000000_core_unfinished.sql",
            "CREATE TABLE t (id int)",
        ),
        (
            "20240104000000_core_copy.sql",
            "COPY t FROM stdin;\n1\n2\n\\.\n",
        ),
        (
            "20240105000000_core_windows.sql",
            "\u{feff}INSERT INTO t\r\nVALUES (3);\r\n",
        ),
        (
            "20240106000000_core_beside.sql",
            "\\copy t from 'rows.csv'\n\\ir more.sql\n",
        ),
        ("rows.csv", "4\n5\n"),
        ("more.sql", "INSERT INTO t VALUES (6)"),
        ("20240107000000_core_pstdin.sql", "\\copy t from pstdin\n"),
        (
            "20240141000090_core_no-date.sql",
            "INSERT INTO t VALUES (7);\n",
        ),
    ]);
    project.nu("migrate run ./db").text();
    assert_eq!(
        project.sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM t"),
        "1,2,3,4,5,6,7"
    );
    assert_eq!(
        project
            .nu("migrate status ./db | where pending | length")
            .text(),
        "0"
    );
}

#[test]
fn relative_paths_start_where_the_setting_says() {
    for (setting, folder) in [("tree", "db"), ("caller", "."), ("migration", "db/core")] {
        let mut project = Project::with(&[(
            "core/20240101000000_core_a.sql",
            "CREATE TABLE t (id int);\n\\copy t from 'rows.csv'\n",
        )]);
        project.write(&format!("{folder}/rows.csv"), "1\n");
        project.set("MIGRATE_WORKING_DIRECTORY", setting);
        project.nu("migrate run ./db").text();
        assert_eq!(project.sql("SELECT count(*) FROM t"), "1", "{setting}");
    }
}

#[test]
fn a_flood_on_both_outputs_does_not_block() {
    let project = Project::with(&[(
        "20240101000000_core_flood.sql",
        "SELECT repeat('x', 1000) FROM generate_series(1, 20000);\n\
         DO $$ BEGIN FOR i IN 1..20000 LOOP RAISE NOTICE '%', repeat('y', 100); END LOOP; END $$;\n\
         SELECT 'done';\n",
    )]);
    assert_eq!(
        project.nu("migrate run ./db | get state | first").text(),
        "applied"
    );
}

#[test]
fn a_file_that_ends_the_transaction_is_caught() {
    let after = "CREATE TABLE after (id int);\n";
    for (end, fate) in [("COMMIT", "IS in the database"), ("ROLLBACK", "is gone")] {
        let project = Project::with(&[
            CORE_A,
            (
                "core/20240102000000_core_end.sql",
                &format!("CREATE TABLE before (id int);\nSELECT '{end}' \\gexec\n{after}"),
            ),
            CORE_B,
        ]);
        let output = project
            .nu("try { migrate run ./db } catch {|e| $e.details | to json }")
            .json();
        assert_eq!(output["code"], "migrate::transaction_ended");
        let message = output["msg"].as_str().unwrap();
        assert!(message.contains("20240102000000_core_end.sql"), "{message}");
        assert!(message.contains(fate), "{message}");
        let tables = if end == "COMMIT" {
            "after before core_a migrations_core"
        } else {
            "after"
        };
        assert_eq!(project.tables(), tables);
    }
}

#[test]
fn an_error_after_a_commit_in_the_file_does_not_claim_a_rollback() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "CREATE TABLE kept (id int);\nSELECT 'COMMIT' \\gexec\nSELECT nope;\n",
    )]);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1));
    assert!(!output.stderr.contains("rolled back"), "{}", output.stderr);
    assert!(
        output.stderr.contains("IS in the database"),
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "kept migrations_core");
}

#[test]
fn an_error_that_a_file_hides_is_still_an_error() {
    let project = Project::with(&[
        CORE_A,
        (
            "core/20240102000000_core_quiet.sql",
            "\\set v ON_ERROR_STOP\n\\set :v off\nSELECT nope;\nSELECT 1;\n",
        ),
    ]);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("column \"nope\" does not exist"),
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "");
}

#[test]
fn sixteen_runs_at_once_apply_each_migration_once() {
    let project = Project::with(&[CORE_A, CORE_B, ACME, IMPL]);
    let runs: Vec<_> = (0..16)
        .map(|_| {
            project
                .command("migrate run ./db | length")
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let applied: u32 = runs
        .into_iter()
        .map(|run| {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout)
                .unwrap()
                .trim()
                .parse::<u32>()
                .unwrap()
        })
        .sum();
    assert_eq!(applied, 4);
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "2");
}
