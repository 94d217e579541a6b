//! Everything `migrate validate` looks for: the stable name of each rule, and how grave it is.
//! Data only; must not look for anything itself.

use std::path::PathBuf;

use crate::migration::{Name, Track};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A run would fail, or refuse to begin.
    Error,
    /// A run would do it, and somebody may regret it.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The name of what was looked for; one of [`RULES`], or one of the linter's rules.
    pub rule: &'static str,
    /// The track, where it is about one.
    pub track: Option<Track>,
    /// The migration, where it is about one.
    pub name: Option<String>,
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// What was found.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

impl Finding {
    /// About a migration and its file.
    pub fn about(name: &Name, file: PathBuf, severity: Severity, rule: &'static str) -> Self {
        Self {
            severity,
            rule,
            track: Some(name.track.clone()),
            name: Some(name.file_name()),
            file: Some(file),
            line: None,
            message: String::new(),
            help: None,
        }
    }
}

/// The rules of our own. All that PostgreSQL's linter knows come on top, see [`crate::unsafe_ddl`].
pub const RULES: [&str; 25] = [
    "bad-name",
    "duplicate-timestamp",
    "orphan-companion",
    "no-date",
    "mixed-folder",
    "unreadable-file",
    "not-utf8",
    "bad-directive",
    "transaction-control",
    "forbidden-command",
    "unset-variable",
    "needs-no-transaction",
    "unmet-requirement",
    "circular-requirement",
    "out-of-order",
    "changed",
    "changed-include",
    "line-endings",
    "missing",
    "unfinished",
    "invalid-index",
    "validation-failed",
    "validation-unparsed",
    "validation-passed",
    "validation-late",
];

/// The rules of our own that a file may silence: what they find does not stop a run, or not once the
/// file says that it knows better.
const SILENT: [&str; 4] = [
    "no-date",
    "not-utf8",
    "needs-no-transaction",
    UNSET_VARIABLE,
];

/// The rule that `run` obeys as well, and leaves out for a file that says so.
pub const UNSET_VARIABLE: &str = "unset-variable";

/// May a file silence the rule of this name?
///
/// # Errors
/// There is none, or it tells what stops a run whatever the file says.
pub fn check_silencing(name: &str) -> Result<(), String> {
    match name {
        _ if SILENT.contains(&name) || crate::unsafe_ddl::is_rule(name) => Ok(()),
        _ if RULES.contains(&name) => Err("what it finds stops a run in any case".to_owned()),
        _ => Err("there is no such rule".to_owned()),
    }
}
