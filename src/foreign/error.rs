//! Why another tool's history cannot be taken over.

use std::path::PathBuf;
use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error as ThisError;

use super::Tool;
use crate::error::{Report, count, list};
use crate::tree::{Name, Version};

#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    #[error(
        "{tool} has no history here: there is no table {table}{}",
        if *is_named { "" } else { ", in any schema" }
    )]
    #[diagnostic(
        code(migrate::no_foreign_history),
        help(
            "check that this is the right database; if the table has another name, give \
             --table SCHEMA.TABLE"
        )
    )]
    NoHistory {
        tool: Tool,
        table: String,
        /// Did the user name it?
        is_named: bool,
    },

    #[error("{tool} has several histories here: {}", tables.join(", "))]
    #[diagnostic(
        code(migrate::foreign_history_unclear),
        help("say which: --table {}", tables.first().map(String::as_str).unwrap_or_default())
    )]
    SeveralHistories { tool: Tool, tables: Vec<String> },

    #[error(
        "{table} does not look like a table of {tool}{}{}",
        columns("it has", unknown),
        columns("it lacks", missing)
    )]
    #[diagnostic(code(migrate::foreign_history_unclear), help("{}", match looks_like {
        Some(other) => format!("it looks like the table of {other}: try --from {other}"),
        None => "a newer version of the tool may have changed it; `migrate adopt --baseline` \
            marks files as applied without this table".to_owned(),
    }))]
    OtherTable {
        tool: Tool,
        table: String,
        unknown: Vec<String>,
        missing: Vec<String>,
        looks_like: Option<Tool>,
    },

    #[error("the history of {tool} cannot be read: {problem}")]
    #[diagnostic(
        code(migrate::foreign_history_unclear),
        help(
            "look at the table; `migrate adopt --baseline` marks files as applied without this table"
        )
    )]
    Unreadable { tool: Tool, problem: String },

    #[error(
        "{tool} says that these failed, or does not know how they ended:\n{}",
        list(versions)
    )]
    #[diagnostic(
        code(migrate::foreign_unfinished),
        help("look at what they have done, and correct their state with {tool}; then adopt")
    )]
    Unfinished { tool: Tool, versions: Vec<String> },

    #[error(
        "{} of {tool} {} no file here:\n{}",
        count(versions.len(), "applied version", "applied versions"),
        if versions.len() == 1 { "has" } else { "have" },
        list(versions)
    )]
    #[diagnostic(
        code(migrate::not_mapped),
        help(
            "bring their files in (`migrate import`), name the track with --track, or leave them out with --partial"
        )
    )]
    NotMapped { tool: Tool, versions: Vec<String> },

    #[error("{tool} has applied some, but not all, of the migrations that {file} replaces")]
    #[diagnostic(
        code(migrate::partly_replaced),
        help(
            "apply the rest with {tool}; or put the replaced files back (version control has them), \
             adopt, and apply the rest with `migrate run --to`"
        )
    )]
    PartlyReplaced { tool: Tool, file: Name },

    #[error("{version} is in the range that {file} replaces, and the replaced files are gone")]
    #[diagnostic(
        code(migrate::partly_replaced),
        help(
            "if the database has all of them, name the new file: --baseline {}; if it has some, put \
             the replaced files back first",
            file.version
        )
    )]
    BaselineInside { version: Version, file: Name },

    #[error("the folder cannot be imported from {tool}:\n{}", list(problems))]
    #[diagnostic(
        code(migrate::bad_import),
        help("correct these, or move them elsewhere; nothing was written")
    )]
    BadFolder { tool: Tool, problems: Vec<String> },

    #[error("{} already:\n{}", count(files.len(), "file exists", "files exist"), list(files))]
    #[diagnostic(
        code(migrate::bad_import),
        help("nothing was written: give another folder, or remove these files")
    )]
    Taken { files: Vec<String> },

    #[error("{} is inside the folder that is imported", into.display())]
    #[diagnostic(
        code(migrate::bad_import),
        help("the new files must not be among the old ones: give another folder to --into")
    )]
    IntoItself { into: PathBuf },

    #[error("another session has locked {table}, the history of {tool}")]
    #[diagnostic(
        code(migrate::ledger_busy),
        help(
            "waited {}; if {tool} is running, try again when it has ended, or wait longer with \
             the setting `lock_timeout`",
            humantime::format_duration(*waited)
        )
    )]
    Locked {
        tool: Tool,
        table: String,
        waited: Duration,
    },

    #[error("the folder's name `{name}` cannot be a track")]
    #[diagnostic(
        code(migrate::track_unclear),
        help(
            "name it with --track, or give a folder such as ./db/core: lower-case letters, digits and \
             hyphens, starting with a letter, {longest} characters at most"
        )
    )]
    NoTrack { name: String, longest: usize },

    #[error("these files are not what {tool} has applied:\n{}", list(files))]
    #[diagnostic(
        code(migrate::foreign_changed),
        help(
            "restore them as they were applied; or mark the current file as applied with `migrate \
             repair DIR --mark-applied NAME`, and then adopt the others"
        )
    )]
    Changed { tool: Tool, files: Vec<String> },
}

fn columns(verb: &str, columns: &[String]) -> String {
    if columns.is_empty() {
        String::new()
    } else {
        format!("; {verb} {}", columns.join(", "))
    }
}

impl Report for Error {
    fn state(&self) -> String {
        match self {
            Self::BadFolder { .. }
            | Self::Taken { .. }
            | Self::NoTrack { .. }
            | Self::IntoItself { .. } => "No file was made.".to_owned(),
            _ => "The database was not changed.".to_owned(),
        }
    }
}
