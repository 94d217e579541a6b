//! Child processes, each in a process group of its own: started, listened to, cancelled, ended.
//! Must not know which program it is or what is said to it.

pub mod interrupt;
pub mod lines;
pub mod listener;
pub mod progress;
pub mod screen;
pub mod spawn;
pub mod watch;
mod watchdog;

use std::io::{self, PipeReader};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub use watchdog::Watchdog;

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(500);
/// How long a process may take to clean up between SIGINT and SIGKILL.
const POLITE: Duration = Duration::from_millis(200);
/// The pause between two looks whether it has ended: every command waits here, so it is short.
const POLL: Duration = Duration::from_micros(200);

/// A running process and everything it has started itself.
pub struct Child {
    process: std::process::Child,
}

impl Child {
    /// Starts a program in a process group of its own, so that a signal also reaches what the
    /// program starts.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self {
            process: spawn::spawn(command.process_group(0))?,
        })
    }

    /// The same for a program that reads a pipe under [`spawn::path_of`] it.
    pub fn start_with(command: &mut Command, pipe: PipeReader) -> io::Result<Self> {
        Ok(Self {
            process: spawn::spawn_with(command.process_group(0), pipe)?,
        })
    }

    /// Its two outputs, where they are pipes; to be taken once.
    pub fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.process.stdout.take(), self.process.stderr.take())
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop what it does and end, as Ctrl-C would.
    pub fn cancel(&self) {
        self.signal(Signal::SIGINT);
    }

    pub fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)))
    }

    /// Waits for the end, and forces it when the grace period is over.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.signal(Signal::SIGKILL);
        self.process.wait()
    }

    /// Ends it and everything it has started: SIGINT, then SIGKILL.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGINT);
        thread::sleep(POLITE);
        self.signal(Signal::SIGKILL);
        let _ = self.process.wait();
    }

    /// Ends what it has started, when it has ended itself.
    pub fn end_others(&self) {
        self.kill();
    }

    /// Ends it and everything it has started, at once.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.process.id()) {
            // The group may be gone already, which is what was wanted.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Reaps the process; there is nobody left to tell about a failure.
        let _ = self.end();
    }
}
