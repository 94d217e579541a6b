//! Why there is no plan.

use std::path::PathBuf;

use miette::Diagnostic;
use strum::EnumProperty;
use thiserror::Error as ThisError;

use super::Obstacles;
use super::hindrance::Hindrances;
use crate::checks;
use crate::error::{Report, count, list};
use crate::sql::inspection::Violation;
use crate::tree::{self, BadDirective};

#[derive(Debug, ThisError, Diagnostic, EnumProperty)]
pub enum Error {
    #[error("there are no migrations in {}", root.display())]
    #[diagnostic(
        code(migrate::no_migrations),
        help(
            "a migration is a file named {{timestamp}}_{{track}}_{{description}}.sql; make the \
             first with `migrate add DIR \"create users\" --track core`"
        )
    )]
    #[strum(props(culprit = "directory"))]
    NoMigrations { root: PathBuf },

    #[error("{} in {}: {}", if tracks.len() == 1 { "a track is missing" } else { "tracks are missing" }, root.display(), tracks.join(", "))]
    #[diagnostic(
        code(migrate::tracks_missing),
        help(
            "look for an empty folder, or a submodule that is not checked out (`git \
             submodule update --init`); --expect-tracks or the setting `expect_tracks` lists \
             the expected tracks"
        )
    )]
    TracksMissing { tracks: Vec<String>, root: PathBuf },

    #[error("there is no track `{track}`, neither in the directory nor in the database")]
    #[diagnostic(code(migrate::unknown_track), help("{}", match known.as_slice() {
        [] => "there is no track at all".to_owned(),
        [only] => format!("the only track is {only}"),
        _ => format!("the tracks are {}", known.join(", ")),
    }))]
    #[strum(props(culprit = "--track"))]
    UnknownTrack { track: String, known: Vec<String> },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Refused(#[from] Obstacles),

    #[error(transparent)]
    #[diagnostic(transparent)]
    NotUndone(#[from] Hindrances),

    #[error(
        "{} cannot run in the run's transaction because of these lines:\n{}",
        count(*files, "migration", "migrations"),
        list(violations)
    )]
    #[diagnostic(code(migrate::forbidden), help("{REMOVE_TRANSACTION_CONTROL}"))]
    Forbidden {
        files: usize,
        violations: Vec<Violation>,
    },

    #[error("psql would not read these as they are written:\n{}", list(violations))]
    #[diagnostic(code(migrate::misread), help("{WRITE_IT_CLEARLY}"))]
    Misread { violations: Vec<Violation> },

    #[error(
        "repeatables run in the transaction of the last migrations, and cannot have:\n{}",
        list(misfits)
    )]
    #[diagnostic(
        code(migrate::bad_repeatable),
        help("remove this line, or write a versioned migration instead")
    )]
    BadRepeatable { misfits: Vec<String> },

    #[error("a .verify.sql file may only have queries:\n{}", list(violations))]
    #[diagnostic(code(migrate::bad_verification), help("{ONLY_QUERIES}"))]
    NoQueries { violations: Vec<Violation> },

    #[error("psql variables are used and have no value:\n{}", list(uses))]
    #[diagnostic(code(migrate::unset_variable), help("{}", give_a_value(uses.first())))]
    UnsetVariables { uses: Vec<Violation> },

    #[error(
        "this plan needs {groups} transactions, and --atomic allows one:\n{}",
        list(reasons)
    )]
    #[diagnostic(
        code(migrate::not_atomic),
        help("run without --atomic, or in parts with --to and --steps")
    )]
    NotAtomic { groups: usize, reasons: Vec<String> },

    #[error(transparent)]
    #[diagnostic(transparent)]
    BadDirective(#[from] BadDirective),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Tree(#[from] tree::Error),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Check(#[from] checks::Error),
}

/// The way out for a file with transaction control of its own.
pub const REMOVE_TRANSACTION_CONTROL: &str = "remove these lines: every migration already \
                                              runs in a transaction, together with its \
                                              ledger row.\nIf the file must stay as it is, \
                                              such as BEGIN; ... COMMIT; from another tool, \
                                              add the line `-- migrate: transaction-control \
                                              unwrap` (ignore the pair, if it is around all \
                                              of the file) or `separate` \
                                              (run it on its own), or use the setting \
                                              `transaction_control`.\nTo keep \\q, \\prompt, \
                                              \\i - or pg_advisory_unlock_all(), or outside \
                                              of a transaction \\set ON_ERROR_STOP or \
                                              AUTOCOMMIT, add the line `-- migrate: allow \
                                              forbidden-command`, or use the setting `allow`";

/// The way out for what psql reads otherwise than people.
pub const WRITE_IT_CLEARLY: &str = "psql drops the rest of a line after a NUL byte: save the file \
                                    as UTF-8, not as UTF-16.\npsql reads the next line of an E'' \
                                    string as a plain string, and the server does not: write one \
                                    string.\npsql follows a circle of includes until it crashes: \
                                    remove one of these includes, or put it into \\if";

/// The way out for a `.verify.sql` file that does more than ask.
pub const ONLY_QUERIES: &str = "write queries only, each of which returns true or no row: \
                                SELECT, VALUES, TABLE or WITH, without meta-commands";

/// The way out for a variable that nobody has set.
pub fn give_a_value(found: Option<&Violation>) -> String {
    let name = found.map_or("name", |found| found.found.trim_start_matches(':'));
    format!(
        "give the value with --set {{ {name}: ... }} or the setting `variables`, or in the \
         file with \\set or \\gset.\nIf this is not a variable, write a backslash before the \
         colon: \\:{name}; or write `-- migrate: allow unset-variable` into the file"
    )
}

impl Report for Error {
    fn passed_on(&self) -> Option<&dyn Report> {
        match self {
            Self::Refused(cause) => Some(cause),
            Self::NotUndone(cause) => Some(cause),
            Self::BadDirective(cause) => Some(cause),
            Self::Tree(cause) => Some(cause),
            Self::Check(cause) => Some(cause),
            _ => None,
        }
    }

    fn culprit(&self) -> Option<String> {
        match self.passed_on() {
            Some(cause) => cause.culprit(),
            None => self.get_str("culprit").map(str::to_owned),
        }
    }
}
