//! Where psql stands while it runs a file. Pure.

use std::path::{Path, PathBuf};

use crate::settings::WorkingDirectory;

/// Where psql stands while it runs a file, which decides what relative paths mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingFolder {
    /// The setting.
    pub choice: WorkingDirectory,
    /// The directory given to the command.
    pub tree: PathBuf,
    /// Where the user stands.
    pub caller: PathBuf,
}

impl WorkingFolder {
    /// The folder for a migration.
    pub fn of<'a>(&'a self, migration: &'a Path) -> &'a Path {
        match self.choice {
            WorkingDirectory::Migration => migration.parent().unwrap_or(migration),
            WorkingDirectory::Tree => &self.tree,
            WorkingDirectory::Caller => &self.caller,
        }
    }
}
