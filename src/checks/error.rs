//! Why a check gives no verdict.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use crate::error::{Interrupted, NotWritten, Report, Unreadable};
use crate::tree::BadDirective;

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error("cannot find nu for the validation scripts: {problem}")]
    #[diagnostic(
        code(migrate::nu_not_found),
        help("put the nu that you are using on PATH")
    )]
    NuNotFound { problem: String },

    #[error("cannot run {} for a validation script: {reason}", program.display())]
    #[diagnostic(
        code(migrate::nu_failed),
        help("check that this program runs and that processes can be started")
    )]
    NuNotStarted { program: PathBuf, reason: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    BadDirective(#[from] BadDirective),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreadable(#[from] Unreadable),

    #[error(transparent)]
    #[diagnostic(transparent)]
    NotWritten(#[from] NotWritten),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::BadDirective(cause) => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::NotWritten(cause) => Some(cause),
            Self::Interrupted(cause) => Some(cause),
            Self::NuNotFound { .. } | Self::NuNotStarted { .. } => None,
        }
    }
}
