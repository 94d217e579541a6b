//! A script that comes in pieces, reduced to what the linter has something to say about: rows are left
//! out, and every line stays where it is.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use memchr::memmem;

use super::{Statement, lint};
use crate::sql::lexer::{Item, Statement as Scanned};
use crate::sql::script::Script;

/// A longer INSERT, or gap between items, is rows or prose.
const LONGEST: usize = 64 * 1024;

/// A text of more than this is linted before more comes: the linter's trees are large.
const LARGEST: usize = 16 << 20;

/// Lints a script, whole or piece by piece.
pub struct Linting {
    major: Option<u32>,
    is_in_transaction: bool,
    text: Vec<u8>,
    /// The line where it begins.
    line: usize,
    /// What the INSERTs of rows that were kept begin with: one of each tells what they use.
    inserts: BTreeSet<Vec<u8>>,
    is_in_data: bool,
    is_utf8: bool,
    found: Vec<Statement>,
}

impl Linting {
    /// See [`lint`].
    pub fn new(major: Option<u32>, is_in_transaction: bool) -> Self {
        Self {
            major,
            is_in_transaction,
            text: Vec::new(),
            line: 1,
            inserts: BTreeSet::new(),
            is_in_data: false,
            is_utf8: true,
            found: Vec::new(),
        }
    }

    /// Goes on with a script or its next piece.
    pub fn take(&mut self, script: &Script<'_>) {
        if !script.is_piece {
            self.found = lint(script, self.major, self.is_in_transaction);
            return;
        }
        self.is_utf8 &= std::str::from_utf8(script.content).is_ok();
        if self.text.len() > LARGEST {
            self.lint_text(script.line);
        }
        let mut end = 0;
        for item in script.items.iter() {
            let range = item.range();
            self.gap(script, end..range.start);
            self.item(script, item);
            end = range.end;
        }
        self.gap(script, end..script.content.len());
    }

    pub fn finish(mut self) -> Vec<Statement> {
        self.lint_text(self.line);
        if self.is_utf8 { self.found } else { vec![] }
    }

    fn lint_text(&mut self, next_line: usize) {
        let text = std::mem::take(&mut self.text);
        let script = Script {
            line: self.line,
            ..Script::new(Path::new(""), &text)
        };
        if !text.is_empty() {
            let found = lint(&script, self.major, self.is_in_transaction);
            self.found.extend(found);
        }
        self.line = next_line;
    }

    fn item(&mut self, script: &Script<'_>, item: &Item) {
        let text = script.text(item.range());
        let is_kept = match item {
            Item::Statement(statement) => self.is_kept(statement, text),
            Item::Command(_) => true,
        };
        if is_kept {
            self.text.extend(text);
        } else {
            self.lines(text);
        }
        self.is_in_data = match item {
            Item::Statement(statement) => statement.copies_in,
            Item::Command(command) => self.is_in_data || command.name == "copy",
        };
    }

    fn is_kept(&mut self, statement: &Scanned, text: &[u8]) -> bool {
        if !statement.starts_with(&["INSERT"]) {
            return true;
        }
        // A query may use other objects than the one before; rows do not.
        let lower_case = text.to_ascii_lowercase();
        let at = |word: &[u8]| memmem::find(&lower_case, word);
        let (Some(end), None) = (at(b"values"), at(b"select")) else {
            return true;
        };
        let beginning = text.get(..end).unwrap_or_default().to_vec();
        text.len() <= LONGEST && self.inserts.insert(beginning)
    }

    /// What stands between two items: comments, or the data of a COPY, of which the end is kept.
    fn gap(&mut self, script: &Script<'_>, range: Range<usize>) {
        let text = script.text(&range);
        let data_end = if self.is_in_data {
            end_of_data(text)
        } else {
            Some(0)
        };
        let Some(data_end) = data_end else {
            return self.lines(text);
        };
        let (data, comments) = text.split_at(data_end);
        if !data.is_empty() {
            self.lines(data);
            self.text.pop();
            self.text.extend(b"\\.\n");
        }
        self.is_in_data = false;
        if comments.len() <= LONGEST {
            self.text.extend(comments);
        } else {
            self.lines(comments);
        }
    }

    fn lines(&mut self, text: &[u8]) {
        self.text
            .extend(memchr::memchr_iter(b'\n', text).map(|_| b'\n'));
    }
}

/// Where the data ends in a text, behind its line `\.`.
fn end_of_data(text: &[u8]) -> Option<usize> {
    let mut end = 0;
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.find_map(|line| {
        end += line.len();
        (line.trim_ascii_end() == b"\\.").then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::{pieces_in_windows, script};

    /// What is found in a script, whole and in pieces.
    fn both(text: &str, window: usize) -> [Vec<String>; 2] {
        let whole = lint(&script(text), Some(15), true);
        let mut linting = Linting::new(Some(15), true);
        let take = |piece: &Script<'_>| linting.take(piece);
        pieces_in_windows(Path::new("a.sql"), text.as_bytes(), window, take).unwrap();
        [whole, linting.finish()].map(|statements| {
            let found = statements.into_iter().flat_map(|found| found.violations);
            found
                .map(|found| format!("{} {}", found.line, found.rule))
                .collect()
        })
    }

    #[test]
    fn rows_are_left_out_and_what_they_go_into_is_not() {
        let text = "INSERT INTO \"a\" VALUES (1);\nINSERT INTO \"b\" VALUES (1);\n\
                    INSERT INTO \"b\" VALUES (2);\nINSERT INTO t SELECT * FROM c;\n\
                    INSERT INTO t SELECT * FROM d;\n";
        let mut linting = Linting::new(Some(15), true);
        let take = |piece: &Script<'_>| linting.take(piece);
        pieces_in_windows(Path::new("a.sql"), text.as_bytes(), 10, take).unwrap();
        let kept = String::from_utf8(linting.text).unwrap();
        assert_eq!(kept, text.replace("INSERT INTO \"b\" VALUES (2);", ""));
    }

    #[test]
    fn pieces_are_linted_as_the_whole() {
        let rows = "INSERT INTO a VALUES (1);\n".repeat(20);
        let text = format!(
            "CREATE TABLE a (i bigint);\n{rows}COPY a FROM stdin; -- x\n1\nDROP TABLE a;\n\\.\n-- c\n\
             ALTER TABLE old ADD CONSTRAINT c CHECK (i > 0) NOT VALID;\n{rows}\
             CREATE INDEX i ON a (i);\nDROP TABLE b;\n-- squawk-ignore ban-drop-table\nDROP TABLE c;\n\
             \\copy a from stdin\n2\n\\.\nALTER TABLE old VALIDATE CONSTRAINT c;\n\
             COPY a FROM stdin \\g\n3\n\\.\nDROP TABLE :d;\nDROP TABLE e;\n"
        );
        for window in [1, 10, 30, 50, 100, 200, 400, 5_000] {
            let [whole, pieces] = both(&text, window);
            assert_eq!(pieces, whole, "{window}");
            assert!(whole.contains(&"49 ban-drop-table".to_owned()), "{whole:?}");
        }
    }
}
