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
            "name a later timestamp, or another track; `migrate status DIR --offline` lists the \
             migrations"
        )
    )]
    TooFew {
        track: Track,
        to: Version,
        found: usize,
    },

    #[error("{}", match taken_by {
        Some(taken) => format!("the new file needs the timestamp right after {last}, but {taken} \
            has it"),
        None => format!("there is no timestamp after that of {last}"),
    })]
    #[diagnostic(
        code(migrate::nothing_to_squash),
        help("end the range elsewhere: choose another timestamp for --to")
    )]
    NoRoom { last: Name, taken_by: Option<Name> },

    #[error("the range requires {needed}, and {needed} requires {back} of the range")]
    #[diagnostic(
        code(migrate::squash_entangled),
        help(
            "another track runs in the middle of the range, so one file cannot replace the range: \
             end the range before the migration that requires the other track"
        )
    )]
    Entangled { needed: Name, back: Requirement },

    #[error("{bridge} is a bridge before {to}, and the new file cannot be a bridge")]
    #[diagnostic(
        code(migrate::squash_entangled),
        help("end the range before the bridge")
    )]
    Bridging { bridge: Name, to: Requirement },

    #[error(
        "these migrations change the whole server, and a dump of one database does not contain \
         that:\n{}",
        list(reaches)
    )]
    #[diagnostic(
        code(migrate::squash_reaches),
        help(
            "roles, tablespaces and the like would be missing from the new file: end the range \
             before these migrations, or make such changes elsewhere"
        )
    )]
    Reaching { reaches: Vec<String> },

    #[error("pg_dump wrote the meta-command \\{command}, which is not allowed in a migration")]
    #[diagnostic(
        code(migrate::dump_failed),
        help("please report it, with the version of pg_dump")
    )]
    OddDump { command: String },

    #[error(
        "the new file does not have the same result as the old files:\n{}",
        list(differences.iter().map(named))
    )]
    #[diagnostic(
        code(migrate::squash_differs),
        help(
            "pg_dump leaves this out, or a migration changes objects of another track: end the \
             range before the migration that makes the difference"
        )
    )]
    Differs { differences: Vec<Difference> },
}

fn named(found: &Difference) -> String {
    let how = match (&found.target, &found.scratch) {
        (Some(_), None) => "made only by the old files",
        (None, _) => "made only by the new file",
        _ => "different",
    };
    format!("{} {}: {how}", found.kind, found.name)
}

impl Report for Error {
    fn state(&self) -> String {
        "No file was written. The database was not changed.".to_owned()
    }
}
