//! What a migration printed, as the lines of its `notices` column. Pure.

use crate::psql::Output;
use crate::psql::message::{Message, parse};

/// The results and `\echo` lines first, then the server's notices and `\warn` lines.
pub fn of(output: &Output) -> Vec<String> {
    let messages = parse(output.stderr.iter().map(String::as_str));
    let said = messages.into_iter().map(|message| match message {
        Message::Diagnostic(diagnostic) => diagnostic.message,
        Message::Text(text) => text,
    });
    output.stdout.iter().cloned().chain(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
