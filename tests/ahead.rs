//! Files that psql has before it is done with those in front of them.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::interrupts::child_of;
use crate::support::Project;
use crate::support::messages::Messages;
use crate::support::server::SERVER;

/// Migrations `a1`, `a2`, ... with these texts.
fn project(texts: &[&str]) -> Project {
    let project = Project::new();
    add(&project, 1, texts);
    project
}

fn add(project: &Project, first: usize, texts: &[&str]) {
    for (number, text) in (first..).zip(texts) {
        let file = format!("db/202401{number:02}000000_core_a{number}.sql");
        project.write(&file, text.replace('#', &number.to_string()));
    }
}

/// How many messages each of 20 files costs: what 25 files take, less what 5 take.
fn messages_per_file(text: &str, flags: &str) -> f64 {
    let count = |files: usize| {
        let mut project = project(&vec![text; files]);
        let line = Messages::of(&mut project);
        let rows = project.nu(&format!("migrate run ./db {flags} | length"));
        assert_eq!(rows.text(), files.to_string());
        line.count()
    };
    let (many, few) = (count(25), count(5));
    f64::from(u32::try_from(many - few).unwrap()) / 20.0
}

#[test]
fn a_plain_file_costs_no_message_more_than_psql_alone() {
    let one = "CREATE TABLE t# (id int);\n";
    let three = "CREATE TABLE t# (id int);\nSELECT 1;\nINSERT INTO t# VALUES (1);\n";
    assert_eq!(messages_per_file(one, ""), 1.0);
    assert_eq!(messages_per_file(three, ""), 3.0);
    // A query prints its rows first, and so does what psql itself is told.
    assert_eq!(messages_per_file("SELECT 1;\n", ""), 2.0);
    assert_eq!(messages_per_file("\\echo hello\nSELECT 1;\n", ""), 2.0);
    // Limits; BEGIN; the file; its row; COMMIT. And what the files did to the schema: a question for each of
    // the five, and one for all 25.
    assert_eq!(messages_per_file(one, "--transaction each"), 4.8);
}

#[test]
fn a_command_that_changes_nothing_costs_few_messages() {
    let mut project = project(&["CREATE TABLE t# (id int);\n"]);
    let line = Messages::of(&mut project);
    let messages = |command: &str| {
        let before = line.count();
        assert_eq!(project.nu(command).text(), "", "{command}");
        line.count() - before
    };
    messages("migrate run ./db --quiet | ignore");
    // First words, ledgers; and the connection's watch (PostgreSQL 14), the lock, the ledgers under it.
    let since = |version: u32| usize::from(SERVER.version() >= version);
    // And what a login trigger has set (PostgreSQL 17).
    let (watch, login) = (since(140_000), since(170_000));
    assert_eq!(messages("migrate status ./db | ignore"), 2 + login);
    assert_eq!(messages("migrate run ./db --dry-run | ignore"), 2 + login);
    assert_eq!(
        messages("migrate run ./db --quiet | ignore"),
        4 + watch + login
    );
    add(&project, 2, &["CREATE TABLE t# (id int);\n"]);
    assert_eq!(
        messages("migrate run ./db --quiet | ignore"),
        11 + watch + login
    );
    let kept = "$env.MIGRATE_KEEP_SESSION = '5sec'; migrate status ./db | ignore; migrate status ./db | ignore";
    assert_eq!(
        messages(kept),
        6 + 2 * login,
        "the session is cleaned behind each"
    );
}

#[test]
fn a_failure_stops_what_was_sent_ahead() {
    for fails in [
        "CREATE TABLE t (id int);\nSELECT 1/0;\n",
        "INSERT INTO none VALUES (1);\n",
        "\\copy none from nothing\n",
        "\\i nothing.sql\n",
    ] {
        let project = project(&[
            "CREATE TABLE a# (id int);\n",
            fails,
            "SELECT nextval('s');\n",
            "\\! touch ran\nSELECT nextval('s');\n",
            "CREATE TABLE b (id int);\n",
        ]);
        project.sql("CREATE SEQUENCE s");
        let output = project.nu("try { migrate run ./db } catch {|e| $e.msg }");
        assert!(output.text().contains("core_a2.sql"), "{output:?}");
        assert_eq!(project.sql("SELECT is_called FROM s"), "f", "{fails}");
        assert!(!project.path("db/ran").exists(), "{fails}");
        assert_eq!(project.tables(), "", "{fails}");
    }
}

#[test]
fn what_was_planned_is_what_runs_and_is_recorded() {
    let project = project(&[
        "SELECT pg_sleep(1);\n",
        "CREATE TABLE planned (id int);\n",
        "SELECT 1;\n",
    ]);
    let mut run = project
        .command("migrate run ./db")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1);' \
         AND datname = current_database()",
    );
    std::thread::sleep(Duration::from_millis(200));
    add(&project, 2, &["CREATE TABLE other (id int);\n"]);
    assert!(run.wait().unwrap().success());
    assert_eq!(project.tables(), "migrations_core planned");
    let states = project.nu("migrate status ./db | get state | str join ' '");
    assert_eq!(states.text(), "applied changed applied");
}

#[test]
fn a_change_of_a_file_that_psql_reads_itself_is_noticed() {
    let project = project(&[
        "SELECT pg_sleep(1);\n",
        "SELECT 'planned';\n",
        "CREATE TABLE t (id int);\n",
    ]);
    let run = project
        .command("try { migrate run ./db } catch {|e| $e.details.code }")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1);' \
         AND datname = current_database()",
    );
    std::thread::sleep(Duration::from_millis(200));
    add(&project, 2, &["SELECT 'other';\n"]);
    let output = run.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "migrate::file_changed"
    );
    assert_eq!(project.tables(), "");
}

/// The private folders that runs of this test have made.
fn folders(project: &Project) -> usize {
    let found = fs::read_dir(project.path("tmp")).unwrap();
    found.count()
}

#[test]
fn no_copy_of_a_file_stays_even_if_the_plugin_is_killed() {
    let mut project = project(&[
        "CREATE TABLE a (id int);\n",
        "SELECT pg_sleep(30);\n",
        "CREATE TABLE b (id int);\n",
        "CREATE TABLE c (id int);\n",
    ]);
    fs::create_dir(project.path("tmp")).unwrap();
    let tmp = project.path("tmp").display().to_string();
    project.set("TMPDIR", &tmp);
    let mut run = project
        .command("migrate run ./db")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30);' \
         AND datname = current_database()",
    );
    assert_eq!(folders(&project), 1);
    let plugin = child_of(run.id(), "nu_plugin_migra");
    kill(
        Pid::from_raw(i32::try_from(plugin).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    run.wait().unwrap();
    for _ in 0..100 {
        if folders(&project) == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(folders(&project), 0);
}

#[test]
fn errors_of_a_last_statement_are_shown_where_they_are() {
    let project = project(&[
        "CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1);\n",
        "-- one\nINSERT INTO t\n  VALUES (2);\n\nINSERT INTO t\n  VALUES (1); -- twice\n",
        "SELECT 1;\n",
    ]);
    let script = "try { migrate run ./db } catch {|e| $e.msg }";
    let output = project.nu(script);
    let message = output.text();
    assert!(message.contains("a2.sql, line 6:"), "{message}");
    assert!(
        message.contains("> 6 |   VALUES (1); -- twice"),
        "{message}"
    );
    assert!(
        !message.contains("migrations_core\" (migration_name"),
        "{message}"
    );

    add(&project, 2, &["ALTER TABLE t\n  ADD COLUMN x nope;\n"]);
    let output = project.nu(script);
    let message = output.text();
    assert!(message.contains("> 2 |   ADD COLUMN x nope;"), "{message}");
}

#[test]
fn a_late_constraint_and_a_ledger_are_told_from_the_last_statement() {
    let project = project(&[
        "CREATE TABLE p (id int PRIMARY KEY);\nCREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\n",
        "CREATE TABLE harmless (id int);\nINSERT INTO c VALUES (1);\n",
        "SELECT 1;\n",
    ]);
    let script = "try { migrate run ./db } catch {|e| $e.msg }";
    let output = project.nu(script);
    let message = output.text();
    assert!(message.contains("23503"), "{message}");
    assert!(message.contains("core_a2.sql"), "{message}");
    assert!(!message.contains("SET CONSTRAINTS"), "{message}");

    add(&project, 2, &["DROP TABLE p, c;\n"]);
    project.nu("migrate run ./db").text();
    project.sql("REVOKE ALL ON migrations_core FROM PUBLIC");
    add(
        &project,
        4,
        &["DROP TABLE migrations_core;\n", "SELECT 1;\n"],
    );
    let code = project.code("migrate run ./db");
    assert!(
        ["migrate::sql_failed", "migrate::ledger_failed"].contains(&code.as_str()),
        "{code}"
    );
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "3");
}
