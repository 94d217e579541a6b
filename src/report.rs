//! From our errors to nushell's. The only place that builds a `LabeledError`.

use nu_plugin::EvaluatedCall;
use nu_protocol::{LabeledError, Span};

use crate::error::Error;
use crate::settings::{Key, Origin};
use crate::validation::Complaint;

/// An error as nushell shows it: what happened and the state of the database, the way out, the
/// code, and the part of the command line that it is about.
pub fn labeled(error: &Error, call: &EvaluatedCall) -> LabeledError {
    let (span, label) = culprit(error, call).unwrap_or((call.head, "by this command"));
    let labeled = LabeledError::new(format!("{error}\n\n{}", error.state()))
        .with_code(error.code())
        .with_help(error.help());
    match complaint(error) {
        // Where a closure went wrong says more than the name of the command.
        Some(complaint) if !complaint.labels.is_empty() => {
            complaint.labels.iter().fold(labeled, |labeled, label| {
                labeled.with_label(&label.text, Span::new(label.start, label.end))
            })
        }
        _ => labeled.with_label(label, span),
    }
}

fn complaint(error: &Error) -> Option<&Complaint> {
    match error {
        Error::Rejected { rejection, .. } => Some(&rejection.complaint),
        Error::AfterCommits { error, .. } | Error::InScratch { error, .. } => complaint(error),
        _ => None,
    }
}

fn culprit(error: &Error, call: &EvaluatedCall) -> Option<(Span, &'static str)> {
    match error {
        Error::NoSuchDirectory { .. }
        | Error::NotADirectory { .. }
        | Error::NoMigrations { .. }
        | Error::BadNames { .. } => call
            .positional
            .first()
            .map(|value| (value.span(), "in this directory")),
        Error::BadArgument {
            name: "directory", ..
        } => call
            .positional
            .first()
            .map(|value| (value.span(), "this directory")),
        Error::AfterCommits { error, .. } | Error::InScratch { error, .. } => culprit(error, call),
        Error::BadDescription { .. } => call
            .positional
            .get(1)
            .map(|value| (value.span(), "this description")),
        Error::UnknownTrack { .. } => flag(call, "track"),
        Error::UnknownTemplate { .. } => flag(call, "template"),
        Error::BadFlag { flag: name, .. } => flag(call, name),
        Error::BadSetting {
            key,
            origin: Origin::Flag,
            ..
        } => flag(call, flag_of(*key)),
        Error::ConnectionRefused { .. } => flag(call, flag_of(Key::Database)),
        _ => None,
    }
}

fn flag(call: &EvaluatedCall, name: &str) -> Option<(Span, &'static str)> {
    let value = call.get_flag_value(name)?;
    Some((value.span(), "given here"))
}

/// The flag that gives a setting.
fn flag_of(key: Key) -> &'static str {
    match key {
        Key::LockWait => "lock-wait",
        Key::LockTimeout => "lock-timeout",
        Key::StatementTimeout => "statement-timeout",
        Key::Variables => "set",
        other => other.name(),
    }
}
