//! Why migrations are not replaced by one.

use miette::Diagnostic;
use thiserror::Error as ThisError;

use crate::database::catalog::Difference;
use crate::error::{Report, list};
use crate::tree::{Name, Requirement, Track, Version};

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error("there {} of track {track} up to {to}: nothing to squash", match found {
        0 => "is no migration".to_owned(),
        _ => "is one migration".to_owned(),
    })]
    #[diagnostic(
        code(migrate::nothing_to_squash),
        help(
            "name a later timestamp, or another track; `migrate status DIR --offline` lists them"
        )
    )]
    TooFew {
        track: Track,
        to: Version,
        found: usize,
    },

    #[error("{}", match taken_by {
        Some(taken) => format!("the new file would come right after {last}, and {taken} has \
                                that place"),
        None => format!("there is no timestamp after that of {last}"),
    })]
    #[diagnostic(
        code(migrate::nothing_to_squash),
        help("end the range elsewhere: choose another timestamp for --to")
    )]
    NoRoom { last: Name, taken_by: Option<Name> },

    #[error("the range requires {needed}, and that requires {back} itself")]
    #[diagnostic(
        code(migrate::squash_entangled),
        help(
            "another track runs in the middle of the range, so that it cannot be one step: end it \
             before the migration that requires the other track"
        )
    )]
    Entangled { needed: Name, back: Requirement },

    #[error("{bridge} is a bridge before {to}, and the new file cannot be one")]
    #[diagnostic(
        code(migrate::squash_entangled),
        help("end the range before the bridge")
    )]
    Bridging { bridge: Name, to: Requirement },

    #[error(
        "these change the whole server, which a dump of the database does not contain:\n{}",
        list(reaches)
    )]
    #[diagnostic(
        code(migrate::squash_reaches),
        help(
            "roles, tablespaces and the like would be missing from the new file: end the range before \
             these, or make them elsewhere"
        )
    )]
    Reaching { reaches: Vec<String> },

    #[error("pg_dump wrote the meta-command \\{command}, which no migration may hold")]
    #[diagnostic(
        code(migrate::dump_failed),
        help("please report it, with the version of pg_dump")
    )]
    OddDump { command: String },

    #[error(
        "the new file does not make what the old ones make:\n{}",
        list(differences.iter().map(named))
    )]
    #[diagnostic(
        code(migrate::squash_differs),
        help(
            "pg_dump does not carry this over, or another track's objects were changed: end the range \
             before the migration that makes it"
        )
    )]
    Differs { differences: Vec<Difference> },
}

fn named(found: &Difference) -> String {
    let how = match (&found.target, &found.scratch) {
        (Some(_), None) => "only by the old files",
        (None, _) => "only by the new one",
        _ => "different",
    };
    format!("{} {}: {how}", found.kind, found.name)
}

impl Report for Error {
    fn state(&self) -> String {
        "No file was written. The database was not changed.".to_owned()
    }
}
