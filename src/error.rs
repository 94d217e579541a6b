//! What every error tells beside its message, and the errors that any stage can meet.
//! Must not know what a stage does, nor nushell.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error as ThisError;

/// An error as the user reads it. The message is `Display`; the stable code and the way out are
/// miette's `code` and `help`, which stand at each variant.
pub trait Report: Diagnostic {
    /// The error of another stage that this one passes on.
    fn passed_on(&self) -> Option<&dyn Report> {
        None
    }

    /// The state that the database is in now, as a sentence.
    fn state(&self) -> String {
        match self.passed_on() {
            Some(cause) => cause.state(),
            None => "The database was not changed.".to_owned(),
        }
    }

    /// The part of the command line that it is about: the name of an argument, or `--flag`.
    fn culprit(&self) -> Option<String> {
        self.passed_on()?.culprit()
    }

    /// Did the user stop the command?
    fn is_interruption(&self) -> bool {
        self.passed_on().is_some_and(Report::is_interruption)
    }
}

/// The user pressed Ctrl-C.
#[derive(Debug, ThisError, Diagnostic)]
#[error("interrupted")]
#[diagnostic(code(migrate::interrupted), help("run the command again"))]
pub struct Interrupted;

impl Report for Interrupted {
    fn is_interruption(&self) -> bool {
        true
    }
}

#[derive(Debug, ThisError, Diagnostic)]
#[error("cannot read {}: {reason}", path.display())]
#[diagnostic(
    code(migrate::unreadable_file),
    help("make the file readable, or move it elsewhere")
)]
pub struct Unreadable {
    pub path: PathBuf,
    pub reason: String,
}

impl Report for Unreadable {}

#[derive(Debug, ThisError, Diagnostic)]
#[error("cannot write {}: {reason}", path.display())]
#[diagnostic(
    code(migrate::not_written),
    help("check the folder's permissions and free space")
)]
pub struct NotWritten {
    pub path: PathBuf,
    pub reason: String,
}

impl Report for NotWritten {}

/// The lines of a list in a message, as many as a screen takes.
pub fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    const SHOWN: usize = 20;
    let mut lines: Vec<_> = items
        .into_iter()
        .map(|item| format!("- {}", item.to_string()))
        .collect();
    if let Some(more) = lines.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.truncate(SHOWN);
        lines.push(format!("- and {more} more"));
    }
    lines.join("\n")
}

/// A number with its noun.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What a program has said, as the end of a message.
pub fn quoted(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(":\n{said}")
    }
}
