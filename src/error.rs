//! What every error tells beside its message, and the errors that any stage can meet.
//! Must not know what a stage does, nor nushell.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

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

impl Unreadable {
    pub fn new(path: &Path, error: &std::io::Error) -> Self {
        Self {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    /// Refuses a pipe, which waits for a writer, and a device, which may never end. What is absent is
    /// for the reader to tell.
    pub fn require_regular(path: &Path) -> Result<(), Self> {
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => Err(Self {
                path: path.to_owned(),
                reason: "it is not a regular file".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

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

/// Text of other people's making without what a terminal would obey, such as escape sequences.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_obeyed = |character: char| character.is_control() && !"\n\t".contains(character);
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let text = text.strip_suffix('\r').unwrap_or(text);
    let shown = text.chars().map(|character| {
        if is_obeyed(character) {
            format!("\\x{:02X}", u32::from(character))
        } else {
            character.to_string()
        }
    });
    Cow::Owned(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_files() {
        assert_eq!(visible("a\tb\nü"), "a\tb\nü");
        assert_eq!(visible("\u{1b}[2J\u{9b}1m\u{7}"), "\\x1B[2J\\x9B1m\\x07");
        assert_eq!(visible("line\r"), "line");
    }
}
