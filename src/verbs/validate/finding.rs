//! What `migrate validate` reports.

use std::fmt;
use std::path::PathBuf;

use crate::sql::rules::{Rule, Severity};
use crate::tree::{Migration, Track};

/// Something that was found. What is `None` is not what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub track: Option<Track>,
    /// The migration's file name.
    pub name: Option<String>,
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: Option<usize>,
    pub message: String,
    pub help: Option<String>,
    /// What of the database it is about tells how grave it is, where that is not the rule's own.
    pub measured: Option<Severity>,
    /// How much it would hurt, compared with others.
    pub weight: u64,
}

impl Finding {
    /// About the whole tree or the database.
    pub fn new(rule: Rule, message: String, help: impl Into<String>) -> Self {
        Self {
            rule,
            track: None,
            name: None,
            file: None,
            line: None,
            message,
            help: Some(help.into()),
            measured: None,
            weight: 0,
        }
    }

    /// About a migration and its file.
    pub fn about(migration: &Migration, rule: Rule, message: String) -> Self {
        Self {
            rule,
            track: Some(migration.name.track.clone()),
            name: Some(migration.name.file_name()),
            file: Some(migration.path.clone()),
            line: None,
            message,
            help: None,
            measured: None,
            weight: 0,
        }
    }

    pub fn severity(&self) -> Severity {
        self.measured.unwrap_or_else(|| self.rule.severity())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.file) {
            (Some(name), _) => formatter.write_str(name)?,
            (None, Some(file)) => write!(formatter, "{}", file.display())?,
            (None, None) => formatter.write_str("the database")?,
        }
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        let message = self.message.lines().next().unwrap_or_default();
        write!(formatter, ": {}: {message}", self.rule.name())
    }
}
