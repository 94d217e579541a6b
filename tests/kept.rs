//! The setting `keep_session`: psql stays open for the next command of the same shell, and for nothing
//! else.

use crate::support::Project;

/// Server processes of ours: their numbers, what they do and what they hold.
const OURS: &str = "SELECT coalesce(string_agg(concat_ws(' ', pid, state, \
    (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid)), ', ' ORDER BY pid), 'none') \
    FROM pg_stat_activity a WHERE datname = current_database() AND application_name = 'nu_plugin_migrate'";

/// A session that does nothing, in no transaction, and holds no lock.
fn is_idle(seen: &str) -> bool {
    seen.ends_with(" idle 0") && !seen.contains(',')
}

fn project(period: &str) -> Project {
    let mut project = Project::with(&[
        ("20240101000000_core_a.sql", "CREATE TABLE a ();\n"),
        ("20240102000000_core_b.sql", "CREATE TABLE b ();\n"),
    ]);
    project.set("MIGRATE_KEEP_SESSION", period);
    project
}

/// What is seen behind each of these commands of one shell.
fn seen(project: &Project, commands: &[&str]) -> Vec<String> {
    let look = format!("print (^psql -X -A -t -c \"{OURS}\" | str trim)");
    let script: Vec<_> = commands
        .iter()
        .map(|command| format!("{command} | ignore\n{look}"))
        .collect();
    let output = project.nu(&script.join("\n"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_session_serves_the_next_command_and_holds_nothing_meanwhile() {
    let project = project("10sec");
    let seen = seen(
        &project,
        &[
            "migrate status db",
            "migrate history db",
            "migrate run db --dry-run",
            "migrate run db --quiet",
            "migrate run db --quiet",
            "migrate status db",
        ],
    );
    let [status, history, planned, run, nothing, last] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert!(is_idle(status), "{status}");
    assert_eq!((history, planned), (status, status));
    assert_eq!(run, "none", "a session that has run files is closed");
    assert!(is_idle(nothing) && nothing != status, "{nothing}");
    assert_eq!(last, nothing);
    assert_eq!(project.tables(), "a b migrations_core");
    project.wait_until(&format!("SELECT ({OURS}) = 'none'"));
}

#[test]
fn nobody_gets_one_unasked() {
    let project = project("0sec");
    assert_eq!(seen(&project, &["migrate status db"]), ["none"]);
}

#[test]
fn it_is_closed_when_nobody_comes() {
    let project = project("1sec");
    let seen = seen(&project, &["migrate status db", "sleep 1500ms"]);
    assert!(is_idle(&seen[0]), "{seen:?}");
    assert_eq!(seen[1], "none");
}

#[test]
fn another_connection_is_another_session() {
    let project = project("10sec");
    let seen = seen(
        &project,
        &[
            "migrate status db",
            "with-env {PGOPTIONS: '-c search_path=pg_temp,public'} { migrate status db }",
            "try { with-env {PGUSER: nobody} { migrate status db } } catch {|e| [] }",
        ],
    );
    assert!(is_idle(&seen[0]), "{seen:?}");
    assert_eq!(seen[1].split(", ").count(), 2, "{seen:?}");
    assert_eq!(seen[2], seen[1], "nobody is let in");
}

#[test]
fn one_that_was_ended_is_not_missed() {
    let project = project("10sec");
    let end = "^psql -X -q -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()\"";
    let seen = seen(
        &project,
        &[
            "migrate run db --quiet",
            "migrate run db --quiet",
            end,
            "migrate run db --quiet",
            end,
            "migrate status db",
        ],
    );
    assert!(is_idle(&seen[1]), "{seen:?}");
    assert_eq!(seen[2], "none");
    assert!(is_idle(&seen[3]) && is_idle(&seen[5]), "{seen:?}");
}

#[test]
fn what_changes_meanwhile_is_seen() {
    let project = project("10sec");
    let output = project.nu("migrate run db --steps 1 --quiet | ignore
         print (migrate status db | get state | str join ' ')
         ^psql -X -q -c 'UPDATE migrations_core SET migration_hash = repeat($$0$$, 64)'
         print (migrate status db | get state | str join ' ')
         ^psql -X -q -c 'CREATE SCHEMA other; ALTER TABLE migrations_core SET SCHEMA other'
         print (try { migrate status db } catch {|e| $e.details.code })");
    assert_eq!(
        output.stdout.lines().collect::<Vec<_>>(),
        [
            "applied pending",
            "changed pending",
            "migrate::ledgers_elsewhere"
        ]
    );
}
