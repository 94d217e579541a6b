//! `migrate checks`: the helpers for validation scripts, in a folder where the user's own shell finds
//! them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Error;
use crate::checks::workspace::{CHECKS, MODULE};
use crate::error::{NotWritten, Unreadable};
use crate::preflight::environment::library;
use crate::settings::{self, Shell};

/// Where the module is, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecksRow {
    pub state: State,
    pub file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    Missing,
    /// It is that of this version.
    Current,
    /// It is that of another version.
    Outdated,
    Written,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Order {
    pub install: bool,
    /// The folder, in place of one of `$env.NU_LIB_DIRS`.
    pub into: Option<String>,
}

/// Looks for the module, and writes it where that is asked for.
///
/// # Errors
/// There is no folder for it, or another file lies in its place.
pub fn checks(shell: &Shell, order: &Order) -> Result<Vec<ChecksRow>, Error> {
    let folder = match &order.into {
        Some(into) => shell.directory.join(into),
        None => folder(shell).ok_or_else(|| settings::Error::BadFlag {
            flag: "into",
            problem: "$env.NU_LIB_DIRS names no folder: say where, --into FOLDER".to_owned(),
        })?,
    };
    let file = folder.join(MODULE);
    let state = match (look(&file)?, order.install) {
        (State::Missing | State::Outdated, true) => {
            write(&file)?;
            State::Written
        }
        (state, _) => state,
    };
    Ok(vec![ChecksRow { state, file }])
}

/// The folder of `$env.NU_LIB_DIRS` that is meant for the user's own scripts, else the first.
fn folder(shell: &Shell) -> Option<PathBuf> {
    let folders = library(shell.variables.get("NU_LIB_DIRS"), &shell.directory);
    let own = folders
        .iter()
        .find(|folder| Path::new(folder).ends_with("nushell/scripts"));
    own.or(folders.first()).map(PathBuf::from)
}

fn look(file: &Path) -> Result<State, crate::checks::Error> {
    Unreadable::require_regular(file)?;
    match fs::read_to_string(file) {
        Ok(text) if text == CHECKS => Ok(State::Current),
        Ok(text) if text.lines().next() == CHECKS.lines().next() => Ok(State::Outdated),
        Ok(_) => Err(not_written(
            file,
            "another file lies there, which this plugin has not written",
        )
        .into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Missing),
        Err(error) => Err(Unreadable {
            path: file.to_owned(),
            reason: error.to_string(),
        }
        .into()),
    }
}

fn write(file: &Path) -> Result<(), NotWritten> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, CHECKS))
        .map_err(|error| not_written(file, &error.to_string()))
}

fn not_written(file: &Path, reason: &str) -> NotWritten {
    NotWritten {
        path: file.to_owned(),
        reason: reason.to_owned(),
    }
}
