//! The wish to stop, as a question that long work asks from time to time.
//! The only file that knows how nushell tells a plugin about Ctrl-C.

use std::os::unix::process::parent_id;
use std::time::{Duration, Instant};

use nu_protocol::Signals;

/// Tells whether work should end now.
///
/// A plugin runs in a process group of its own, so the terminal's Ctrl-C reaches neither it nor
/// psql; nushell sends a message instead, which turns a flag.
#[derive(Clone)]
pub enum Interrupt {
    /// When the user presses Ctrl-C, or the shell is gone.
    Shell {
        /// What the shell reports.
        signals: Signals,
        /// Its process.
        process: u32,
    },
    /// At a moment, whatever the user does: for the look back after a Ctrl-C.
    Deadline(Instant),
}

impl Interrupt {
    /// Listens to the shell that called.
    pub fn from_shell(signals: &Signals) -> Self {
        Self::Shell {
            signals: signals.clone(),
            process: parent_id(),
        }
    }

    /// Ends after a while.
    pub fn after(patience: Duration) -> Self {
        Self::Deadline(Instant::now() + patience)
    }

    /// Should the work end?
    pub fn requested(&self) -> bool {
        match self {
            // A shell that was killed cannot report it, but its children get another parent.
            Self::Shell { signals, process } => signals.interrupted() || parent_id() != *process,
            Self::Deadline(moment) => Instant::now() >= *moment,
        }
    }
}
