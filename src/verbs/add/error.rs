//! Why no migration file was made.

use miette::Diagnostic;
use strum::EnumProperty;
use thiserror::Error as ThisError;

use crate::error::{NotWritten, Report, Unreadable};

#[derive(Debug, ThisError, Diagnostic, EnumProperty)]
pub enum Error {
    #[error("`{description}` cannot be a description: {problem}")]
    #[diagnostic(
        code(migrate::bad_description),
        help("use a few words, such as `migrate add ./db \"create users\"`")
    )]
    #[strum(props(culprit = "description"))]
    BadDescription {
        description: String,
        problem: String,
    },

    #[error("this repeatable cannot be made: {problem}")]
    #[diagnostic(
        code(migrate::bad_repeatable),
        help(
            "a repeatable is one file, repeat_TRACK_NAME.sql, that is applied again whenever it \
             changes: edit this file, or choose another name"
        )
    )]
    BadRepeatable { problem: String },

    #[error("the track of the new migration is unclear: {problem}")]
    #[diagnostic(code(migrate::track_unclear), help("name it: --track core"))]
    TrackUnclear { problem: String },

    #[error("the track has a migration {after}, and no timestamp comes after it")]
    #[diagnostic(
        code(migrate::no_version_left),
        help("give that migration an earlier timestamp")
    )]
    NoVersionLeft { after: String },

    #[error("there is no template `{name}`")]
    #[diagnostic(
        code(migrate::unknown_template),
        help(
            "the templates are {}; your own templates are files NAME.sql in the directory's \
             folder `templates`, or in the folder that the setting `templates` names",
            known.join(", ")
        )
    )]
    #[strum(props(culprit = "--template"))]
    UnknownTemplate { name: String, known: Vec<String> },

    #[error(transparent)]
    #[diagnostic(transparent)]
    NotWritten(#[from] NotWritten),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Report for Error {
    fn state(&self) -> String {
        match self {
            Self::NotWritten(cause) => cause.state(),
            Self::Unreadable(cause) => cause.state(),
            _ => "No file was made.".to_owned(),
        }
    }

    fn culprit(&self) -> Option<String> {
        self.get_str("culprit").map(str::to_owned)
    }
}
