//! What can be wrong with what the caller says.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::{Key, Origin};
use crate::error::{Report, Unreadable};

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error("the setting `{key}`{origin} is wrong: {problem}")]
    #[diagnostic(code(migrate::bad_settings), help("correct the value and try again"))]
    BadSetting {
        key: Key,
        origin: Origin,
        problem: String,
    },

    #[error("{}, line {line}, column {column}: {problem}", path.display())]
    #[diagnostic(code(migrate::bad_settings), help("{}", known_settings()))]
    BadSettingsFile {
        path: PathBuf,
        line: usize,
        column: usize,
        problem: String,
    },

    #[error("$env.config.plugins.migrate is wrong: {problem}")]
    #[diagnostic(code(migrate::bad_settings), help("{}", known_settings()))]
    BadPluginConfig { problem: String },

    #[error(
        "the closure in $env.config.plugins.migrate calls this plugin, which would call the closure again"
    )]
    #[diagnostic(
        code(migrate::configuration_loop),
        help("let the closure find the settings without a `migrate` command")
    )]
    ConfigurationLoop,

    #[error("the environment variable {variable} is a {found}, which psql cannot take")]
    #[diagnostic(
        code(migrate::bad_settings),
        help("set it to a string, or remove it with `hide-env {variable}`")
    )]
    BadVariable { variable: String, found: String },

    #[error("the argument {name} is wrong: {problem}")]
    #[diagnostic(code(migrate::bad_flag), help("correct the value and try again"))]
    BadArgument { name: &'static str, problem: String },

    #[error("the value of --{flag} is wrong: {problem}")]
    #[diagnostic(code(migrate::bad_flag), help("correct the value and try again"))]
    BadFlag { flag: &'static str, problem: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreadable(#[from] Unreadable),
}

fn known_settings() -> String {
    format!(
        "the settings are {}; `variables` and `tracks` are objects, all others are strings",
        Key::names()
    )
}

impl Report for Error {
    fn culprit(&self) -> Option<String> {
        match self {
            Self::BadSetting {
                key,
                origin: Origin::Flag,
                ..
            } => key.flag().map(|flag| format!("--{flag}")),
            Self::BadArgument { name, .. } => Some((*name).to_owned()),
            Self::BadFlag { flag, .. } => Some(format!("--{flag}")),
            _ => None,
        }
    }
}
