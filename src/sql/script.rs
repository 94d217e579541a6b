//! A script as the judges of SQL see it: its text with what the lexer finds in it.
//! A large one comes in pieces, so that its size costs no memory. Must not open files.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::sql::lexer::{Beginning, Checkpoint, Item, scan, scan_ahead, scan_from};

/// A script, or a piece of one that begins and ends between two items.
#[derive(Debug, Clone)]
pub struct Script<'a> {
    pub path: &'a Path,
    /// What the ranges of the items count in.
    pub content: &'a [u8],
    /// Their lines count in the whole file.
    pub items: Cow<'a, [Item]>,
    /// Where the content begins in the file.
    pub offset: usize,
    /// The line where it begins, from 1.
    pub line: usize,
    /// Is it a piece of a large script?
    pub is_piece: bool,
}

impl<'a> Script<'a> {
    pub fn new(path: &'a Path, content: &'a [u8]) -> Self {
        Self::scanned(path, content, scan(content).into())
    }

    /// The same of a text that was read before.
    pub fn scanned(path: &'a Path, content: &'a [u8], items: Cow<'a, [Item]>) -> Self {
        Self {
            path,
            content,
            items,
            offset: 0,
            line: 1,
            is_piece: false,
        }
    }

    /// The text of a statement, a literal or another part.
    pub fn text(&self, range: &Range<usize>) -> &'a [u8] {
        self.content.get(range.clone()).unwrap_or_default()
    }

    /// The line of a byte of the content, from 1.
    pub fn line_of(&self, at: usize) -> usize {
        let before = self.content.get(..at).unwrap_or_default();
        self.line + memchr::memchr_iter(b'\n', before).count()
    }

    /// Where a part of the content is in the file.
    pub fn in_file(&self, range: &Range<usize>) -> Range<usize> {
        range.start + self.offset..range.end + self.offset
    }
}

/// How much of a large script is in memory at once, unless a statement or a line is longer: psql holds
/// those as well.
const WINDOW: usize = 1 << 20;

/// Hands over a script piece by piece.
///
/// # Errors
/// It cannot be read to its end; the pieces before that were handed over.
pub fn pieces(path: &Path, file: impl Read, each: impl FnMut(&Script<'_>)) -> io::Result<()> {
    pieces_in_windows(path, file, WINDOW, each)
}

/// The same with another size of the window, for tests.
pub fn pieces_in_windows(
    path: &Path,
    mut file: impl Read,
    window: usize,
    mut each: impl FnMut(&Script<'_>),
) -> io::Result<()> {
    let mut text = Vec::new();
    let mut offset = 0;
    let mut checkpoint = Checkpoint::default();
    loop {
        // Twice as much where one window was not enough, so that a long statement is read again only
        // a few times.
        let more = text.len().max(window);
        let read = (&mut file).take(more as u64).read_to_end(&mut text)?;
        let is_end = read < more;
        let beginning = if is_end {
            Beginning {
                items: scan_from(&text, checkpoint.clone()),
                length: text.len(),
                next: checkpoint.clone(),
            }
        } else {
            match scan_ahead(&text, checkpoint.clone()) {
                Some(beginning) => beginning,
                None => continue,
            }
        };
        each(&Script {
            path,
            content: text.get(..beginning.length).unwrap_or_default(),
            items: beginning.items.into(),
            offset,
            line: checkpoint.line(),
            is_piece: true,
        });
        if is_end {
            return Ok(());
        }
        offset += beginning.length;
        checkpoint = beginning.next;
        text.drain(..beginning.length);
    }
}

/// An example for tests.
#[cfg(test)]
pub fn script(content: &str) -> Script<'_> {
    Script::new(Path::new("/db/a.sql"), content.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of a script that is read in windows of this size, as if it were read at once.
    fn in_pieces(text: &[u8], window: usize) -> Vec<Item> {
        let mut all = Vec::new();
        let mut end = 0;
        pieces_in_windows(Path::new("a.sql"), text, window, |piece| {
            assert_eq!(piece.offset, end);
            end += piece.content.len();
            assert_eq!(text.get(piece.offset..end), Some(piece.content));
            assert_eq!(
                piece.line,
                Script::new(piece.path, text).line_of(piece.offset)
            );
            all.extend(
                piece
                    .items
                    .iter()
                    .cloned()
                    .map(|item| moved(item, piece.offset)),
            );
        })
        .unwrap();
        assert_eq!(end, text.len());
        all
    }

    fn moved(mut item: Item, by: usize) -> Item {
        let shift = |range: &mut Range<usize>| *range = range.start + by..range.end + by;
        let variables = match &mut item {
            Item::Statement(statement) => {
                shift(&mut statement.range);
                statement.literals.iter_mut().for_each(shift);
                &mut statement.variables
            }
            Item::Command(command) => {
                shift(&mut command.range);
                &mut command.variables
            }
        };
        for variable in variables {
            shift(&mut variable.range);
        }
        item
    }

    const SCRIPTS: [&str; 14] = [
        "",
        "SELECT 1",
        "\u{feff}SELECT 1;\nSELECT 'a\nb'; SELECT 2;\n\nSELECT 3;\n",
        "-- a\n/* b\n/* c */\n*/\nSELECT $$ d;\n; $$, E'\\'\n;', \"e\n;\";\nSELECT 1;\n",
        "COPY t FROM stdin;\n1\n;'\n\\.\nSELECT 1;\nCOPY t FROM stdin;\n\\.\r\nSELECT 2;\n",
        "COPY t FROM stdin; SELECT 'x\n1\n\\.\ny'; SELECT :z;\nSELECT 1;\n",
        "COPY t FROM stdin\\; COPY u FROM stdin;\n1\n\\.\n2\n\\.\nSELECT 1;\n",
        "\\copy t from stdin\n1\n\\.\n\\copy t from stdin\n2\n3",
        "COPY t FROM stdin;\n1\n2\n\\.",
        "\\if :a\nSELECT (1\n\\else\nSELECT (2\n\\endif\n);\nSELECT :b \\gset\n\\ir c.sql\n",
        "SET standard_conforming_strings = off;\nSELECT '\\'\n;';\nSELECT 1;\n",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\nSELECT 1;\nSELECT 2;\nEND;\nSELECT 3;\n",
        "SELECT 1 \\; SELECT 2\n;\nSELECT a[1\n:n];\n\\r\nSELECT 'it''s'\n'on';\n",
        "SELECT 1;\r\n\\echo 'ü' :'ä'\r\nSELECT 'ö';\r\n",
    ];

    #[test]
    fn scripts_in_pieces_are_the_same_scripts_and_so_is_any_behind_any_other() {
        let pairs = SCRIPTS
            .iter()
            .flat_map(|one| SCRIPTS.map(|other| format!("{one}\n{other}\n{one}")));
        for script in pairs.chain(SCRIPTS.map(str::to_owned)) {
            let script = script.as_bytes();
            for window in [1, 2, 3, 5, 7, 11, 20, 30, 50] {
                assert_eq!(in_pieces(script, window), scan(script), "{window}");
            }
        }
    }

    #[test]
    fn a_window_holds_no_more_than_the_longest_statement_needs() {
        let statement = "INSERT INTO t VALUES (1);\n";
        let data = format!("COPY t FROM stdin;\n{}\\.\n", "1\n".repeat(5_000));
        let script = statement.repeat(1_000) + &data + &statement.repeat(1_000);
        let mut longest = 0;
        let mut items = 0;
        pieces_in_windows(Path::new("a.sql"), script.as_bytes(), 100, |piece| {
            longest = longest.max(piece.content.len());
            items += piece.items.len();
        })
        .unwrap();
        assert_eq!(items, 2_001);
        assert!(longest <= 200, "{longest}");
    }
}
