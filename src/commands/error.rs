//! From our errors to nushell's. The only place that builds a `LabeledError`.

use std::sync::LazyLock;

use miette::Diagnostic;
use nu_plugin::EvaluatedCall;
use nu_protocol::{LabeledError, Span};
use regex::{NoExpand, Regex};

use crate::error::{Report, visible};
use crate::verbs::Error;

/// An error as nushell shows it: what happened and the state of the database, the way out, the
/// code, and the part of the command line that it is about.
pub fn labeled(error: &Error, call: &EvaluatedCall) -> LabeledError {
    let to_paste = |text: &str| to_paste(text, call);
    let message = format!("{error}\n\n{}", error.state());
    let mut labeled = LabeledError::new(visible(&to_paste(&message)));
    if let Some(code) = error.code() {
        labeled = labeled.with_code(code.to_string());
    }
    if let Some(help) = error.help() {
        labeled = labeled.with_help(visible(&to_paste(&help.to_string())));
    }
    match error.complaint() {
        // Where a closure went wrong says more than the name of the command.
        Some(complaint) if !complaint.labels.is_empty() => {
            complaint.labels.iter().fold(labeled, |labeled, label| {
                labeled.with_label(visible(&label.text), Span::new(label.start, label.end))
            })
        }
        _ => {
            let (label, span) = culprit(error, call).unwrap_or(("by this command", call.head));
            labeled.with_label(label, span)
        }
    }
}

/// A message whose commands hold the directory as it was typed.
pub fn to_paste(text: &str, call: &EvaluatedCall) -> String {
    match (&*DIRECTORY, typed(call)) {
        (Some(word), Some(directory)) => word.replace_all(text, NoExpand(&directory)).into_owned(),
        _ => text.to_owned(),
    }
}

/// The directory in a command of a message.
static DIRECTORY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bDIR\b").ok());

/// The directory as it was typed, ready to be typed again.
fn typed(call: &EvaluatedCall) -> Option<String> {
    let directory = call.positional.first()?.coerce_str().ok()?;
    let is_plain = |letter: char| letter.is_alphanumeric() || "./_-~".contains(letter);
    if directory.chars().all(is_plain) {
        Some(directory.into_owned())
    } else {
        Some(format!("'{directory}'")).filter(|quoted| quoted.matches('\'').count() == 2)
    }
}

/// The label and the place of what the error is about.
fn culprit(error: &Error, call: &EvaluatedCall) -> Option<(&'static str, Span)> {
    let culprit = error.culprit()?;
    if let Some(flag) = culprit.strip_prefix("--") {
        return Some(("given here", call.get_flag_value(flag)?.span()));
    }
    let (index, label) = match culprit.as_str() {
        "directory" => (0, "in this directory"),
        "description" => (1, "this description"),
        _ => return None,
    };
    Some((label, call.positional.get(index)?.span()))
}
