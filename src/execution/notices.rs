//! What a migration printed, as the lines of its `notices` column. Pure.

use super::conflicts::TAKEN;
use crate::error::visible;
use crate::process::lines::Channel;
use crate::psql::Output;
use crate::psql::message::{Diagnostic, Message, is_continuation, parse};

/// The results and `\echo` lines first, then the server's notices and `\warn` lines.
pub fn of(output: &Output) -> Vec<String> {
    let messages = parse(output.stderr.iter().map(String::as_str));
    let said = messages.into_iter().map(|message| match message {
        Message::Diagnostic(diagnostic) => diagnostic.message,
        Message::Text(text) => text,
    });
    let lines = output.stdout.iter().cloned().chain(said);
    lines.map(|line| visible(&line).into_owned()).collect()
}

/// The notices that something was there already, such as those of IF NOT EXISTS.
pub fn found(output: &Output) -> Vec<Diagnostic> {
    let messages = parse(output.stderr.iter().map(String::as_str));
    let diagnostics = messages.into_iter().filter_map(|message| match message {
        Message::Diagnostic(diagnostic) => Some(*diagnostic),
        Message::Text(_) => None,
    });
    let is_such = |found: &Diagnostic| {
        let code = found.sqlstate.as_deref();
        code.is_some_and(|code| TAKEN.contains(&code)) && !found.is_error()
    };
    diagnostics.filter(is_such).collect()
}

/// Lines as they are shown while a file runs: without place and code. An error is left out, because
/// it is told at the end, with all that belongs to it.
#[derive(Debug, Default)]
pub struct Live {
    is_in_error: bool,
    /// Has there been an error?
    pub has_failed: bool,
}

impl Live {
    /// What is to be shown of a line.
    pub fn line(&mut self, channel: Channel, line: &str) -> Option<String> {
        if channel == Channel::Stdout {
            return Some(line.to_owned());
        }
        match parse([line]).pop()? {
            Message::Diagnostic(diagnostic) => {
                self.is_in_error = diagnostic.is_error();
                self.has_failed |= self.is_in_error;
                (!self.is_in_error).then_some(diagnostic.message)
            }
            Message::Text(text) => (!is_continuation(&text) && !self.is_in_error).then_some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_lines_say_what_matters() {
        let shown = |line| Live::default().line(Channel::Stderr, line);
        assert_eq!(
            shown("psql:/db/a.sql:3: NOTICE:  00000: hello"),
            Some("hello".to_owned())
        );
        assert_eq!(
            shown("psql:/db/a.sql:3: WARNING:  01000: hm"),
            Some("hm".to_owned())
        );
        assert_eq!(shown("psql:/db/a.sql:3: ERROR:  42601: no"), None);
        assert_eq!(shown("LOCATION:  exec_stmt_raise, pl_exec.c:3923"), None);
        assert_eq!(shown("careful"), Some("careful".to_owned()));
        let mut live = Live::default();
        assert_eq!(
            live.line(Channel::Stdout, "LINE 5"),
            Some("LINE 5".to_owned())
        );
        live.line(
            Channel::Stderr,
            "psql:/db/a.sql:3: ERROR:  42703: no column",
        );
        assert_eq!(live.line(Channel::Stderr, "        ^"), None);
    }

    #[test]
    fn both_outputs_without_places_and_codes() {
        let output = Output {
            stdout: vec!["3 rows".to_owned()],
            stderr: [
                "psql:a.sql:1: NOTICE:  00000: hello",
                "LOCATION:  x",
                "careful",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        assert_eq!(of(&output), ["3 rows", "hello", "careful"]);
    }
}
