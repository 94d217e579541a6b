//! Late scripts, within the run's own transaction.

use std::time::{Duration, Instant};

use super::{A, B, refused, with_script};

#[test]
fn a_late_script_sees_the_uncommitted_work_of_earlier_steps() {
    let project = with_script(
        "# migrate: late\n\
         use migrate/checks.nu *\n\
         require-table a\n\
         require-migration core 20240101000000\n\
         try { require-table b } catch {|error| print $error.msg }\n\
         try { query 'SELECT 1/0' } catch {|error| print $error.msg }\n\
         try { query 'TABLE c' } catch {|error| print $error.msg }\n\
         try { query \"SELECT set_config('x.y', 'z', false), nextval('s')\" } catch {|error| print $error.msg }\n\
         query 'SELECT txid_current_if_assigned() IS NOT NULL AS inside' | get 0.inside",
    );
    project.write(
        &format!("db/{A}.sql"),
        "CREATE TABLE a (id int); CREATE SEQUENCE s;",
    );
    let output = project
        .nu("migrate run db --full | get 1.validation.0 | [$in.output $in.result] | to json -r");
    let found = output.text();
    assert_eq!(
        found,
        "[[\"expected the table b; found a, migrations_core\",\"division by zero\",\
         \"relation \\\"c\\\" does not exist\",\
         \"cannot execute nextval() in a read-only transaction\"],true]",
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "a b c migrations_core");
}

#[test]
fn a_late_script_that_fails_rolls_its_group_back() {
    let project =
        with_script("# migrate: late\nerror make {msg: 'not today', help: 'come back tomorrow'}");
    let error = refused(&project, "migrate run db");
    for expected in [
        "not today",
        "come back tomorrow",
        "Everything was rolled back",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    let project = with_script("# migrate: late\nerror make {msg: 'not today'}");
    let output = project.nu("migrate run db --transaction each");
    assert_eq!(output.code, Some(1));
    assert_eq!(project.tables(), "a migrations_core");
    assert!(
        output
            .stderr
            .contains("1 migration of this run stayed applied"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_late_script_cannot_take_the_transaction_away() {
    for question in [
        "COMMIT",
        "ROLLBACK",
        "SELECT 1; COMMIT; SELECT 2",
        "SELECT 1 \\q",
        "\\c postgres",
        "SELECT 1 \\g |touch ran",
        "SELECT 1 \\g ran",
        "SELECT 1 \\gx (format=csv) |touch ran",
        "\\echo `touch ran`",
        "\\set x `touch ran`",
    ] {
        let script = format!(
            "# migrate: late\n'{question}' | ^$env.MIGRATION.psql.0 ...($env.MIGRATION.psql | skip 1) | complete | get stderr"
        );
        let project = with_script(&script);
        let output = project.nu("migrate run db --full | get 1.validation.0.result");
        assert!(
            output.text().contains("this check cannot use"),
            "{question}: {output:?}"
        );
        assert_eq!(project.tables(), "a b c migrations_core", "{question}");
        assert!(!project.path("db/ran").exists() && !project.path("ran").exists());
    }
    // Unfinished SQL swallows nothing of ours.
    for question in [
        "SELECT \"unfinished",
        "SELECT $$ unfinished",
        "\\if true\nSELECT 1",
        "\\o /dev/null\n\\set ON_ERROR_STOP 0\n\\pset format html",
    ] {
        let script = "# migrate: late\nopen --raw question.sql \
            | ^$env.MIGRATION.psql.0 ...($env.MIGRATION.psql | skip 1) | complete | ignore";
        let project = with_script(script);
        project.write("question.sql", question);
        assert_eq!(
            project.nu("migrate run db | length").text(),
            "3",
            "{question}"
        );
        assert_eq!(project.tables(), "a b c migrations_core", "{question}");
    }
}

#[test]
fn a_late_script_of_a_step_outside_a_transaction_runs_before_it() {
    let project = with_script(
        "# migrate: late\nuse migrate/checks.nu *\nquery 'SELECT count(*) AS rows FROM a' | get 0.rows",
    );
    project.write(
        &format!("db/{B}.sql"),
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY ON a (id);",
    );
    assert_eq!(
        project
            .nu("migrate run db --full | get 1.validation.0.result")
            .text(),
        "0"
    );
    let project = with_script("# migrate: late\nerror make 'no'");
    project.write(
        &format!("db/{B}.sql"),
        "-- migrate: no-transaction\nSELECT 1;",
    );
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    assert_eq!(
        project.sql("SELECT string_agg(state, ' ') FROM migrations_core"),
        "applied"
    );
}

#[test]
fn a_slow_question_meets_the_time_limit_and_frees_the_server() {
    let project = with_script(
        "# migrate: late\n# migrate: time-limit 500ms\nuse migrate/checks.nu *\nquery 'SELECT pg_sleep(30)'",
    );
    let started = Instant::now();
    refused(&project, "migrate run db");
    assert!(started.elapsed() < Duration::from_secs(10));
    project.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");
}

#[test]
fn a_question_that_smuggles_a_commit_in_is_caught() {
    let project = with_script(
        "# migrate: late\nuse migrate/checks.nu *\ntry { query \"SELECT 1 AS a :c SELECT 1 AS b\" {c: '; COMMIT;'} }",
    );
    let output = project.nu("migrate run db");
    assert_eq!(output.code, Some(1));
    for expected in ["migrate::transaction_ended", "IS in the database"] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[test]
fn an_asker_that_does_not_take_its_answer_holds_nothing_up() {
    let script = "# migrate: late\n# migrate: time-limit 20sec\n\
        ^python3 -c \"\nimport socket, time, os\ns = socket.socket(socket.AF_UNIX); s.connect('SOCKET'.replace('SOCKET', os.environ['ASK_AT']))\n\
        s.sendall(b\\\"SELECT repeat('x', 5000000);\\\"); s.shutdown(1); time.sleep(60)\n\"";
    let script = script.replacen(
        "^python3",
        "$env.ASK_AT = $env.MIGRATION.psql.2\n^timeout 30 python3",
        1,
    );
    if which::which("python3").is_err() {
        return;
    }
    let mut project = with_script(&script);
    let path = format!(
        "{}:{}",
        project.environment["PATH"], "/root/.pyenv/shims:/usr/local/bin"
    );
    project.set("PATH", &path);
    let started = Instant::now();
    let error = refused(&project, "migrate run db");
    assert!(started.elapsed() < Duration::from_secs(40), "{error}");
}
