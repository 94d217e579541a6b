//! What a run says while it runs, on standard error, which nushell leaves alone.
//! Must not be needed: everything that matters is in the result or the error.

use std::time::Duration;

use super::screen::show;
use crate::error::visible;

#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub quiet: bool,
}

impl Progress {
    pub fn said(&self, file: &str, line: &str) {
        if !self.quiet {
            show(&format!("{file}: {}", visible(line)));
        }
    }

    pub fn note(&self, what: &str) {
        if !self.quiet {
            show(&format!("migrate: {}", visible(what)));
        }
    }

    pub fn retrying(&self, why: &str, retry: u32, of: u32, pause: Duration) {
        if !self.quiet {
            let seconds = pause.as_secs_f64();
            show(&format!(
                "migrate: {}; retry {retry} of {of} in {seconds:.1} s",
                visible(why)
            ));
        }
    }
}
