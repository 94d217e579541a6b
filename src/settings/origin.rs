//! A value and where it comes from.

use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag,
    /// The record (or closure's result) in `$env.config.plugins.migrate`.
    PluginConfig,
    /// A place in a `migrate.json`, counted from 1.
    File {
        path: PathBuf,
        line: usize,
        column: usize,
    },
    Environment(&'static str),
    Default,
}

/// A value as text, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    pub text: String,
    pub origin: Origin,
}

impl Origin {
    /// Where the value stands, as a word or a place.
    pub fn name(&self) -> String {
        match self {
            Self::Flag => "flag".to_owned(),
            Self::PluginConfig => "$env.config.plugins.migrate".to_owned(),
            Self::File { path, line, column } => format!("{}:{line}:{column}", path.display()),
            Self::Environment(variable) => (*variable).to_owned(),
            Self::Default => "default".to_owned(),
        }
    }
}

/// For the middle of a message about the value, with the blank before it.
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
