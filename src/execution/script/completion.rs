//! How psql itself says whether it got through a file: its variables, not its messages, which come
//! in the server's language and can be imitated by `\warn`.

use crate::sql::quote::Argument;

/// Set once psql has come to the end of a file.
pub(super) const DONE: &str = "migrate_done";
/// What psql says of the file, kept until it is asked for.
const COMPLETION: &str = "migrate_completion";
/// What `LAST_ERROR_SQLSTATE` says as long as no statement has failed (psql manual, "Variables").
const NO_ERROR: &str = "00000";
/// What `ON_ERROR_STOP` says where a file did not touch it.
const STOPS: &str = "1";

/// Runs a file, which ends at its first error. psql itself goes on after it: whether an error is
/// fatal is settled when a line begins (mainloop.c, `die_on_error`), and psql throws away what
/// follows a failed command on its line.
pub(super) fn run(file: &str) -> String {
    format!(
        "\\set LAST_ERROR_SQLSTATE {NO_ERROR}\n\\unset {DONE}\n\\set ON_ERROR_STOP 0\n\
         \\set ON_ERROR_STOP {STOPS} \\i {} \\set {DONE} 1\n\
         \\set {COMPLETION} :ON_ERROR_STOP ' ' :LAST_ERROR_SQLSTATE ' ' :{{?{DONE}}}\n",
        Argument(file)
    )
}

/// Asks what psql says of the file before. The answer is a line of its own.
pub fn completion() -> String {
    format!("\\echo :{COMPLETION}\n")
}

/// What psql says of a file that it has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Did psql come to the file's end?
    pub is_done: bool,
    /// Would psql have stopped at an error, as far as the end of the file shows?
    pub stops_at_errors: bool,
    /// The code of the last statement that failed.
    pub sqlstate: Option<String>,
}

impl Completion {
    /// Takes it out of an answer that begins with it.
    pub fn take(lines: &mut Vec<String>) -> Option<Self> {
        let completion = Self::read(lines.first()?)?;
        lines.remove(0);
        Some(completion)
    }

    /// Did no statement fail, and nothing else stop psql?
    pub fn is_clean(&self) -> bool {
        self.is_done && self.sqlstate.is_none()
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (stops, sqlstate, is_done) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            is_done: is_done == "TRUE",
            stops_at_errors: stops == STOPS,
            sqlstate: Some(sqlstate)
                .filter(|code| *code != NO_ERROR)
                .map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_first_line_of_an_answer() {
        let mut lines = vec!["off 42P01 TRUE".to_owned(), "{}".to_owned()];
        let completion = Completion {
            is_done: true,
            stops_at_errors: false,
            sqlstate: Some("42P01".to_owned()),
        };
        assert_eq!(Completion::take(&mut lines), Some(completion));
        assert_eq!(lines, ["{}"]);
        assert_eq!(Completion::take(&mut lines), None);
        let clean = Completion::read("1 00000 FALSE").unwrap();
        assert_eq!((clean.is_done, clean.stops_at_errors), (false, true));
        assert_eq!(clean.sqlstate, None);
    }
}
