//! Checks that run before a migration's SQL: `.nu` files in a nu of their own, closures in the
//! user's shell. Works with nushell's values; must not know psql or the plan.
//!
//! ```text
//!  caller ──────────► workspace ──► nu (one process per script) ──► verdict
//!  (what crosses)         ▲         │ query, only of late scripts
//!  record ────────────────┘         ▼
//!  ($env.MIGRATION)             questions ──► the run's own session
//! ```

pub mod caller;
mod closures;
pub mod error;
mod nu;
mod process;
pub mod program;
pub mod questions;
pub mod record;
pub mod script;
mod text;
mod verdict;
pub mod verification;
pub mod workspace;

use std::fmt;
use std::time::Duration;

pub use closures::{Closures, Source, closures_of};
pub use error::Error;
pub use nu::{Broken, Invocation, Nu};
pub use process::Answer;
pub use script::{Script, Stage};
pub use verification::Verification;
pub use workspace::Workspace;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What checked: a file's name, or where a closure stands.
    pub check: String,
    pub duration: Duration,
    /// What it printed, the latest lines of it.
    pub output: Vec<String>,
    /// What it gave, as NUON; `None` for nothing and for what NUON cannot hold.
    pub result: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub check: String,
    pub duration: Duration,
    /// What it printed, the latest lines of it.
    pub output: Vec<String>,
    pub complaint: Complaint,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed(Check),
    Rejected(Box<Rejection>),
}

/// Why a check did not pass, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaint {
    pub message: String,
    /// The source around it with its labels, as nushell draws it.
    pub frame: Option<String>,
    /// The line of the script, from 1.
    pub line: Option<usize>,
    /// The way out, if the check names one.
    pub help: Option<String>,
    /// Places in the shell that called, where the check stands there.
    pub labels: Vec<Label>,
}

impl Complaint {
    /// About a check that gave `false`, which nobody means as a pass.
    fn of_false() -> Self {
        Self {
            message: "it gave `false`".to_owned(),
            help: Some(
                "a check passes with any other result; `error make` says what is wrong".to_owned(),
            ),
            ..Self::default()
        }
    }
}

/// A place in the source that the calling shell knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub text: String,
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} after {}:\n{}",
            self.check,
            shown(self.duration),
            self.complaint.message
        )?;
        match &self.complaint.frame {
            Some(frame) => write!(formatter, "\n{frame}"),
            None => Ok(()),
        }
    }
}

/// A length of time as people read it: whole milliseconds.
pub fn shown(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(milliseconds)).to_string()
}
