//! Pre-flight validation: scripts in a nu of their own, closures in this one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Project, assert_golden};

const A: &str = "20240101000000_core_a";
const B: &str = "20240102000000_core_b";
const C: &str = "20240103000000_core_c";

/// Three migrations, the second with this script.
fn with_script(script: &str) -> Project {
    let project = Project::with(&[
        (&format!("{A}.sql"), "CREATE TABLE a (id int);\n"),
        (&format!("{B}.sql"), "CREATE TABLE b (id int);\n"),
        (&format!("{C}.sql"), "CREATE TABLE c (id int);\n"),
    ]);
    project.write(&format!("db/{B}.nu"), script);
    project
}

/// A run that fails leaves nothing behind; gives its error.
#[track_caller]
fn refused(project: &Project, command: &str) -> String {
    let output = project.nu(command);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(project.tables(), "", "{}", output.stderr);
    output.stderr
}

#[test]
fn scripts_run_in_plan_order_before_any_sql() {
    let project = with_script("print second");
    project.write(&format!("db/{A}.nu"), "print first");
    project.write(
        &format!("db/{C}.nu"),
        "print third; error make {msg: 'no third'}",
    );
    let error = refused(&project, "migrate run db");
    let order: Vec<_> = ["first", "second", "third"]
        .iter()
        .map(|word| error.find(&format!(".nu: {word}")).unwrap())
        .collect();
    assert!(order.is_sorted(), "{error}");
    assert!(error.contains(&format!("{A}.nu: ")) && error.contains("These had passed"));
    assert_eq!(
        project.sql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'migrations%'"),
        "0"
    );
}

#[test]
fn a_failing_script_shows_its_own_error() {
    let project = with_script(
        "let customers = 0\n\
         error make {\n    msg: \"there are no customers\"\n    \
         label: {text: \"counted here\", span: (metadata $customers).span}\n    \
         help: \"load them first\"\n}\n",
    );
    let error = refused(&project, "migrate run db");
    // Durations differ from run to run.
    let error = regex_lite(&project.mask(&error));
    assert_golden("error_validation_failed", &error);
    assert_eq!(
        project.code("migrate run db --quiet"),
        "migrate::validation_failed"
    );
}

/// Replaces the time that a script took.
fn regex_lite(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.split_once(" after ") {
            Some((before, after)) if after.contains("ms:") => format!("{before} after 42ms:\n"),
            _ => line.to_owned(),
        })
        .collect()
}

#[test]
fn every_bad_end_of_a_script_stops_the_run() {
    for (script, expected) in [
        ("exit 3", "it ended with exit code 3 and said nothing"),
        ("print -e 'my last words'; exit 3", "my last words"),
        ("error make 'just a text'", "just a text"),
        ("^sh -c 'exit 7'", "exited with code 7"),
        ("^sh -c 'exit 7'; print on", "exited with code 7"),
        ("let x = (1 +", "nclosed delimiter"),
        ("no-such-command", "no-such-command"),
        ("ls /no/such/folder", "/no/such/folder"),
        (
            "[1] | each {|x| error make {msg: 'deep inside'} }",
            "deep inside",
        ),
        ("^kill -9 $nu.pid", "killed by signal 9"),
        ("def main [] { error make {msg: 'from main'} }", "from main"),
        ("def main [x: int] { }", "issing required positional"),
        ("false", "it gave `false`"),
        ("# migrate: lat\nprint 1", "migrate: "),
        ("1 / 0", "ivision by zero"),
    ] {
        let project = with_script(script);
        let error = refused(&project, "migrate run db");
        let flat = error.replace("\n  | ", " ");
        assert!(flat.contains(expected), "{script}: {error}");
        assert!(!error.contains("RUST_BACKTRACE"), "{error}");
    }
}

#[test]
fn a_line_at_the_top_that_means_nothing_is_an_error_with_its_place() {
    let project = with_script("# Words.\n# migrate: lat\n");
    let error = refused(&project, "migrate run db");
    assert!(
        error.contains("line 2") && error.contains("late, read-write"),
        "{error}"
    );
}

#[test]
fn a_script_that_passes_may_do_odd_things() {
    for script in [
        "",
        "# only words",
        "cd /; ls",
        "exit 0",
        "{|| 1}",
        "$env.X = 1; hide-env HOME",
        "let x = 1; $x | ignore",
        "job spawn { sleep 30sec }",
        "use std/assert; assert true",
    ] {
        let project = with_script(script);
        let result = project.nu("migrate run db --quiet | length; $env.PWD == (pwd)");
        assert_eq!(result.text(), "true", "{script}");
        assert_eq!(project.tables(), "a b c migrations_core", "{script}");
    }
}

#[test]
fn an_endless_script_meets_its_time_limit() {
    for (script, option) in [
        (
            "loop { sleep 10ms }",
            "$env.MIGRATE_VALIDATION_TIMEOUT = '300ms'",
        ),
        ("# migrate: time-limit 300ms\n^sleep 60", ""),
        (
            "# migrate: time-limit 300ms\n^sh -c 'trap \"\" INT; while :; do :; done'",
            "",
        ),
    ] {
        let project = with_script(script);
        let started = Instant::now();
        let error = refused(&project, &format!("{option}\nmigrate run db"));
        assert!(error.contains("it took longer than 300ms"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_flood_of_output_is_kept_short_and_stops_nothing() {
    let project = with_script("^seq 1 100000; print -n unfinished");
    let output = project.nu("migrate run db --quiet | get validation | flatten | first | get output | [($in | length) ($in | last)] | to json -r");
    assert_eq!(output.text(), "[500,\"unfinished\"]");
    assert_eq!(output.stderr, "");
}

#[test]
fn what_a_script_leaves_running_does_not_hold_the_run() {
    let project = with_script("^sh -c 'sleep 30 &'; print on");
    let started = Instant::now();
    assert_eq!(project.nu("migrate run db | length").text(), "3");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn output_is_live_and_named_unless_it_is_to_be_quiet() {
    let project = with_script("print hello; print -e there; 5");
    let output = project.nu("migrate run db --dry-run | get validation | flatten | length");
    assert_eq!(
        (output.text(), output.stderr.as_str()),
        ("0", ""),
        "a dry run runs no script"
    );
    let output =
        project.nu("migrate run db | get 1.validation.0 | [$in.output $in.result] | to json -r");
    assert_eq!(output.text(), "[[\"hello\",\"there\"],5]");
    assert_eq!(output.stderr, format!("{B}.nu: hello\n{B}.nu: there\n"));
    let project = with_script("print hello; exit 1");
    let error = refused(&project, "migrate run db --quiet");
    assert!(!error.starts_with(B) && error.contains("hello"), "{error}");
}

#[test]
fn the_callers_context_arrives() {
    let mut project = with_script(
        "use helpers.nu greet\n\
         use std/assert\n\
         assert equal $env.LIST [1 two]\n\
         assert equal $env.RECORD {a: {b: 5sec}}\n\
         assert equal $env.MOMENT 2024-01-01\n\
         assert equal $env.NUMBER 5\n\
         assert equal $env.TEXT `größe's \"x\" $y`\n\
         assert equal $env.NO_CLOSURE? null\n\
         assert equal $env.PARTLY {x: 1}\n\
         assert equal $env.config.table.mode light\n\
         assert equal $env.PWD $env.EXPECTED_PWD\n\
         assert equal (version).version $env.EXPECTED_VERSION\n\
         assert equal (greet) hello\n\
         assert equal (shout) AHOY\n\
         assert equal (which 'migrate run').0.type plugin\n\
         assert equal (migrate history db) []\n\
         'all of it'",
    );
    project.write("modules/helpers.nu", "export def greet [] { 'hello' }");
    project.write("prelude.nu", "def shout [] { 'AHOY' }");
    project.set("TEXT", "größe's \"x\" $y");
    let output = project.nu(
        "$env.LIST = [1 two]; $env.RECORD = {a: {b: 5sec}}; $env.MOMENT = 2024-01-01; $env.NUMBER = 5\n\
         $env.NO_CLOSURE = {|| 1}; $env.PARTLY = {f: {|| 1}, x: 1}; $env.config.table.mode = 'light'\n\
         $env.NU_LIB_DIRS = [modules]; $env.MIGRATE_PRELUDE = 'prelude.nu'\n\
         $env.EXPECTED_PWD = (pwd); $env.EXPECTED_VERSION = (version).version\n\
         migrate run db | get 1.validation.0.result",
    );
    assert_eq!(output.text(), "all of it", "{}", output.stderr);
}

#[test]
fn a_script_knows_its_migration_and_what_comes_before_it() {
    let project = with_script("$env.MIGRATION | reject execution_id database psql file");
    let output = project.nu(
        "let rows = migrate run db\n\
         $rows | get 1.validation.0.result | update timestamp {|r| $r.timestamp | format date '%F' } | to json -r",
    );
    let expected = format!(
        "{{\"track\":\"core\",\"version\":\"20240102000000\",\"name\":\"{B}.sql\",\
         \"description\":\"b\",\"timestamp\":\"2024-01-02\",\
         \"ledger\":{{\"schema\":\"public\",\"prefix\":\"migrations_\"}},\"variables\":{{}},\
         \"planned\":[{{\"track\":\"core\",\"version\":\"20240101000000\",\"name\":\"{A}.sql\",\
         \"description\":\"a\"}}]}}"
    );
    assert_eq!(output.text(), expected, "{}", output.stderr);
    // The run's id and database are those of the result.
    let project = with_script("[$env.MIGRATION.execution_id $env.MIGRATION.database]");
    let output = project.nu("let rows = migrate run db\n\
         $rows.1.validation.0.result == [$rows.1.execution_id $env.PGDATABASE]");
    assert_eq!(output.text(), "true");
}

#[test]
fn scripts_reach_the_same_database_whatever_named_it() {
    let mut project = with_script(
        "use migrate/checks.nu *\n\
         ^psql -X -A -t -c 'SELECT current_database()' | str trim\n\
         | [$in (query 'SELECT current_database() AS name' | get 0.name) (migrate history db | length)]",
    );
    let database = project.database.clone();
    let [host, port, user, password] =
        ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"].map(|name| project.environment[name].clone());
    for name in ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"] {
        project.unset(name);
    }
    let expected = format!("[\"{database}\",\"{database}\",0]");
    let url = format!("postgresql://{user}:{password}@{host}:{port}/{database}");
    let conninfo =
        format!("host={host} port={port} user={user} password={password} dbname={database}");
    project.write(
        "service.conf",
        format!("[erp]\nhost={host}\nport={port}\nuser={user}\ndbname={database}\n[other]\nhost={host}\nport={port}\nuser={user}\ndbname=postgres\n"),
    );
    project.write("db/migrate.json", format!("{{\"database\": \"{url}\"}}"));
    let service = "$env.PGSERVICEFILE = (pwd | path join service.conf)";
    for (way, session) in [
        ("flag", format!("migrate validate db -d '{url}'")),
        ("conninfo", format!("migrate validate db -d '{conninfo}'")),
        (
            "variable",
            format!("$env.DATABASE_URL = '{url}'; migrate validate db -c empty.json"),
        ),
        ("settings file", "migrate validate db".to_owned()),
        (
            "configuration",
            format!("$env.config.plugins.migrate = {{database: '{url}'}}; migrate validate db"),
        ),
        (
            "service",
            format!(
                "{service}; $env.PGPASSWORD = '{password}'; $env.PGSERVICE = 'erp'; migrate validate db -c empty.json"
            ),
        ),
        (
            "service by flag",
            format!(
                "{service}; $env.PGPASSWORD = '{password}'; migrate validate db -d service=erp"
            ),
        ),
        (
            "a service that is overruled",
            format!(
                "{service}; $env.PGPASSWORD = '{password}'; $env.PGSERVICE = 'other'; migrate validate db -d {database}"
            ),
        ),
    ] {
        project.write("empty.json", "{}");
        let output = project.nu(&format!(
            "{session} --quiet | where rule == validation-passed | get 0.message"
        ));
        let flat = output.text().replace(", ", ",").replace('\n', "");
        assert!(
            flat.contains(&expected.replace('"', "")) || flat.contains(&expected),
            "{way}: {output:?}"
        );
    }
}

#[test]
fn scripts_can_only_read_unless_they_say_otherwise() {
    let write = "^psql -X -q -c 'CREATE TABLE made_by_script ()'";
    let project = with_script(write);
    let error = refused(&project, "migrate run db");
    assert!(error.contains("read-only transaction"), "{error}");
    let project = with_script(&format!("# migrate: read-write\n{write}"));
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "3");
    assert_eq!(project.tables(), "a b c made_by_script migrations_core");
    let project = with_script("# migrate: late\n# migrate: read-write\n");
    assert!(refused(&project, "migrate run db").contains("can only read"));
}

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
    let output =
        project.nu("migrate run db | get 1.validation.0 | [$in.output $in.result] | to json -r");
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
    ] {
        let script = format!(
            "# migrate: late\n'{question}' | ^$env.MIGRATION.psql.0 ...($env.MIGRATION.psql | skip 1) | complete | get stderr"
        );
        let project = with_script(&script);
        let output = project.nu("migrate run db | get 1.validation.0.result");
        assert!(
            output.text().contains("a late check cannot use"),
            "{question}: {output:?}"
        );
        assert_eq!(project.tables(), "a b c migrations_core", "{question}");
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
            .nu("migrate run db | get 1.validation.0.result")
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
fn closures_are_evaluated_in_this_shell() {
    let project = with_script("1");
    let session = "def forbidden [] { ['b'] }\nlet limit = 10\n";
    let output = project.nu(&format!(
        "{session}migrate run db --check {{|migration| if $migration.description in (forbidden) {{ error make {{msg: $\"limit ($limit)\"}} }} }}"
    ));
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("limit 10") && output.stderr.contains("in this check"),
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "");
    let output = project.nu(&format!(
        "{session}migrate run db --quiet --check {{|migration| $\"($migration.description) ($limit)\" }} | each {{|row| $row.validation.result.0 }} | to json -r"
    ));
    assert_eq!(
        output.text(),
        "[\"a 10\",\"b 10\",\"c 10\"]",
        "{}",
        output.stderr
    );
}

#[test]
fn closures_of_the_configuration_come_first_and_must_be_closures() {
    let project = with_script("1");
    let run = |checks: &str, command: &str| {
        project.nu(&format!(
            "$env.config.plugins.migrate = {{checks: {checks}}}\n{command}"
        ))
    };
    let error = run(
        "{|m| error make {msg: $\"no ($m.track)\"} }",
        "migrate run db",
    )
    .stderr;
    assert!(
        error.contains("no core") && error.contains("$env.config.plugins.migrate.checks"),
        "{error}"
    );
    let error = run("[{|m| 1} {|m| $m.description != 'c' }]", "migrate run db").stderr;
    assert!(
        error.contains("it gave `false`") && error.contains(&format!("{C}.sql")),
        "{error}"
    );
    for bad in ["5", "[1]", "'x'"] {
        assert!(
            run(bad, "migrate status db")
                .stderr
                .contains("expected a closure"),
            "{bad}"
        );
    }
    assert_eq!(project.tables(), "");
    let names = run(
        "{|m| 1}",
        "migrate run db --check {|m| 2} | get 1.validation.check | to json -r",
    );
    assert_eq!(
        names.text(),
        format!(
            "[\"$env.config.plugins.migrate.checks for {B}.sql\",\"--check for {B}.sql\",\"{B}.nu\"]"
        )
    );
}

#[test]
fn checks_can_be_left_out() {
    let project = with_script("error make no");
    assert_eq!(
        project
            .nu("migrate run db --skip-validation --check {|m| error make no } | length")
            .text(),
        "3"
    );
}

#[test]
fn the_time_of_validation_is_recorded() {
    let project = with_script("sleep 50ms");
    project.write(&format!("db/{C}.nu"), "# migrate: late\nsleep 50ms");
    let output = project.nu(
        "let run = migrate run db | get validation_time\n\
         let rest = [(migrate status db | get validation_time) (migrate history db | get validation_time)]\n\
         [$run ...$rest] | each {|times| $times | each {|time| $time == null or $time > 50ms and $time < 30sec } } | to json -r\n",
    );
    assert_eq!(
        output.text(),
        "[[true,true,true],[true,true,true],[true,true,true]]"
    );
    assert_eq!(
        project.sql("SELECT string_agg((validation_time_ms > 50)::text, ' ' ORDER BY id) FROM migrations_core"),
        "true true"
    );
}

#[test]
fn nothing_is_started_when_there_are_no_scripts() {
    let mut project = Project::with(&[(&format!("{A}.sql"), "SELECT 1;")]);
    project.set("TMPDIR", "/no/such/folder");
    assert_eq!(
        project
            .nu("migrate run db | get validation_time | to json -r")
            .text(),
        "[null]"
    );
}

#[test]
fn validate_runs_the_pending_scripts_and_changes_nothing() {
    let project = with_script("error make {msg: 'not yet', help: 'later'}");
    project.write(&format!("db/{A}.nu"), "print hello; 5");
    project.write(&format!("db/{C}.nu"), "# migrate: late\nrequire-nothing");
    let rows = project
        .nu("migrate validate db --quiet | select severity rule name line help | to json -r")
        .json();
    let expected = serde_json::json!([
        {"severity": "info", "rule": "validation-passed", "name": format!("{A}.sql"), "line": null, "help": null},
        {"severity": "error", "rule": "validation-failed", "name": format!("{B}.sql"), "line": 1, "help": "later"},
        {"severity": "info", "rule": "validation-late", "name": format!("{C}.sql"), "line": null, "help": null},
    ]);
    assert_eq!(rows, expected);
    assert_eq!(project.tables(), "");
    project.remove(&format!("db/{B}.nu"));
    project.write(&format!("db/{C}.nu"), "");
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "3");
    assert_eq!(
        project.nu("migrate validate db | length").text(),
        "0",
        "nothing is pending"
    );
}

#[test]
fn validate_offline_only_parses() {
    let mut project = with_script("let x = (1 +");
    project.unset("PGDATABASE");
    project.write(&format!("db/{A}.nu"), "print hello; error make no");
    project.write(&format!("db/{C}.nu"), "# migrate: lat\n");
    let output = project.nu("migrate validate db --offline | select rule name line | to json -r");
    assert_eq!(
        output.json(),
        serde_json::json!([
            {"rule": "validation-unparsed", "name": format!("{B}.sql"), "line": 1},
            {"rule": "bad-directive", "name": format!("{C}.sql"), "line": 1},
        ])
    );
}

#[test]
fn add_makes_a_script_that_passes_as_it_is() {
    let project = Project::new();
    let output = project
        .nu("migrate add db/core 'create customers' --with-validation | get kind | to json -r");
    assert_eq!(output.text(), "[\"migration\",\"validation\"]");
    assert_eq!(
        project
            .nu("migrate run db | get 0.validation | length")
            .text(),
        "1"
    );
    // Its examples are real: without their comment signs they run, and ask for what is not there.
    let script = project.nu("glob db/core/*.nu | first").text().to_owned();
    let text = std::fs::read_to_string(&script).unwrap();
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# require-"))
        .map(|line| format!("require-{}", line.split(' ').next().unwrap()))
        .collect();
    assert!(names.len() >= 4, "{text}");
    let known = include_str!("../nu/migrate/checks.nu");
    for name in names {
        assert!(known.contains(&format!("export def {name} [")), "{name}");
    }
}

#[test]
fn ctrl_c_and_a_killed_plugin_end_a_script_at_once() {
    for late in ["", "# migrate: late\n"] {
        let project = with_script(&format!("{late}'' | save started; ^sleep 60"));
        let mut run = project
            .command("migrate run db")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !project.path("started").exists() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
        let interrupted = Instant::now();
        kill(
            Pid::from_raw(i32::try_from(run.id()).unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
        run.wait().unwrap();
        assert!(
            interrupted.elapsed() < Duration::from_secs(2),
            "{:?}",
            interrupted.elapsed()
        );
        assert_eq!(project.tables(), "");
    }
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
fn a_closure_that_ends_with_a_program_must_not_hide_its_failure() {
    let project = with_script("1");
    for (check, code) in [
        ("^sh -c 'exit 3'", 1),
        ("^sh -c 'echo x; exit 3'", 1),
        ("let x = (^sh -c 'exit 3'); $x", 1),
        ("^sh -c 'exit 3'; true", 1),
        ("let x = (^sh -c 'echo x'); $x", 0),
        ("^sh -c 'exit 3' | complete", 0),
    ] {
        let output = project.nu(&format!(
            "migrate run db --quiet --check {{|m| {check} }} | ignore"
        ));
        assert_eq!(output.code, Some(code), "{check}: {}", output.stderr);
        project.sql("DROP TABLE IF EXISTS a, b, c, migrations_core");
    }
}

#[test]
fn a_prelude_cannot_switch_validation_off() {
    for prelude in [
        "def save [...x: any, --raw, --force] { }",
        "def \"to nuon\" [] { 'x' }",
        "def exit [code?: int] { }",
        "exit 0",
        "error make {msg: 'bad prelude'}",
        "let x = (",
    ] {
        for script in ["false", "error make {msg: x}"] {
            let mut project = with_script(script);
            project.write("prelude.nu", prelude);
            project.set("MIGRATE_PRELUDE", "prelude.nu");
            refused(&project, "migrate run db");
        }
    }
}

#[test]
fn nobody_else_can_read_what_a_script_gets() {
    let project = with_script(
        "let mode = (^stat -c '%a' ($NU_LIB_DIRS | first | path dirname)); $mode | str trim",
    );
    assert_eq!(
        project
            .nu("migrate run db | get 1.validation.0.result")
            .text(),
        "700"
    );
    // Without a connection there is no use for a password, and it stays where it is.
    let project = with_script("let x = (");
    let script = "$env.config.plugins.migrate = {database: 'postgresql://me:s3cret@h/erp'}; migrate validate db --offline --quiet | to text";
    assert!(!project.nu(script).text().contains("s3cret"));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_a_run() {
    let project = with_script("^seq 1 10000");
    let mut command = project.command("migrate run db | length | save count");
    let mut run = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(run.stderr.take());
    assert!(run.wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(project.path("count")).unwrap(), "3");
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

#[test]
fn three_thousand_steps_are_no_trouble() {
    let project = Project::new();
    for number in 0..3_000 {
        project.write(
            &format!("db/{:014}_core_m.sql", 20_240_101_000_000_u64 + number),
            "SELECT 1 \\g /dev/null\n",
        );
    }
    project.write(
        "db/20240101002999_core_m.nu",
        "$env.MIGRATION.planned | length",
    );
    let started = Instant::now();
    let output = project.nu(
        "migrate run db --quiet --check {|m| true } | last | get validation.result | to json -r",
    );
    assert_eq!(output.text(), "[true,2999]", "{}", output.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}
