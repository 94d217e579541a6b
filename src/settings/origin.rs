//! A value and where it comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command.
    Flag,
    /// The record (or closure's result) in `$env.config.plugins.migrate`.
    PluginConfig,
    /// A place in a `migrate.json`, counted from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key.
        line: usize,
        /// The column of the key.
        column: usize,
    },
    /// An environment variable.
    Environment(&'static str),
    /// Nobody set it.
    Default,
}

/// A value as text, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    /// The value.
    pub text: String,
    /// Its origin.
    pub origin: Origin,
}

/// The middle of a sentence about the value.
impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => formatter.write_str(" (from its flag)"),
            Self::PluginConfig => formatter.write_str(" (from $env.config.plugins.migrate)"),
            Self::File { path, line, column } => write!(
                formatter,
                " (from {}, line {line}, column {column})",
                path.display()
            ),
            Self::Environment(variable) => {
                write!(formatter, " (from the environment variable {variable})")
            }
            Self::Default => Ok(()),
        }
    }
}
