//! Why a verb could not do what was asked: the stages' errors, composed.
//! What an error says stands with the stage that raises it; only what a verb itself finds is here.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::validate::Finding;
use super::{add, squash};
use crate::checks::Complaint;
use crate::error::{Interrupted, NotWritten, Report, count, list};
use crate::execution::failure::{Failure, committed_before};
use crate::execution::outcome::Outcome;
use crate::sql::rules::Severity;
use crate::tree::{Name, Track};
use crate::{checks, database, foreign, plan, preflight, psql, settings, tree};

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Settings(#[from] settings::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Tree(#[from] tree::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Psql(#[from] psql::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] database::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Check(#[from] checks::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] plan::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Preflight(#[from] preflight::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Failed(#[from] Box<Failure>),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Add(#[from] add::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Foreign(#[from] foreign::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    NotWritten(#[from] NotWritten),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Squash(#[from] squash::Error),

    #[error("the directory holds several tracks: {}", tracks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    #[diagnostic(
        code(migrate::track_unclear),
        help("the command works on one track; name it: --track core")
    )]
    TrackUnclear { tracks: Vec<Track> },

    /// An adoption that had begun to write the ledger.
    #[error("{error}")]
    #[diagnostic(forward(error))]
    AdoptStopped { error: Box<Self>, outcome: Outcome },

    #[error("{error}")]
    #[diagnostic(forward(error))]
    AfterCommits {
        error: Box<Self>,
        applied: Vec<Name>,
        /// Was it taking them back?
        is_undo: bool,
    },

    /// What this run has committed is no longer there.
    #[error("the server has lost what this run had committed:\n{}", list(lost))]
    #[diagnostic(
        code(migrate::commits_lost),
        help(
            "the server was restored, promoted without its last WAL, or has crashed with \
             synchronous_commit off: `migrate status DIR` shows what it has"
        )
    )]
    CommitsLost { lost: Vec<Name> },

    /// A repair that had begun to change the database.
    #[error("{error}")]
    #[diagnostic(forward(error))]
    RepairStopped { error: Box<Self>, outcome: Outcome },

    #[error("in the scratch database: {error}{}", place.as_ref().map_or_else(String::new, |place| format!("\n({place})")))]
    #[diagnostic(forward(error))]
    InScratch {
        error: Box<Self>,
        /// Where it is, if not beside the target.
        place: Option<String>,
        /// The scratch database, where it could not be removed.
        left: Option<String>,
    },

    #[error("{} found:\n{}", counted(findings), list(findings))]
    #[diagnostic(
        code(migrate::invalid),
        help(
            "`migrate validate DIR` without --strict and --deny-warnings shows all findings in a \
             table, with advice"
        )
    )]
    Invalid { findings: Vec<Finding> },

    #[error("{} is not a file of a snapshot", path.display())]
    #[diagnostic(
        code(migrate::no_snapshot),
        help("give a folder that only `migrate snapshot` writes to")
    )]
    NoSnapshot { path: PathBuf },

    #[error("the folder {} holds no snapshot", folder.display())]
    #[diagnostic(
        code(migrate::no_snapshot),
        help("`migrate snapshot DIR --to FOLDER` writes one")
    )]
    EmptySnapshot { folder: PathBuf },

    #[error(
        "the history cannot be replayed: the directory lacks the files of these applied \
         migrations:\n{}",
        list(missing)
    )]
    #[diagnostic(
        code(migrate::not_replayable),
        help(
            "give the directory with all tracks, or compare with a snapshot: `migrate drift DIR \
             --against FOLDER`"
        )
    )]
    NotReplayable { missing: Vec<String> },

    #[error("no migration to repair is named")]
    #[diagnostic(
        code(migrate::repair_refused),
        help("name a migration: --rehash, --forget, --mark-applied or --retry NAME")
    )]
    NothingToRepair,

    #[error("--{action} was given an empty name")]
    #[diagnostic(
        code(migrate::repair_refused),
        help("name the file or its timestamp: `migrate status DIR` lists them")
    )]
    NamelessRepair { action: &'static str },

    #[error("{name} cannot be repaired in this way: {problem}")]
    #[diagnostic(code(migrate::repair_refused), help("see `migrate status DIR`"))]
    RepairRefused { name: String, problem: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Interrupted(#[from] Interrupted),

    #[error("this plugin has a bug and cannot go on")]
    #[diagnostic(
        code(migrate::bug),
        help("please report it with the lines above; `migrate status DIR` shows what is applied")
    )]
    Bug,
}

/// How many errors and warnings these are.
fn counted(findings: &[Finding]) -> String {
    let of = |severity| {
        findings
            .iter()
            .filter(|found| found.severity() == severity)
            .count()
    };
    match (of(Severity::Error), of(Severity::Warning)) {
        (errors, 0) => count(errors, "error was", "errors were"),
        (0, warnings) => count(warnings, "warning was", "warnings were"),
        (errors, warnings) => format!(
            "{} and {} were",
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings")
        ),
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Error {
    /// What a check has said, where one stopped the command.
    pub fn complaint(&self) -> Option<&Complaint> {
        match self {
            Self::Preflight(preflight::Error::Rejected { rejection, .. }) => {
                Some(&rejection.complaint)
            }
            Self::AfterCommits { error, .. } | Self::InScratch { error, .. } => error.complaint(),
            _ => None,
        }
    }
}

/// What a change of the ledgers has left that did not hear its end.
fn left(outcome: &Outcome, what: &str) -> String {
    match outcome {
        Outcome::Committed => format!("The {what} IS committed."),
        Outcome::Unknown { reason } => format!(
            "It is UNKNOWN whether the {what} was committed: {reason}\nWhen the server answers \
             again, `migrate status DIR` shows it."
        ),
        Outcome::RolledBack | Outcome::Prepared { .. } | Outcome::Partial { .. } => {
            "The database was not changed.".to_owned()
        }
    }
}

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::Settings(cause) => Some(cause),
            Self::Tree(cause) => Some(cause),
            Self::Psql(cause) => Some(cause),
            Self::Database(cause) => Some(cause),
            Self::Check(cause) => Some(cause),
            Self::Plan(cause) => Some(cause),
            Self::Preflight(cause) => Some(cause),
            Self::Failed(cause) => Some(&**cause),
            Self::Add(cause) => Some(cause),
            Self::AfterCommits { error, .. }
            | Self::InScratch { error, .. }
            | Self::AdoptStopped { error, .. }
            | Self::RepairStopped { error, .. } => Some(&**error),
            Self::Interrupted(cause) => Some(cause),
            Self::Foreign(cause) => Some(cause),
            Self::Squash(cause) => Some(cause),
            Self::NotWritten(cause) => Some(cause),
            Self::TrackUnclear { .. }
            | Self::Invalid { .. }
            | Self::NothingToRepair
            | Self::NamelessRepair { .. }
            | Self::RepairRefused { .. }
            | Self::CommitsLost { .. }
            | Self::NoSnapshot { .. }
            | Self::EmptySnapshot { .. }
            | Self::NotReplayable { .. }
            | Self::Bug => None,
        }
    }

    fn state(&self) -> String {
        match self {
            Self::AfterCommits {
                applied, is_undo, ..
            } => committed_before(applied, *is_undo),
            Self::RepairStopped { outcome, .. } => left(outcome, "repair"),
            Self::AdoptStopped { outcome, .. } => left(outcome, "adoption"),
            Self::InScratch { left: None, .. } => {
                "The target was not changed, and the scratch database is gone.".to_owned()
            }
            Self::InScratch {
                left: Some(name), ..
            } => format!(
                "The target was not changed. The scratch database could not be removed: \
                 end what uses it, then DROP DATABASE {name};"
            ),
            Self::Bug => "What was not committed is rolled back.".to_owned(),
            _ => match self.passed_on() {
                Some(cause) => cause.state(),
                None => "The database was not changed.".to_owned(),
            },
        }
    }
}
