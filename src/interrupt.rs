//! The wish to stop, as a question that long work asks from time to time.
//! The only file that knows how nushell tells a plugin about Ctrl-C.

use std::time::{Duration, Instant};

use nu_protocol::Signals;

/// Tells whether work should end now.
///
/// A plugin runs in a process group of its own, so the terminal's Ctrl-C reaches neither it nor
/// psql; nushell sends a message instead, which turns a flag.
#[derive(Clone)]
pub enum Interrupt {
    /// When the user presses Ctrl-C.
    CtrlC(Signals),
    /// At a moment, whatever the user does: for the look back after a Ctrl-C.
    Deadline(Instant),
}

impl Interrupt {
    /// Ends after a while.
    pub fn after(patience: Duration) -> Self {
        Self::Deadline(Instant::now() + patience)
    }

    /// Should the work end?
    pub fn requested(&self) -> bool {
        match self {
            Self::CtrlC(signals) => signals.interrupted(),
            Self::Deadline(moment) => Instant::now() >= *moment,
        }
    }
}
