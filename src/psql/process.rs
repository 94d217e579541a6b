//! Starts psql, signals it and ends it. Must not know what is said to it.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::watchdog::Watchdog;
use crate::connection::Connection;

/// The script psql reads: a descriptor of its own, because a file's `\copy ... from pstdin`
/// would eat a script that comes on standard input.
pub const DRIVER: &str = "/dev/fd/3";
const DRIVER_DESCRIPTOR: i32 = 3;

/// Every argument but those that name the database.
const ARGUMENTS: [&str; 11] = [
    "-X",
    "-q",
    "-A",
    "-t",
    "-w",
    "-v",
    "ON_ERROR_STOP=1",
    "-v",
    "VERBOSITY=verbose",
    "-f",
    DRIVER,
];

/// How long psql may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(500);
/// Between two looks whether it has: every command waits here, so it is short.
const POLL: Duration = Duration::from_micros(200);

/// A running psql and the end of the pipe it reads its script from.
pub struct Process {
    child: Child,
    watchdog: Option<Watchdog>,
}

impl Process {
    /// Starts psql with exactly the connection's environment.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(
        psql: &Path,
        connection: &Connection,
        folder: &Path,
    ) -> io::Result<(Self, PipeWriter)> {
        let (script, driver) = io::pipe()?;
        let mut command = Command::new(psql);
        command
            .args(ARGUMENTS)
            .args(connection.arguments())
            .env_clear()
            .envs(connection.environment())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that a signal also reaches what `\!` started.
            .process_group(0)
            .fd_mappings(vec![FdMapping {
                parent_fd: OwnedFd::from(script),
                child_fd: DRIVER_DESCRIPTOR,
            }])
            .map_err(io::Error::other)?;
        let child = command.spawn()?;
        Ok((
            Self {
                child,
                watchdog: None,
            },
            driver,
        ))
    }

    /// psql's two outputs; to be taken once.
    pub fn outputs(
        &mut self,
    ) -> (
        Option<std::process::ChildStdout>,
        Option<std::process::ChildStderr>,
    ) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Makes sure that psql does not outlive the plugin.
    ///
    /// # Errors
    /// The watchdog cannot be started.
    pub fn watch(&mut self) -> io::Result<()> {
        self.watchdog = Some(Watchdog::over(self.child.id())?);
        Ok(())
    }

    /// Asks psql to cancel the running statement and end.
    pub fn cancel(&self) {
        self.signal(Signal::SIGINT);
    }

    /// Has psql ended?
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits for the end, and forces it when the grace period is over.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.signal(Signal::SIGKILL);
        self.child.wait()
    }

    fn signal(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // The group may be gone already, which is what was wanted.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Reaps the child; there is nobody left to tell about a failure.
        let _ = self.end();
    }
}
