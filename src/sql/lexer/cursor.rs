//! A position in a script that counts its lines. Must not know any syntax beyond quoting.

use std::ops::Range;

pub(super) struct Cursor<'a> {
    content: &'a [u8],
    position: usize,
    line: usize,
    /// How many runs of inline data begin below this line: psql reads them itself, before it goes on
    /// with what is left of the line above them.
    data: usize,
    /// The last line of data, if the content ends within it, and what `data` was before it.
    cut: Option<(usize, usize)>,
    /// Did the content end within a comment of several lines?
    is_in_comment: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(content: &'a [u8], position: usize) -> Self {
        Self {
            content,
            position,
            line: 1,
            data: 0,
            cut: None,
            is_in_comment: false,
        }
    }

    /// Begins with this line of a script, where so many runs of data have not ended yet.
    pub(super) fn resume(content: &'a [u8], position: usize, line: usize, data: usize) -> Self {
        let mut cursor = Self {
            line,
            data,
            ..Self::new(content, position)
        };
        cursor.skip_data();
        cursor
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
        if byte == b'\n' {
            self.line += 1;
            self.skip_data();
        }
        Some(byte)
    }

    /// Goes on to the next of two bytes, or to the end, which is much faster than byte by byte. Where
    /// inline data may lie in between, it stays where it is.
    pub(super) fn skip_to(&mut self, one: u8, other: u8) {
        if self.data > 0 {
            return;
        }
        let rest = self.content.get(self.position..).unwrap_or_default();
        let length = memchr::memchr2(one, other, rest).unwrap_or(rest.len());
        let passed = rest.get(..length).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.position += length;
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
        let first = text.first().copied().unwrap_or_default();
        loop {
            self.skip_to(first, first);
            if self.is_at(text) {
                let inside = start..self.position;
                self.skip(text.len());
                return inside;
            }
            if self.next().is_none() {
                return start..self.position;
            }
        }
    }

    /// Goes behind a closing quote; two in a row are none. Gives the inside.
    pub(super) fn take_quoted(&mut self, quote: u8, backslash_escapes: bool) -> Range<usize> {
        let start = self.position;
        let other = if backslash_escapes { b'\\' } else { quote };
        self.skip_to(quote, other);
        while let Some(byte) = self.next() {
            if byte == b'\\' && backslash_escapes {
                self.next();
            } else if byte == quote {
                if self.peek() != Some(quote) {
                    return start..self.position - 1;
                }
                self.next();
            }
            self.skip_to(quote, other);
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

    /// Does this text stand right before, in whatever case, blanks aside, and not before a place?
    pub(super) fn is_behind(&self, text: &[u8], start: usize) -> bool {
        let before = self.content.get(start..self.position).unwrap_or_default();
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
                self.skip_to(b'*', b'/');
            }
        }
        self.is_in_comment = true;
    }

    /// Where this line ends, before its newline.
    fn line_end(&self) -> usize {
        let rest = self.content.get(self.position..).unwrap_or_default();
        memchr::memchr(b'\n', rest).map_or(self.content.len(), |length| self.position + length)
    }

    /// Notes that inline data begins below this line, or below the data that is there already, and
    /// ends with a line `\.`.
    pub(super) fn expect_data(&mut self) {
        self.data += 1;
    }

    /// Goes behind the data that begins here, as far as the content has it.
    fn skip_data(&mut self) {
        while self.data > 0 && self.position < self.content.len() {
            let end = self.line_end();
            let line = self.slice(self.position..end);
            let is_whole = end < self.content.len();
            if !is_whole {
                self.cut = Some((self.position, self.data));
            }
            self.data -= usize::from(line.strip_suffix(b"\r").unwrap_or(line) == b"\\.");
            self.position = end + usize::from(is_whole);
            self.line += usize::from(is_whole);
        }
    }

    /// Where the data begins that the content may not hold whole, and how many runs of it there are.
    pub(super) fn open_data(&self) -> Option<(usize, usize)> {
        let rest = (self.data > 0).then_some((self.position, self.data));
        self.cut.or(rest.filter(|_| self.is_at_line_start()))
    }

    /// Does a line begin here, outside of comments?
    pub(super) fn is_at_line_start(&self) -> bool {
        let before = self.position.checked_sub(1);
        let is_behind_newline = before.is_some_and(|at| self.content.get(at) == Some(&b'\n'));
        is_behind_newline && !self.is_in_comment
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
