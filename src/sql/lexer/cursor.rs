//! A position in a script that counts its lines. Must not know any syntax beyond quoting.

use std::ops::Range;

pub(super) struct Cursor<'a> {
    content: &'a [u8],
    position: usize,
    line: usize,
    /// Inline data below the line where the scanner is.
    data: Option<Data>,
}

/// Lines that psql reads itself, before it goes on with what is left of the line above them.
#[derive(Clone, Copy)]
struct Data {
    start: usize,
    end: usize,
    lines: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(content: &'a [u8], position: usize) -> Self {
        Self {
            content,
            position,
            line: 1,
            data: None,
        }
    }

    /// A look at another place, which moves nothing here.
    pub(super) fn at(&self, position: usize) -> Self {
        Self::new(self.content, position)
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

    /// Goes on by one byte and gives it. Inline data counts as no part of the script.
    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        self.line += usize::from(byte == b'\n');
        if let Some(data) = self.data.take_if(|data| data.start == self.position) {
            self.position = data.end;
            self.line += data.lines;
        }
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
        let mut line = Cursor {
            content: self.content.get(..self.line_end()).unwrap_or_default(),
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

    /// Where this line ends, before its newline.
    fn line_end(&self) -> usize {
        self.end_of_line_at(self.position)
    }

    fn end_of_line_at(&self, position: usize) -> usize {
        let rest = self.content.get(position..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(self.content.len(), |length| position + length)
    }

    /// Notes that inline data begins below this line, or below the data that is there already, and
    /// ends with a line `\.`.
    pub(super) fn expect_data(&mut self) {
        let start = (self.line_end() + 1).min(self.content.len());
        let mut data = self.data.unwrap_or(Data {
            start,
            end: start,
            lines: 0,
        });
        while data.end < self.content.len() {
            let end = self.end_of_line_at(data.end);
            let line = self.slice(data.end..end);
            data.end = (end + 1).min(self.content.len());
            data.lines += usize::from(end < self.content.len());
            if line.strip_suffix(b"\r").unwrap_or(line) == b"\\." {
                break;
            }
        }
        self.data = Some(data);
    }

    /// Is the string that ended here continued after a line's end? Goes behind the opening quote of
    /// the next part, if so, and tells whether psql goes there too: it sees one line at a time, and
    /// only a lone carriage return within it as the end of a line.
    pub(super) fn continuation(&self) -> Option<Continuation> {
        let rest = self.content.get(self.position..)?;
        let mut bytes = rest.iter().copied().enumerate().peekable();
        let mut returns = false;
        let mut newlines = false;
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\'' if newlines => return Some(Continuation::ForServerOnly(at)),
                b'\'' if returns => return Some(Continuation::ForBoth(at)),
                b'\n' => newlines = true,
                b'\r' => returns = true,
                b' ' | b'\t' | b'\x0c' => {}
                b'-' if bytes.peek().is_some_and(|(_, next)| *next == b'-') => {
                    while bytes.next_if(|(_, byte)| !b"\r\n".contains(byte)).is_some() {}
                }
                _ => return None,
            }
        }
        None
    }
}

/// A string that goes on after the end of a line, so many bytes further.
pub(super) enum Continuation {
    ForServerOnly(usize),
    ForBoth(usize),
}
