//! Ctrl-C, as a flag that long work looks at from time to time.
//! The only file that knows how nushell tells a plugin of it.

use std::os::unix::process::parent_id;
use std::time::{Duration, Instant};

use nu_protocol::Signals;

/// Why and when work should end early.
///
/// A plugin runs in a process group of its own, so the terminal's Ctrl-C reaches neither it nor
/// psql; nushell sends a message instead, which turns a flag.
#[derive(Clone)]
pub enum Interrupt {
    /// When the user presses Ctrl-C, or the shell is gone.
    Shell {
        signals: Signals,
        /// The shell's process id, which shows that the shell is gone.
        process: u32,
    },
    /// At a moment, whatever the user does: Ctrl-C was pressed already, and the server must still
    /// be asked what became of the transaction.
    Deadline(Instant),
    /// When one of two says so.
    Either(Box<Self>, Box<Self>),
}

impl Interrupt {
    pub fn from_shell(signals: &Signals) -> Self {
        Self::Shell {
            signals: signals.clone(),
            process: parent_id(),
        }
    }

    pub fn after(patience: Duration) -> Self {
        Self::Deadline(Instant::now() + patience)
    }

    /// The same, and after a while at the latest.
    pub fn within(&self, patience: Duration) -> Self {
        Self::Either(Box::new(self.clone()), Box::new(Self::after(patience)))
    }

    pub fn requested(&self) -> bool {
        match self {
            // A shell that was killed cannot report it, but its children get another parent.
            Self::Shell { signals, process } => signals.interrupted() || parent_id() != *process,
            Self::Deadline(moment) => Instant::now() >= *moment,
            Self::Either(one, other) => one.requested() || other.requested(),
        }
    }
}
