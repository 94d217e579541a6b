//! Scans of a script that comes in pieces: where one can stop, and the next go on.

use super::cursor::Cursor;
use super::routine::Routine;
use super::scan::{Scanner, Strings};
use super::{BYTE_ORDER_MARK, Item, Statement};

/// The items of the end of a script: of what is behind a checkpoint. Places count from there.
pub fn scan_from(content: &[u8], checkpoint: Checkpoint) -> Vec<Item> {
    let mut scanner = Scanner::resume(content, checkpoint);
    while let Some(byte) = scanner.cursor.peek() {
        scanner.step(byte);
    }
    scanner.end_statement();
    scanner.items
}

/// The same where more content follows: as far as that cannot change what is found. `None` where that
/// is nowhere, and more content is needed.
pub fn scan_ahead(content: &[u8], checkpoint: Checkpoint) -> Option<Beginning> {
    let mut scanner = Scanner::resume(content, checkpoint);
    let mut reached = scanner.reached();
    while let Some(byte) = scanner.cursor.peek() {
        scanner.step(byte);
        reached = scanner.reached().or(reached);
    }
    let (length, count, next) = reached?;
    scanner.items.truncate(count);
    Some(Beginning {
        items: scanner.items,
        length,
        next,
    })
}

/// What was found in the beginning of a script.
pub struct Beginning {
    pub items: Vec<Item>,
    /// How many bytes it has: whole lines.
    pub length: usize,
    /// Where the scan goes on behind it.
    pub next: Checkpoint,
}

/// The start of a line between two items, and what the text before it decides for what follows.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    line: usize,
    branches: Vec<usize>,
    strings: Strings,
    /// How many runs of inline data have not ended yet.
    data: usize,
}

impl Checkpoint {
    /// From 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            line: 1,
            branches: Vec::new(),
            strings: Strings::default(),
            data: 0,
        }
    }
}

impl<'a> Scanner<'a> {
    fn resume(content: &'a [u8], checkpoint: Checkpoint) -> Self {
        let is_marked = checkpoint.line == 1 && content.starts_with(BYTE_ORDER_MARK);
        let start = if is_marked { BYTE_ORDER_MARK.len() } else { 0 };
        Self {
            cursor: Cursor::resume(content, start, checkpoint.line, checkpoint.data),
            items: Vec::new(),
            statement: Statement::default(),
            parentheses: 0,
            brackets: Vec::new(),
            routine: Routine::default(),
            branches: checkpoint.branches,
            joined: None,
            copies: 0,
            strings: checkpoint.strings,
        }
    }

    /// How many bytes and items are behind the scanner, if it is at a checkpoint.
    fn reached(&self) -> Option<(usize, usize, Checkpoint)> {
        let is_between_items = self.statement.line == 0
            && self.parentheses == 0
            && self.joined.is_none()
            && self.copies == 0
            && self.routine == Routine::default();
        let (length, data) = match self.cursor.open_data() {
            None if self.cursor.is_at_line_start() => (self.cursor.position(), 0),
            found => found?,
        };
        (is_between_items && length > 0).then(|| {
            let checkpoint = Checkpoint {
                line: self.cursor.line(),
                branches: self.branches.clone(),
                strings: self.strings,
                data,
            };
            (length, self.items.len(), checkpoint)
        })
    }
}
