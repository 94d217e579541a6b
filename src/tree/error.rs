//! What can be wrong with a directory of migrations.

use std::path::PathBuf;

use miette::Diagnostic;
use strum::EnumProperty;
use thiserror::Error as ThisError;

use super::seal::Unsealed;
use super::{Misnamed, Track};
use crate::error::{Interrupted, Report, Unreadable, count, list};

#[derive(Debug, ThisError, Diagnostic, EnumProperty)]
pub enum Error {
    #[error("there is no directory {}", path.display())]
    #[diagnostic(code(migrate::no_such_directory), help("{GIVE_A_DIRECTORY}"))]
    #[strum(props(culprit = "directory"))]
    NoSuchDirectory { path: PathBuf },

    #[error("{} is not a directory", path.display())]
    #[diagnostic(code(migrate::not_a_directory), help("{GIVE_A_DIRECTORY}"))]
    #[strum(props(culprit = "directory"))]
    NotADirectory { path: PathBuf },

    #[error(
        "{} in {}:\n{}",
        count(misnamed.len(), "file has a bad name", "files have bad names"),
        root.display(),
        list(misnamed)
    )]
    #[diagnostic(code(migrate::bad_names), help("{NAME_THEM}"))]
    #[strum(props(culprit = "directory"))]
    BadNames {
        root: PathBuf,
        misnamed: Vec<Misnamed>,
    },

    /// A track with a lock file, and files that are not as it says.
    #[error(
        "the track {track} is sealed, and its files differ from {file}:\n{}",
        list(unsealed)
    )]
    #[diagnostic(
        code(migrate::not_sealed),
        help(
            "if this change is intended, type `migrate seal {folder} --track {track}` and commit \
             {file}; otherwise restore the files, for example with `git restore`"
        )
    )]
    #[strum(props(culprit = "directory"))]
    NotSealed {
        track: Track,
        /// Below the tree.
        file: String,
        folder: String,
        unsealed: Vec<Unsealed>,
    },

    #[error("the lock file {file} of the track {track} cannot be used: {problem}")]
    #[diagnostic(
        code(migrate::bad_seal),
        help(
            "check the files of the track, above all after a merge. Then type `migrate seal DIR \
             --track {track}` with the track's folder, which writes a new lock file. Without a \
             lock file, the track is not sealed"
        )
    )]
    #[strum(props(culprit = "directory"))]
    BadSeal {
        track: Track,
        file: String,
        problem: String,
    },

    #[error(transparent)]
    #[diagnostic(transparent)]
    BadDirective(#[from] BadDirective),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreadable(#[from] Unreadable),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Interrupted(#[from] Interrupted),
}

const GIVE_A_DIRECTORY: &str =
    "give the directory that holds the migrations, such as `migrate status ./db`";

/// The way out for a file with a bad name.
pub const NAME_THEM: &str = "name them {timestamp}_{track}_{description}.sql, such as \
     20240131120000_core_create_users.sql, or move them elsewhere";

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::BadDirective(cause) => Some(cause),
            Self::Unreadable(cause) => Some(cause),
            Self::Interrupted(cause) => Some(cause),
            _ => None,
        }
    }

    fn culprit(&self) -> Option<String> {
        self.get_str("culprit").map(str::to_owned)
    }
}

/// A line at the top of a file that asks for something unknown.
#[derive(Debug, Clone, PartialEq, Eq, ThisError, Diagnostic)]
#[error("the directive `{directive}` in {}, line {line}, is wrong: {problem}", path.display())]
#[diagnostic(code(migrate::bad_directive), help("{help}"))]
pub struct BadDirective {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    pub directive: String,
    pub problem: String,
    pub help: String,
}

impl Report for BadDirective {}
