//! How scripts run and how they end.

use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{A, B, C, refused, with_script};
use crate::interrupts::child_of;
use crate::support::{Project, assert_golden};

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
    let error = without_times(&project.mask(&error));
    assert_golden("error_validation_failed", &error);
    assert_eq!(
        project.code("migrate run db --quiet"),
        "migrate::validation_failed"
    );
}

/// Replaces the time that a script took.
fn without_times(text: &str) -> String {
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
        (
            "let found = (^sh -c 'echo a; exit 7'); $found | lines",
            "exited with code 7",
        ),
        ("let x = (1 +", "nclosed delimiter"),
        ("no-such-command", "no-such-command"),
        ("ls /no/such/folder", "/no/such/folder"),
        (
            "[1] | each {|x| error make {msg: 'deep inside'} }",
            "deep inside",
        ),
        // A shell's own `kill`: the program is not on every computer.
        ("^sh -c $'kill -9 ($nu.pid)'", "killed by signal 9"),
        ("def main [] { error make {msg: 'from main'} }", "from main"),
        (
            "use std/assert; def main --env [] { error make {msg: 'behind another'} }",
            "behind another",
        ),
        ("  def main [] { false }", "it gave `false`"),
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
        error.contains("line 2") && error.contains("late, after, read-write"),
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
        "let text = '\ndef main [] {}'; print $text",
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
    let output = project.nu("migrate run db --quiet --full | get validation | flatten | first | get output | [($in | length) ($in | last)] | to json -r");
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
    // The two come through pipes of their own, and what is said at the same time in any order.
    let project = with_script("print hello; sleep 300ms; print -e there; 5");
    let output = project.nu("migrate run db --dry-run | get validation_time | compact | length");
    assert_eq!(
        (output.text(), output.stderr.as_str()),
        ("0", ""),
        "a dry run runs no script"
    );
    let output = project
        .nu("migrate run db --full | get 1.validation.0 | [$in.output $in.result] | to json -r");
    assert_eq!(output.text(), "[[\"hello\",\"there\"],5]");
    let said = format!("\n{B}.nu: hello\n{B}.nu: there\n");
    assert!(output.stderr.ends_with(&said), "{}", output.stderr);
    let project = with_script("print hello; exit 1");
    let error = refused(&project, "migrate run db --quiet");
    assert!(!error.starts_with(B) && error.contains("hello"), "{error}");
}

/// A run whose script sleeps, early or late, and has told so.
fn sleeping(stage: &str) -> (Project, Child) {
    let project = with_script(&format!("{stage}$nu.pid | save started; ^sleep 60"));
    let run = project
        .command("migrate run db")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_to_string(project.path("started"))
        .unwrap_or_default()
        .is_empty()
    {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(10));
    }
    (project, run)
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

#[test]
fn ctrl_c_ends_a_script_at_once() {
    for stage in ["", "# migrate: late\n"] {
        let (project, mut run) = sleeping(stage);
        let pressed = Instant::now();
        signal(run.id(), Signal::SIGINT);
        run.wait().unwrap();
        assert!(
            pressed.elapsed() < Duration::from_secs(2),
            "{:?}",
            pressed.elapsed()
        );
        assert_eq!(project.tables(), "");
    }
}

#[test]
fn a_killed_plugin_takes_the_script_and_its_folder_with_it() {
    for stage in ["", "# migrate: late\n"] {
        let (project, mut run) = sleeping(stage);
        let script: u32 = std::fs::read_to_string(project.path("started"))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let arguments = std::fs::read_to_string(format!("/proc/{script}/cmdline")).unwrap();
        let modules = arguments
            .split('\0')
            .find(|argument| argument.contains("/modules"))
            .unwrap();
        let kit = Path::new(modules.split('\u{1e}').next().unwrap())
            .parent()
            .unwrap();
        assert!(kit.join("environment.nuon").exists());
        signal(child_of(run.id(), "nu_plugin_migra"), Signal::SIGKILL);
        run.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Path::new(&format!("/proc/{script}")).exists() || kit.exists() {
            assert!(Instant::now() < deadline, "{}", kit.display());
            thread::sleep(Duration::from_millis(10));
        }
        project.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        assert_eq!(project.tables(), "");
    }
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
