//! Ends a process group when the plugin dies without a chance to do it, such as by SIGKILL.
//! Nothing else would: psql reads its script only between statements, and a statement that runs
//! for an hour would keep its locks for that hour.

use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its standard input, which is the end of the plugin; then lets the
/// group cancel what it does, and ends it.
const SCRIPT: &str = r#"read -r _; kill -s INT -- "-$1"; sleep 0.3; kill -s KILL -- "-$1""#;

/// A shell that outlives the plugin by a moment.
pub(super) struct Watchdog {
    shell: Child,
    /// Closed by the system when the plugin dies. Never written to.
    _leash: PipeWriter,
}

impl Watchdog {
    /// Watches over a process group.
    ///
    /// # Errors
    /// No shell can be started.
    pub(super) fn over(group: u32) -> io::Result<Self> {
        let (input, leash) = io::pipe()?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "watchdog", &group.to_string()])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::from(input))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What kills the plugin's group must not kill its watchdog.
            .process_group(0)
            .spawn()?;
        Ok(Self {
            shell,
            _leash: leash,
        })
    }
}

impl Drop for Watchdog {
    /// The process has ended by itself. The shell goes first: without its leash it would act.
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
