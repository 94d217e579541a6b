//! Everything that can go wrong, in the user's words.
//! What happened is `Display`, the rest is in `advice` and `code`; must not know nushell.

mod advice;
mod code;
pub mod failure;

use std::path::PathBuf;

use thiserror::Error as ThisError;

use crate::discovery::Misnamed;
use crate::finding::{Finding, Severity};
use crate::inspection::Violation;
use crate::lock::Holder;
use crate::migration::Name;
use crate::plan::Obstacle;
use crate::psql::refusal::Refusal;
use crate::settings::{Key, Origin};
use crate::validation::{Check, Rejection, shown};
pub use failure::{Failure, Fate, Fault};

/// Why a command could not do what was asked.
#[derive(Debug, ThisError)]
#[expect(
    missing_docs,
    reason = "the message of each variant says what it and its fields are"
)]
pub enum Error {
    #[error("there is no directory {}", path.display())]
    NoSuchDirectory { path: PathBuf },

    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },

    #[error("there are no migrations in {}", root.display())]
    NoMigrations { root: PathBuf },

    #[error("{} in {}:\n{}", count(misnamed.len(), "file has a bad name", "files have bad names"), root.display(), list(misnamed.iter().map(|found| format!("{}: {}", found.file, found.rule))))]
    BadNames {
        root: PathBuf,
        misnamed: Vec<Misnamed>,
    },

    #[error("cannot read {}: {reason}", path.display())]
    UnreadableFile { path: PathBuf, reason: String },

    #[error("the directive `{directive}` in {}, line {line}, is wrong: {problem}", path.display())]
    BadDirective {
        path: PathBuf,
        line: usize,
        directive: String,
        problem: String,
    },

    #[error("{} cannot run in a transaction of ours as {}:\n{}", count(*files, "migration", "migrations"), if *files == 1 { "it is" } else { "they are" }, list(violations.iter().map(ToString::to_string)))]
    Forbidden {
        files: usize,
        violations: Vec<Violation>,
    },

    #[error("psql variables are used and have no value:\n{}", list(uses.iter().map(ToString::to_string)))]
    UnsetVariables { uses: Vec<Violation> },

    #[error("this plan needs {groups} transactions, and --atomic allows one:\n{}", list(reasons.iter().cloned()))]
    NotAtomic { groups: usize, reasons: Vec<String> },

    #[error("there is no track `{track}`, neither in the directory nor in the database")]
    UnknownTrack { track: String, known: Vec<String> },

    #[error("the setting `{key}`{} is wrong: {problem}", from(origin))]
    BadSetting {
        key: Key,
        origin: Origin,
        problem: String,
    },

    #[error("{}, line {line}, column {column}: {problem}", path.display())]
    BadSettingsFile {
        path: PathBuf,
        line: usize,
        column: usize,
        problem: String,
    },

    #[error("$env.config.plugins.migrate is wrong: {problem}")]
    BadPluginConfig { problem: String },

    #[error("the environment variable {variable} is a {found}, which psql cannot take")]
    BadVariable { variable: String, found: String },

    #[error("the argument {name} is wrong: {problem}")]
    BadArgument { name: &'static str, problem: String },

    #[error("the value of --{flag} is wrong: {problem}")]
    BadFlag { flag: &'static str, problem: String },

    #[error("no database is named")]
    NoDatabase,

    #[error("cannot find psql: {}", match origin {
        Some(origin) => format!("`{wanted}`{} is no program", from(origin)),
        None => format!("`{wanted}` is not on PATH{}", search.as_ref().map_or(", which is not set".to_owned(), |path| format!(" ({path})"))),
    })]
    PsqlNotFound {
        wanted: String,
        origin: Option<Origin>,
        search: Option<String>,
    },

    #[error("cannot start {}: {reason}", psql.display())]
    PsqlNotStarted { psql: PathBuf, reason: String },

    #[error("{}:\n{detail}", match refusal {
        Refusal::Unreachable => "no server answers",
        Refusal::Authentication => "the server does not let this user in",
        Refusal::NoSuchDatabase => "there is no such database",
        Refusal::Other => "psql cannot connect",
    })]
    ConnectionRefused { refusal: Refusal, detail: String },

    #[error("psql is too old")]
    PsqlTooOld,

    #[error("psql ended unexpectedly{}", said(detail))]
    PsqlEnded { detail: String },

    #[error("psql gave an answer that makes no sense: {problem}")]
    PsqlConfused { problem: String },

    #[error("the server is PostgreSQL {}, which is too old", version / 10_000)]
    ServerTooOld { version: u32 },

    #[error("the database {database} can only be read: it is a standby or read-only")]
    ServerReadOnly { database: String },

    #[error("{}", match schema {
        Some(schema) => format!("the database {database} has no schema {schema}"),
        None => format!("the search path of the database {database} names no schema that exists"),
    })]
    SchemaMissing {
        schema: Option<String>,
        database: String,
    },

    #[error(
        "a pooler stands between psql and PostgreSQL, and this command needs a session of its own"
    )]
    PooledConnection,

    #[error("in the scratch database: {error}")]
    InScratch {
        error: Box<Error>,
        left: Option<String>,
    },

    #[error("no scratch database can be made{}", said(detail))]
    NoScratch { detail: String },

    #[error("nothing is named to be repaired")]
    NothingToRepair,

    #[error("{name} cannot be repaired so: {problem}")]
    RepairRefused { name: String, problem: String },

    #[error("the ledger cannot be read: {problem}")]
    LedgerUnreadable { problem: String },

    #[error("another run is busy in this database{}", holder.as_ref().map_or(String::new(), |holder| format!(":\n{holder}")))]
    Locked {
        holder: Option<Holder>,
        waited: std::time::Duration,
    },

    #[error("the history in the database and the files do not agree:\n{}", list(obstacles.iter().map(ToString::to_string)))]
    Refused { obstacles: Vec<Obstacle> },

    #[error("{error}")]
    AfterCommits {
        error: Box<Error>,
        applied: Vec<Name>,
    },

    #[error("there are ledgers in the schema {}, and none in {current}, where this session would look", elsewhere.join(", "))]
    LedgersElsewhere {
        current: String,
        elsewhere: Vec<String>,
    },

    #[error(transparent)]
    Failed(Box<Failure>),

    #[error("interrupted")]
    Interrupted,

    #[error("{} found:\n{}", count(findings.iter().filter(|found| found.severity == Severity::Error).count(), "error was", "errors were"), list(findings.iter().filter(|found| found.severity == Severity::Error).map(described)))]
    Invalid { findings: Vec<Finding> },

    #[error("the validation failed: {rejection}{}", earlier(passed))]
    Rejected {
        rejection: Box<Rejection>,
        passed: Vec<Check>,
    },

    #[error("cannot find nu for the validation scripts: {problem}")]
    NuNotFound { problem: String },

    #[error("cannot run {} for a validation script: {reason}", program.display())]
    NuNotStarted { program: PathBuf, reason: String },

    #[error("this plugin has a bug and cannot go on")]
    Bug,

    #[error("`{description}` cannot be a description: {problem}")]
    BadDescription {
        description: String,
        problem: String,
    },

    #[error("the track of the new migration is unclear: {problem}")]
    TrackUnclear { problem: String },

    #[error("the track has a migration {after}, and no timestamp comes after it")]
    NoVersionLeft { after: String },

    #[error("there is no template `{name}`")]
    UnknownTemplate { name: String, known: Vec<String> },

    #[error("cannot write {}: {reason}", path.display())]
    NotWritten { path: PathBuf, reason: String },
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// Where a value comes from, as the middle of a sentence.
fn from(origin: &Origin) -> String {
    match origin {
        Origin::Flag => " (from its flag)".to_owned(),
        Origin::PluginConfig => " (from $env.config.plugins.migrate)".to_owned(),
        Origin::File { path, line, column } => {
            format!(" (from {}, line {line}, column {column})", path.display())
        }
        Origin::Environment(variable) => format!(" (from the environment variable {variable})"),
        Origin::Default => String::new(),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A finding in a line.
fn described(found: &Finding) -> String {
    let place = match (&found.name, &found.file) {
        (Some(name), _) => name.clone(),
        (None, Some(file)) => file.display().to_string(),
        (None, None) => "the database".to_owned(),
    };
    let line = found
        .line
        .map(|line| format!(", line {line}"))
        .unwrap_or_default();
    let message = found.message.lines().next().unwrap_or_default();
    format!("{place}{line}: {}: {message}", found.rule)
}

/// What had passed before a check that did not.
fn earlier(passed: &[Check]) -> String {
    match passed.is_empty() {
        true => String::new(),
        false => format!(
            "\n\nThese had passed:\n{}",
            list(
                passed
                    .iter()
                    .map(|check| format!("{}: {}", check.check, shown(check.duration)))
            )
        ),
    }
}

/// Lines of a list, as many as a screen takes.
fn list(items: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 20;
    let mut lines: Vec<_> = items.map(|item| format!("- {item}")).collect();
    if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.truncate(SHOWN);
        lines.push(format!("- and {more} more"));
    }
    lines.join("\n")
}

fn said(detail: &str) -> String {
    match detail.is_empty() {
        true => String::new(),
        false => format!(":\n{detail}"),
    }
}
