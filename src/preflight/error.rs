//! Why a migration does not pass the checks before a run.

use miette::Diagnostic;
use thiserror::Error as ThisError;

use crate::checks::{self, Check, Rejection, shown};
use crate::error::{Interrupted, Report, Unreadable, list};
use crate::psql;

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error("the validation failed: {rejection}{}", earlier(passed))]
    #[diagnostic(code(migrate::validation_failed), help("{}", advice(rejection)))]
    Rejected {
        rejection: Box<Rejection>,
        passed: Vec<Check>,
    },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Check(#[from] checks::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Psql(#[from] psql::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreadable(#[from] Unreadable),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Interrupted(#[from] Interrupted),
}

/// The check's own advice comes first.
pub fn advice(rejection: &Rejection) -> String {
    let ours = "do what the check asks for and run `migrate run` again, or skip all checks with \
        --skip-validation";
    match &rejection.complaint.help {
        Some(help) => format!("{help}\n{ours}"),
        None => ours.to_owned(),
    }
}

fn earlier(passed: &[Check]) -> String {
    if passed.is_empty() {
        return String::new();
    }
    let lines = passed
        .iter()
        .map(|check| format!("{}: {}", check.check, shown(check.duration)));
    format!("\n\nThese had passed:\n{}", list(lines))
}

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::Check(cause) => Some(cause),
            Self::Psql(cause) => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::Interrupted(cause) => Some(cause),
            Self::Rejected { .. } => None,
        }
    }
}
