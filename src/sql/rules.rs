//! The rules of `migrate validate`: their names, their severity, which a file may silence. Pure.

use strum::{Display, EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};

use super::unsafe_ddl;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// A run would fail, or refuse to begin.
    Error,
    /// A run would do it, and somebody may regret it.
    Warning,
    /// Good to know.
    Info,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Rule {
    BadName,
    DuplicateTimestamp,
    OrphanCompanion,
    NoDate,
    MixedFolder,
    UnreadableFile,
    NotSealed,
    BadSeal,
    #[strum(serialize = "not-utf8")]
    NotUtf8,
    BadDirective,
    TransactionControl,
    ForbiddenCommand,
    FatalCommand,
    Misread,
    UnsetVariable,
    NeedsNoTransaction,
    UnmetRequirement,
    UnmetBridge,
    MissingRequirement,
    ForeignObject,
    CircularRequirement,
    OutOfOrder,
    PartlyReplaced,
    Changed,
    ChangedInclude,
    LineEndings,
    Missing,
    RepeatableGone,
    BadRepeatable,
    DuplicateRow,
    Unfinished,
    InvalidIndex,
    TrackSettings,
    ValidationFailed,
    ValidationUnparsed,
    ValidationPassed,
    ValidationLate,
    BadVerification,
    /// One of the linter's, by its name there; see `unsafe_ddl`.
    #[strum(disabled)]
    UnsafeDdl(&'static str),
}

impl Rule {
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter().chain(unsafe_ddl::rules().map(Self::UnsafeDdl))
    }

    /// The name that users read, and that the directive `allow` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnsafeDdl(name) => name,
            own => own.into(),
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::NoDate
            | Self::MixedFolder
            | Self::NotUtf8
            | Self::InvalidIndex
            | Self::RepeatableGone
            | Self::TrackSettings
            | Self::MissingRequirement
            | Self::UnsafeDdl(_) => Severity::Warning,
            Self::LineEndings | Self::ValidationPassed | Self::ValidationLate => Severity::Info,
            Self::BadName
            | Self::DuplicateTimestamp
            | Self::OrphanCompanion
            | Self::UnreadableFile
            | Self::NotSealed
            | Self::BadSeal
            | Self::BadDirective
            | Self::TransactionControl
            | Self::ForbiddenCommand
            | Self::FatalCommand
            | Self::Misread
            | Self::UnsetVariable
            | Self::NeedsNoTransaction
            | Self::UnmetRequirement
            | Self::UnmetBridge
            | Self::ForeignObject
            | Self::CircularRequirement
            | Self::OutOfOrder
            | Self::PartlyReplaced
            | Self::Changed
            | Self::ChangedInclude
            | Self::Missing
            | Self::BadRepeatable
            | Self::DuplicateRow
            | Self::Unfinished
            | Self::ValidationFailed
            | Self::ValidationUnparsed
            | Self::BadVerification => Severity::Error,
        }
    }

    /// May a file silence it? Only what does not stop a run, or not once the file says that it
    /// knows better.
    pub fn can_be_allowed(self) -> bool {
        matches!(
            self,
            Self::NoDate
                | Self::NotUtf8
                | Self::NeedsNoTransaction
                | Self::UnsetVariable
                | Self::ForbiddenCommand
                | Self::MissingRequirement
                | Self::UnsafeDdl(_)
        )
    }

    /// The rule of the directive `allow NAME`.
    ///
    /// # Errors
    /// There is none of this name, or it is not for a file to silence.
    pub fn to_allow(name: &str) -> Result<Self, String> {
        match Self::all().find(|rule| rule.name() == name) {
            Some(rule) if rule.can_be_allowed() => Ok(rule),
            Some(rule) if rule.severity() == Severity::Error => {
                Err("this rule finds errors that stop a run, and they cannot be allowed".to_owned())
            }
            Some(_) => Err("this rule is not about a single file".to_owned()),
            None => Err("there is no such rule".to_owned()),
        }
    }
}
