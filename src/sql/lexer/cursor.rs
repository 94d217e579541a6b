//! A position in a script that counts its lines. Must not know any syntax beyond quoting.

use std::ops::Range;

pub(super) struct Cursor<'a> {
    content: &'a [u8],
    position: usize,
    line: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(content: &'a [u8], position: usize) -> Self {
        Self {
            content,
            position,
            line: 1,
        }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.content.get(range).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.content.get(self.position).copied()
    }

    pub(super) fn is_at(&self, text: &[u8]) -> bool {
        self.content
            .get(self.position..)
            .is_some_and(|rest| rest.starts_with(text))
    }

    /// Goes on by one byte and gives it.
    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    pub(super) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next();
        }
    }

    /// Goes on while the bytes are of a kind; gives where they were.
    pub(super) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.position;
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
        start..self.position
    }

    /// Goes behind the next occurrence of a text, or to the end; gives what was before it.
    pub(super) fn take_until(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.position;
        while self.position < self.content.len() {
            if self.is_at(text) {
                let inside = start..self.position;
                self.skip(text.len());
                return inside;
            }
            self.next();
        }
        start..self.position
    }

    /// Goes behind a closing quote; two in a row are none. Gives the inside.
    pub(super) fn take_quoted(&mut self, quote: u8, backslash_escapes: bool) -> Range<usize> {
        let start = self.position;
        while let Some(byte) = self.next() {
            if byte == b'\\' && backslash_escapes {
                self.next();
            } else if byte == quote {
                if self.peek() != Some(quote) {
                    return start..self.position - 1;
                }
                self.next();
            }
        }
        start..self.position
    }

    /// The same from the opening quote on, but not beyond the end of the line.
    pub(super) fn take_quoted_in_line(
        &mut self,
        quote: u8,
        backslash_escapes: bool,
    ) -> Range<usize> {
        self.next();
        let rest = self.content.get(self.position..).unwrap_or_default();
        let line_end = rest.iter().position(|byte| *byte == b'\n');
        let end = line_end.map_or(self.content.len(), |length| self.position + length);
        let mut line = Cursor {
            content: self.content.get(..end).unwrap_or_default(),
            ..*self
        };
        let inside = line.take_quoted(quote, backslash_escapes);
        self.position = line.position;
        inside
    }

    /// Does this text stand right before, in whatever case, blanks aside?
    pub(super) fn is_behind(&self, text: &[u8]) -> bool {
        let before = self.content.get(..self.position).unwrap_or_default();
        let before = before.trim_ascii_end();
        before
            .len()
            .checked_sub(text.len())
            .and_then(|start| before.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(text))
    }

    /// Goes behind a comment that may hold others.
    pub(super) fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.peek().is_some() {
            if self.is_at(b"/*") {
                depth += 1;
                self.skip(2);
            } else if self.is_at(b"*/") {
                depth = depth.saturating_sub(1);
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.next();
            }
        }
    }

    /// Goes behind the lines of inline data and their end, a line `\.`.
    pub(super) fn skip_copy_data(&mut self) {
        // What is left of the statement's own line is no data.
        self.take_until(b"\n");
        while self.peek().is_some() {
            let line = self.take_until(b"\n");
            let line = self.slice(line);
            if line.strip_suffix(b"\r").unwrap_or(line) == b"\\." {
                return;
            }
        }
    }
}
