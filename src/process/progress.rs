//! What a run says while it runs, on standard error, which nushell leaves alone.
//! Must not be needed: everything that matters is in the result or the error.

use std::time::Duration;

use super::screen::show;

/// Speaks, unless it was told to be quiet.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Say nothing.
    pub quiet: bool,
}

impl Progress {
    /// A file printed a line: a check, or a migration.
    pub fn said(&self, file: &str, line: &str) {
        if !self.quiet {
            show(&format!("{file}: {line}"));
        }
    }

    /// A group is going to be tried again.
    pub fn retrying(&self, why: &str, retry: u32, of: u32, pause: Duration) {
        if !self.quiet {
            let seconds = pause.as_secs_f64();
            show(&format!(
                "migrate: {why}; retry {retry} of {of} in {seconds:.1} s"
            ));
        }
    }
}
