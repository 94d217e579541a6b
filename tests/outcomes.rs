//! After a stop the server is asked what it holds. Here it answers late, half or not at all, and
//! every sentence of the report must still be true.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Project;
use crate::support::nu::Output;
use crate::support::proxy::{Cut, How, Proxy};
use crate::support::server::{Cluster, Server};

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");

/// The network fails for client and server alike, and is well again.
const CUT: Cut = Cut {
    at: "COMMIT",
    // What is read ends with COMMIT as well.
    after: &["INSERT INTO \"", "DELETE FROM \"", "UPDATE \""],
    passes: true,
    how: How::End,
    closes_door: false,
};

/// Lets a project's commands go through a network that fails.
fn through(project: &mut Project, cut: Cut) {
    let server = project.environment["PGPORT"].parse().unwrap();
    let proxy = Proxy::start(server, cut);
    project
        .set("PGHOST", "127.0.0.1")
        .set("PGPORT", &proxy.port.to_string());
}

fn with(files: &[(&str, &str)], cut: Cut) -> Project {
    let mut project = Project::with(files);
    through(&mut project, cut);
    project
}

pub(crate) fn start(project: &Project, script: &str) -> Child {
    project
        .command(script)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn end(run: Child) -> Output {
    let output = run.wait_with_output().unwrap();
    Output {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// What an error says, in one line, however it was wrapped.
pub(crate) fn said(output: &Output) -> String {
    let text = output.stderr.replace('|', " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A server of the test's own.
pub(crate) fn cluster() -> Option<(Cluster, Server)> {
    match Cluster::create() {
        Ok(cluster) => {
            let server = cluster.start().unwrap();
            Some((cluster, server))
        }
        Err(reason) => {
            eprintln!("not tried, there are no server programs here: {reason}");
            None
        }
    }
}

/// Waits in a file until the test says go: `\!` blocks psql, and the server has nothing to do.
pub(crate) const WAIT_FOR_GO: &str = "\\! touch waiting; while [ ! -e go ]; do sleep 0.05; done\n";

pub(crate) fn await_file(project: &Project, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !project.path(name).exists() {
        assert!(Instant::now() < deadline, "never: {name}");
        thread::sleep(Duration::from_millis(10));
    }
}

const LEDGER: &str = "SELECT coalesce(string_agg(migration_name || ' ' || state, ', ' ORDER BY id), '') FROM migrations_core";

#[test]
fn an_answer_to_commit_that_got_lost_is_looked_up() {
    let project = with(&[A], CUT);
    let output = project.nu("migrate run ./db | get name | to text");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout.trim(), A.0);
    assert_eq!(project.sql(LEDGER), "20240101000000_core_a.sql applied");
}

#[test]
fn a_commit_that_never_arrived_is_a_rollback() {
    let project = with(
        &[A],
        Cut {
            passes: false,
            ..CUT
        },
    );
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        said(&output).contains("Everything was rolled back"),
        "{output:?}"
    );
    assert_eq!(project.tables(), "");
}

#[test]
fn a_half_open_connection_is_ended_and_the_run_does_not_wait_for_itself() {
    // Committed: the old process is idle, and keeps the lock.
    let project = with(
        &[
            A,
            ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n"),
        ],
        Cut {
            how: How::HalfOpen,
            ..CUT
        },
    );
    let output = project.nu("migrate run ./db --transaction each --lock-wait 3sec | length");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout.trim(), "2");

    // In mid-file: the old process sits in the transaction.
    let project = with(
        &[(
            "20240101000000_core_a.sql",
            "CREATE TABLE a (id int);\nSELECT 'here';\nSELECT 1;\n",
        )],
        Cut {
            at: "'here'",
            after: &[],
            passes: true,
            how: How::HalfOpen,
            closes_door: false,
        },
    );
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        said(&output).contains("Everything was rolled back"),
        "{output:?}"
    );
    assert_eq!(project.tables(), "");
    assert_eq!(
        project
            .nu("migrate run ./db --lock-wait 0sec | length")
            .text(),
        "1"
    );
}

#[test]
fn nothing_is_said_of_a_row_that_could_not_be_read() {
    let file = (
        "20240101000000_core_a.sql",
        "-- migrate: no-transaction\nCREATE TABLE a (id int);\n",
    );
    for (at, passes, row) in [
        // Its row says applied.
        (
            "UPDATE \"public\".\"migrations_core\"",
            true,
            "20240101000000_core_a.sql applied",
        ),
        // It never began.
        ("INSERT INTO \"public\".\"migrations_core\"", false, ""),
    ] {
        let cut = Cut {
            at,
            after: &[],
            passes,
            how: How::End,
            closes_door: true,
        };
        let project = with(&[file], cut);
        let output = project.nu("migrate run ./db");
        assert_eq!(output.code, Some(1), "{output:?}");
        let said = said(&output);
        assert!(said.contains("UNKNOWN"), "{said}");
        assert!(
            !said.contains("says `running`") && !said.contains("--retry"),
            "{said}"
        );
        assert!(said.contains("migrate status ./db"), "{said}");
        assert_eq!(project.sql(LEDGER), row);
    }
}

#[test]
fn a_file_outside_a_transaction_that_never_began_left_nothing() {
    let cut = Cut {
        at: "INSERT INTO \"public\".\"migrations_core\"",
        after: &[],
        passes: false,
        ..CUT
    };
    let file = "-- migrate: no-transaction\nCREATE TABLE a (id int);\n";
    let project = with(&[("20240101000000_core_a.sql", file)], cut);
    let output = project.nu("migrate run ./db");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(said(&output).contains("did not begin"), "{output:?}");
    assert_eq!(project.sql(LEDGER), "");
    assert_eq!(project.nu("migrate run ./db | length").text(), "1");
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let Some((cluster, server)) = cluster() else {
        return;
    };
    let project = Project::on(&server);
    project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (id int);\nSELECT pg_sleep(30);\n",
    );
    let run = start(&project, "migrate run ./db");
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30);' AND state = 'active'");
    cluster.crash();
    thread::sleep(Duration::from_millis(700));
    cluster.start().unwrap();
    let output = end(run);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        said(&output).contains("Everything was rolled back"),
        "{output:?}"
    );
    assert_eq!(project.tables(), "");
    cluster.crash();
    std::mem::forget(project);
}

#[test]
fn a_number_that_a_crash_gave_to_another_transaction_proves_nothing() {
    let Some((cluster, server)) = cluster() else {
        return;
    };
    let project = Project::on(&server);
    server.sql("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'");
    server.sql("postgres", "SELECT pg_reload_conf()");
    project.sql("CREATE TABLE others (id int)");
    // The ledger is there, so that the file's is the only work of its transaction.
    project.write("db/20240101000000_core_a.sql", "SELECT 1;\n");
    project.nu("migrate run ./db").text();
    project.sql("CHECKPOINT");
    let sql = format!("CREATE TABLE b (id int);\n{WAIT_FOR_GO}SELECT 1;\n");
    project.write("db/20240102000000_core_b.sql", sql);
    let run = start(&project, "migrate run ./db");
    await_file(&project, "db/waiting");
    Cluster::crash_within(&server);
    let others =
        "DO $$ BEGIN FOR i IN 1..400 LOOP INSERT INTO others VALUES (i); COMMIT; END LOOP; END $$";
    let psql = || {
        let mut command = std::process::Command::new(&*crate::support::server::PSQL);
        command
            .args(["-X", "-q", "-c", others])
            .env_clear()
            .envs(&project.environment);
        command.stderr(Stdio::null()).status().unwrap()
    };
    while !psql().success() {
        thread::sleep(Duration::from_millis(50));
    }
    project.write("db/go", "");
    let output = end(run);
    assert_eq!(output.code, Some(1), "{output:?}");
    let said = said(&output);
    assert!(!said.contains("IS in the database"), "{said}");
    assert!(
        said.contains("rolled back") || said.contains("UNKNOWN"),
        "{said}"
    );
    assert_eq!(project.sql("SELECT to_regclass('b') IS NULL"), "t");
    cluster.crash();
    std::mem::forget(project);
}

#[test]
fn what_a_crash_took_away_did_not_stay_applied() {
    let Some((cluster, server)) = cluster() else {
        return;
    };
    let project = Project::on(&server);
    server.sql("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'");
    server.sql("postgres", "ALTER SYSTEM SET synchronous_commit = off");
    server.sql("postgres", "SELECT pg_reload_conf()");
    project.write("db/20240101000000_core_a.sql", "SELECT 1;\n");
    project.nu("migrate run ./db").text();
    project.sql("CHECKPOINT");
    project.write(
        "db/20240102000000_core_b.sql",
        "INSERT INTO b VALUES (1);\n",
    );
    project.write("db/20240102000000_core_b.sql", "SELECT 1;\n");
    let sql = format!("{WAIT_FOR_GO}SELECT 1;\n");
    project.write("db/20240103000000_core_c.sql", sql);
    let run = start(&project, "migrate run ./db --transaction each");
    await_file(&project, "db/waiting");
    Cluster::crash_within(&server);
    thread::sleep(Duration::from_millis(500));
    project.write("db/go", "");
    let output = end(run);
    assert_eq!(output.code, Some(1), "{output:?}");
    let said = said(&output);
    assert_eq!(
        project.sql(LEDGER),
        "20240101000000_core_a.sql applied",
        "{said}"
    );
    assert!(!said.contains("stayed applied"), "{said}");
    assert!(
        said.contains("LOST") && said.contains("20240102000000_core_b"),
        "{said}"
    );
    cluster.crash();
    std::mem::forget(project);
}

#[test]
fn the_answer_to_a_repair_that_got_lost_is_looked_up() {
    for action in ["--mark-applied", "--forget", "--retry", "--rehash"] {
        let mut project = Project::with(&[A]);
        match action {
            "--forget" | "--rehash" => drop(project.nu("migrate run ./db").text()),
            "--retry" => {
                project.nu("migrate run ./db").text();
                project.sql("UPDATE migrations_core SET state = 'failed'");
            }
            _ => {}
        }
        if action == "--rehash" {
            project.write(
                "db/20240101000000_core_a.sql",
                "CREATE TABLE a (id int); -- new\n",
            );
        }
        through(&mut project, CUT);
        let output = project.nu(&format!(
            "migrate repair ./db {action} 20240101000000 | length"
        ));
        assert_eq!(output.code, Some(0), "{action}: {output:?}");
        let state = project.nu("migrate status ./db | get 0.state");
        let expected = if matches!(action, "--forget" | "--retry") {
            "pending"
        } else {
            "applied"
        };
        assert_eq!(state.text(), expected, "{action}");
    }
}

#[test]
fn a_repair_that_nobody_can_ask_about_is_unknown() {
    let cut = Cut {
        closes_door: true,
        ..CUT
    };
    let project = with(&[A], cut);
    let output = project.nu("migrate repair ./db --mark-applied 20240101000000");
    assert_eq!(output.code, Some(1), "{output:?}");
    let said = said(&output);
    assert!(
        said.contains("UNKNOWN") && !said.contains("was not changed"),
        "{said}"
    );
    let lost = with(
        &[A],
        Cut {
            passes: false,
            ..CUT
        },
    );
    let output = lost.nu("migrate repair ./db --mark-applied 20240101000000");
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        self::said(&output).contains("The database was not changed"),
        "{output:?}"
    );
}

/// A server that waits for a standby that there is not.
fn waiting_for_a_standby() -> Option<(Cluster, Server, Project)> {
    let (cluster, server) = cluster()?;
    let project = Project::on(&server);
    project.write("db/20240101000000_core_a.sql", A.1);
    server.sql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = 'ghost'",
    );
    server.sql("postgres", "SELECT pg_reload_conf()");
    Some((cluster, server, project))
}

const WAITS_FOR_STANDBY: &str =
    "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

#[test]
fn a_warning_at_commit_is_shown_and_kept() {
    let Some((cluster, server, project)) = waiting_for_a_standby() else {
        return;
    };
    let run = start(
        &project,
        "migrate run ./db --full | get 0.notices | to text",
    );
    project.wait_until(WAITS_FOR_STANDBY);
    server.sql(
        "postgres",
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    );
    let output = end(run);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output
            .stdout
            .contains("canceling wait for synchronous replication"),
        "{output:?}"
    );
    assert!(
        output
            .stderr
            .contains("canceling wait for synchronous replication"),
        "{output:?}"
    );
    cluster.crash();
    std::mem::forget(project);
}

#[test]
fn ctrl_c_in_a_repair_that_waits_for_a_standby() {
    let Some((cluster, _server, project)) = waiting_for_a_standby() else {
        return;
    };
    let repair = start(
        &project,
        "migrate repair ./db --mark-applied 20240101000000",
    );
    project.wait_until(WAITS_FOR_STANDBY);
    kill(
        Pid::from_raw(i32::try_from(repair.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = end(repair);
    let said = said(&output);
    assert!(
        said.contains("migrate::interrupted") && !said.contains("was not changed"),
        "{said}"
    );
    assert!(said.contains("IS committed"), "{said}");
    assert_eq!(project.sql(LEDGER), "20240101000000_core_a.sql applied");
    cluster.crash();
    std::mem::forget(project);
}

#[test]
fn the_answer_to_an_undo_that_got_lost_is_looked_up() {
    for directive in ["", "-- migrate: no-transaction\n"] {
        for passes in [true, false] {
            let down = format!("{directive}DROP TABLE a;\n");
            let mut project = Project::with(&[A, ("20240101000000_core_a.down.sql", &down)]);
            project.nu("migrate run ./db").text();
            let cut = Cut {
                // Outside of a transaction, its end is one message.
                at: if directive.is_empty() {
                    "COMMIT"
                } else {
                    "DELETE FROM"
                },
                after: if directive.is_empty() {
                    &["DELETE FROM"]
                } else {
                    &[]
                },
                passes,
                ..CUT
            };
            through(&mut project, cut);
            let output = project.nu("migrate undo ./db | length");
            let case = format!("{directive:?} {passes}: {output:?}");
            let rows =
                project.sql("SELECT coalesce(string_agg(state, ' '), '') FROM migrations_core");
            if passes {
                assert_eq!(output.code, Some(0), "{case}");
                assert_eq!(output.stdout.trim(), "1", "{case}");
                assert_eq!(rows, "", "{case}");
            } else {
                assert_eq!(output.code, Some(1), "{case}");
                let said = said(&output);
                let (sentence, row) = if directive.is_empty() {
                    ("Everything was rolled back", "applied")
                } else {
                    ("says `failed`", "failed")
                };
                assert!(said.contains(sentence), "{case}");
                assert_eq!(rows, row, "{case}");
            }
        }
    }
}
