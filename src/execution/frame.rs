//! The lines of SQL around an error.
//! Pure; nushell cannot show sources that it did not read itself, so this is text.

use std::fmt;

use crate::psql::message::Pointer;
use crate::psql::secrets;

/// How many lines are shown before and after the one in question.
const LINES_AROUND: usize = 2;
/// nushell wraps a message at the terminal's width; a longer line would break the frame.
const WIDTH: usize = 66;

/// A few lines of a file, one of them marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The file, as the user knows it.
    pub file: String,
    /// The marked line, from 1.
    pub line: usize,
    lines: Vec<String>,
    first: usize,
}

impl Frame {
    /// Shows where a statement failed that ended at `end`.
    ///
    /// psql names the line where the statement ended and the server the one it stumbled over,
    /// counted from the statement's start, with its text. That line is the nearest above the
    /// end with this text. Of a large file `content` is the part around it, which begins with the
    /// line `start`.
    pub fn new(
        file: String,
        (start, content): (usize, &[u8]),
        end: usize,
        pointer: Option<&Pointer>,
    ) -> Self {
        let text = String::from_utf8_lossy(content);
        let lines: Vec<_> = text.lines().collect();
        let before = start.saturating_sub(1);
        let end = end.saturating_sub(before).clamp(1, lines.len().max(1));
        let line = pointer
            .and_then(|pointer| nearest_above(&lines, end, pointer))
            .unwrap_or(end);
        let first = line.saturating_sub(LINES_AROUND).max(1);
        // Messages are kept in the ledger and in tickets.
        let hidden = secrets::hide(&text);
        let lines = hidden
            .lines()
            .skip(first - 1)
            .take(line + 1 - first + LINES_AROUND)
            .map(crop)
            .collect();
        Self {
            file,
            line: line + before,
            lines,
            first: first + before,
        }
    }
}

fn nearest_above(lines: &[&str], end: usize, pointer: &Pointer) -> Option<usize> {
    let wanted = pointer
        .text
        .trim_start_matches("...")
        .trim_end_matches("...")
        .trim();
    if wanted.is_empty() {
        return None;
    }
    let is_cropped = pointer.text.starts_with("...") || pointer.text.ends_with("...");
    let above = lines.get(..end)?;
    let is_it = |line: &&str| {
        if is_cropped {
            line.contains(wanted)
        } else {
            line.trim() == wanted
        }
    };
    above.iter().rposition(is_it).map(|index| index + 1)
}

fn crop(line: &str) -> String {
    let line = line.replace('\t', "    ");
    match line.char_indices().nth(WIDTH) {
        None => line.trim_end().to_owned(),
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, line {}:", self.file, self.line)?;
        let digits = (self.first + self.lines.len()).to_string().len();
        for (number, line) in (self.first..).zip(&self.lines) {
            let mark = if number == self.line { '>' } else { ' ' };
            write!(formatter, "\n{mark} {number:digits$} | {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"SELECT 1;\n\nSELECT a,\n  nope\nFROM t\nWHERE true;\n";

    fn pointer(line: usize, text: &str) -> Pointer {
        Pointer {
            line,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let file = b"ALTER ROLE a\nPASSWORD\n's3\ncret'\nVALID UNTL 'now';\n";
        let frame = Frame::new(
            "a.sql".to_owned(),
            (1, file),
            5,
            Some(&pointer(5, "VALID UNTL 'now';")),
        );
        assert_eq!(
            frame.to_string(),
            "a.sql, line 5:\n  3 | '***'\n  4 |\n> 5 | VALID UNTL 'now';".replace("4 |", "4 | ")
        );
    }

    #[test]
    fn the_line_the_server_points_at() {
        let frame = Frame::new(
            "a.sql".to_owned(),
            (1, FILE),
            6,
            Some(&pointer(2, "  nope")),
        );
        assert_eq!(
            frame.to_string(),
            "a.sql, line 4:\n  2 | \n  3 | SELECT a,\n> 4 |   nope\n  5 | FROM t\n  6 | WHERE true;"
        );
    }

    #[test]
    fn a_line_that_only_contains_the_text_is_another() {
        let file = b"SELECT\n  idd\nFROM t\nWHERE idd2 = 1;\n";
        assert_eq!(
            Frame::new("a.sql".to_owned(), (1, file), 4, Some(&pointer(2, "  idd"))).line,
            2
        );
    }

    #[test]
    fn without_a_pointer_the_end_of_the_statement() {
        for hint in [
            None,
            Some(pointer(1, "text from inside a function")),
            Some(pointer(1, "...")),
        ] {
            assert_eq!(
                Frame::new("a.sql".to_owned(), (1, FILE), 6, hint.as_ref()).line,
                6
            );
        }
    }

    #[test]
    fn odd_files_do_no_harm() {
        for (content, end) in [(&b""[..], 0), (b"", 9), (b"\xFF\xFE", 1), (b"x", 7)] {
            let frame = Frame::new(
                "a.sql".to_owned(),
                (1, content),
                end,
                Some(&pointer(9, "y")),
            );
            assert_eq!(frame.line, 1);
        }
        let long = format!("{}ü", "ä".repeat(100));
        let frame = Frame::new("a.sql".to_owned(), (1, long.as_bytes()), 1, None).to_string();
        assert!(
            frame.lines().all(|line| line.chars().count() < 75),
            "{frame}"
        );
    }
}
