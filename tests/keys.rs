//! What the Tab key offers and what a mistyped command is told, in a shell on a pseudo-terminal.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Project;
use crate::support::nu::{NU, PLUGIN};

/// A shell as a person has it.
struct Shell {
    script: Child,
    keys: ChildStdin,
    screen: Receiver<Vec<u8>>,
}

impl Shell {
    /// `script` of util-linux gives it a terminal.
    fn start(project: &Project) -> Self {
        let nu = format!(
            "stty rows 40 cols 120; exec '{}' --no-config-file --no-std-lib --plugins '[{PLUGIN}]' --execute '$env.config.shell_integration = {{osc2: false, osc7: false, osc8: false, osc9_9: false, osc133: false, osc633: false, reset_application_mode: false}}'",
            NU.display()
        );
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", &nu, "/dev/null"])
            .env_clear()
            .envs(&project.environment)
            .env("TERM", "xterm")
            .current_dir(project.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = script.stdin.take().unwrap();
        let mut stdout = script.stdout.take().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = stdout.read(&mut buffer) {
                if read == 0
                    || sender
                        .send(buffer.iter().take(read).copied().collect())
                        .is_err()
                {
                    break;
                }
            }
        });
        Self {
            script,
            keys,
            screen,
        }
    }

    /// Types keys and waits until the screen has shown all of these texts.
    #[track_caller]
    fn shows(&mut self, typed: &str, expected: &[&str]) -> Duration {
        let began = Instant::now();
        self.keys.write_all(typed.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while began.elapsed() < Duration::from_secs(20) {
            if let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(100)) {
                // The line editor asks where the cursor is.
                if bytes.windows(4).any(|window| window == b"\x1b[6n") {
                    self.keys.write_all(b"\x1b[1;1R").unwrap();
                }
                seen.extend(bytes);
            }
            let text = String::from_utf8_lossy(&seen).to_lowercase();
            if expected.iter().all(|part| text.contains(part)) {
                return began.elapsed();
            }
        }
        panic!("{expected:?} is not in {}", String::from_utf8_lossy(&seen));
    }
}

impl Drop for Shell {
    /// Where SIGHUP is ignored, as under `nohup`, nu would outlive its terminal.
    fn drop(&mut self) {
        let script = self.script.id();
        let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children"));
        for nu in children.unwrap_or_default().split_whitespace() {
            let _ = kill(Pid::from_raw(nu.parse().unwrap()), Signal::SIGKILL);
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

fn project() -> Project {
    let mut project = Project::with(&[
        ("core/20240101000000_core_first_one.sql", "SELECT 1;\n"),
        ("impl/20240102000000_impl_second_one.sql", "SELECT 1;\n"),
    ]);
    project.write("db/templates/audit.sql", "SELECT 1;\n");
    project.write("migrate.json", r#"{"templates": "${SHARED:-./shared}"}"#);
    project.write("shared/billing.sql", "SELECT 1;\n");
    // No database is asked.
    project.set("PGPORT", "1");
    project
}

#[test]
fn tab_offers_what_is_in_the_files() {
    let project = project();
    for (typed, offered) in [
        (
            "migrate status ./db/ --track \t",
            &["core", "impl", "1 migration"][..],
        ),
        (
            "migrate run ./db/ --to \t",
            &["20240101000000", "20240102000000"],
        ),
        (
            "migrate repair ./db/ --forget \t",
            &["20240101000000_core_first_one.sql"],
        ),
        (
            "migrate add ./db/ x --template \t",
            &["audit", "billing", "foreign-key"],
        ),
        (
            "migrate adopt ./db/ --from \t",
            &["sqitch", "golang-migrate"],
        ),
    ] {
        let mut shell = Shell::start(&project);
        shell.shows("", &["~>"]);
        shell.shows(typed, offered);
    }
}

/// Not all are offered, but what is typed is found among all.
#[test]
fn tab_finds_the_oldest_of_many_files() {
    let project = project();
    project.write("db/core/20200101000000_core_oldest.sql", "SELECT 1;\n");
    for second in 0..600 {
        let name = format!("db/core/{}_core_later.sql", 20_210_101_000_000_u64 + second);
        project.write(&name, "SELECT 1;\n");
    }
    for (typed, found) in [
        ("migrate run ./db/ --to 2020\t", "20200101000000"),
        ("migrate repair ./db/ --forget 2020\t", "core_oldest"),
        (
            "migrate repair ./db/ --forget 20200101000000_c\t",
            "core_oldest",
        ),
    ] {
        let mut shell = Shell::start(&project);
        shell.shows("", &["~>"]);
        shell.shows(typed, &[found]);
    }
}

#[test]
fn a_mistyped_command_is_told_the_nearest() {
    let project = project();
    let output = project.nu("migrate stauts ./db");
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("did you mean `migrate status`?"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("migrate::unknown_command"),
        "{}",
        output.stderr
    );
    let output = project.nu("migrate xyzzyxyzzy --track core");
    assert!(
        output.stderr.contains("migrate::unknown_command"),
        "{}",
        output.stderr
    );
}
