//! The log of what goes to psql and what comes back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Project;

const A: (&str, &str) = (
    "20240101000000_core_a.sql",
    "CREATE TABLE a (id int);\n\\echo :'api_token'\nDO $$ BEGIN RAISE NOTICE 'told'; END $$;\n",
);

#[test]
fn a_run_is_written_down_with_times_and_without_secrets() {
    let mut project = Project::with(&[
        A,
        (
            "20240102000000_core_b.sql",
            "ALTER ROLE CURRENT_USER PASSWORD 'of-a-r0le' VALID UNTL 'now';\n",
        ),
    ]);
    let password = project.environment["PGPASSWORD"].clone();
    let url = format!(
        "postgresql://{}:{password}@{}:{}/{}",
        project.environment["PGUSER"],
        project.environment["PGHOST"].replace('/', "%2F"),
        project.environment["PGPORT"],
        project.database
    );
    project.set("DATABASE_URL", &url).unset("PGPASSWORD");
    project.write("logs/before", "");
    let run = "migrate run ./db --log logs/run.log --transaction each \
               --set {api_token: \"of-a-va'lue\", tenant: acme}";
    assert_eq!(project.code(run), "migrate::sql_failed");
    let path = project.path("logs/run.log");
    let text = fs::read_to_string(&path).unwrap();
    for secret in ["of-a-r0le", &password, "of-a-va", "lue'"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for said in [
        " > \\set api_token '***'\n",
        " > \\set tenant 'acme'\n",
        " < '***'\n",
        "NOTICE:  00000: told\n",
        "20240101000000_core_a.sql",
        "ERROR:  42601: syntax error at or near \"UNTL\"\n",
        " ! LINE 1: ...***\n",
        " = psql has ended: exit status: 3\n",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    for line in text.lines() {
        let mut words = line.split(' ');
        let time = words.next().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
        let process = words.next().unwrap();
        assert!(process.parse::<u32>().is_ok(), "{line}");
        assert!("> < ! =".contains(words.next().unwrap()), "{line}");
    }
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn every_command_that_connects_appends_to_the_log_that_a_setting_names() {
    let project = Project::with(&[A]);
    project.write("db/migrate.json", r#"{"log": "./all.log"}"#);
    let path = project.path("db/all.log");
    let mut before = 0;
    for command in [
        "status ./db",
        "validate ./db",
        "rehearse ./db --set {api_token: x}",
        "run ./db --set {api_token: x}",
        "history ./db",
        "repair ./db --forget 20240101000000 --dry-run",
        "objects ./db",
        "impact ./db a",
        "verify ./db",
        "snapshot ./db --to ./schema",
        "settings ./db",
        "adopt ./db --baseline 20240101000000",
    ] {
        assert_eq!(
            project.nu(&format!("migrate {command} | ignore")).code,
            Some(0),
            "{command}"
        );
        let length = fs::metadata(&path).unwrap().len();
        assert!(length > before, "{command}");
        before = length;
    }
    // What does not connect leaves it alone.
    project.nu("migrate status ./db --offline").text();
    project.nu("migrate add ./db/core new").text();
    assert_eq!(fs::metadata(&path).unwrap().len(), before);
}

#[test]
fn a_log_that_cannot_be_written_stops_everything_before_it_begins() {
    let mut project = Project::with(&[A]);
    project.write("folder/x", "");
    for log in ["nowhere/run.log", "folder", "/dev/full"] {
        let run = format!("migrate run ./db --set {{api_token: x}} --log {log}");
        assert_eq!(project.code(&run), "migrate::not_written", "{log}");
    }
    project.set("MIGRATE_LOG", "nowhere/run.log");
    assert_eq!(project.code("migrate status ./db"), "migrate::not_written");
    assert_eq!(project.tables(), "");
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let project = Project::with(&[A]);
    project.write("notes.txt", "notes\n");
    for log in [
        "notes.txt",
        "db/20240101000000_core_a.sql",
        "db/20240102000000_core_b.sql",
        "db/core/check.nu",
    ] {
        let run = format!("migrate run ./db --set {{api_token: x}} --log {log}");
        assert_eq!(project.code(&run), "migrate::no_log", "{log}");
    }
    let read = |file: &str| fs::read_to_string(project.path(file)).ok();
    assert_eq!(read("notes.txt").as_deref(), Some("notes\n"));
    assert_eq!(read("db/20240101000000_core_a.sql").as_deref(), Some(A.1));
    assert_eq!(read("db/20240102000000_core_b.sql"), None);
    assert_eq!(project.tables(), "");
}

#[test]
fn a_password_is_in_no_log_message_or_ledger() {
    let project = Project::with(&[(
        "20240101000000_core_a.sql",
        "-- migrate: no-transaction\nALTER ROLE CURRENT_USER PASSWORD\n\
         'of-a-r0le' VALID UNTL 'now';\n",
    )]);
    let output = project.nu("migrate run ./db --log run.log");
    assert!(output.stderr.contains("migrate::sql_failed"), "{output:?}");
    let ledger = project.nu("migrate history ./db | get 0.error");
    assert!(ledger.text().contains("syntax error"), "{ledger:?}");
    let log = fs::read_to_string(project.path("run.log")).unwrap();
    assert!(log.contains("LINE 2: ***"), "{log}");
    for text in [&output.stderr, &ledger.stdout, &log] {
        assert!(!text.contains("of-a-r0le"), "{text}");
    }
}

#[test]
fn a_value_of_several_lines_is_hidden_line_by_line() {
    let project = Project::with(&[A]);
    let run = "migrate run ./db --log run.log --set {api_token: \"first-line\\nsecond-line\"}";
    project.nu(run).text();
    let log = fs::read_to_string(project.path("run.log")).unwrap();
    for line in ["first-line", "second-line"] {
        assert!(!log.contains(line), "{log}");
    }
}

#[test]
fn a_session_that_stays_open_is_written_down_for_whom_it_serves() {
    let mut project = Project::with(&[A]);
    project.set("MIGRATE_KEEP_SESSION", "10sec");
    project
        .nu("migrate status ./db --log first.log | ignore
             migrate history ./db --log second.log | ignore
             migrate status ./db | ignore")
        .text();
    let read = |name: &str| fs::read_to_string(project.path(name)).unwrap();
    let [first, second] = ["first.log", "second.log"].map(read);
    assert!(
        first.contains(" starts ") && !first.contains("earlier"),
        "{first}"
    );
    assert!(
        second.contains(" = psql is an earlier command's\n"),
        "{second}"
    );
    assert!(second.contains(" > SELECT "), "{second}");
    assert_eq!(second.matches("earlier").count(), 1);
}
