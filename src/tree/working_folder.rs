//! Where psql stands while it runs a file. Pure.

use std::path::{Path, PathBuf};

use crate::settings::WorkingDirectory;

/// Where psql stands while it runs a file, which decides what relative paths mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingFolder {
    pub choice: WorkingDirectory,
    pub tree: PathBuf,
    pub caller: PathBuf,
    /// What `~` is for psql.
    pub home: Option<PathBuf>,
}

impl WorkingFolder {
    pub fn of<'a>(&'a self, migration: &'a Path) -> &'a Path {
        match self.choice {
            WorkingDirectory::Migration => migration.parent().unwrap_or(migration),
            WorkingDirectory::Tree => &self.tree,
            WorkingDirectory::Caller => &self.caller,
        }
    }
}
