//! The scanner itself: SQL. Its meta-commands are read in `meta`.

use super::checkpoint::{Checkpoint, scan_from};
use super::cursor::{Continuation, Cursor};
use super::routine::Routine;
use super::{Form, Item, KEPT_WORDS, Statement, Variable};

/// Cuts a script into its statements and meta-commands, in their order.
pub fn scan(content: &[u8]) -> Vec<Item> {
    scan_from(content, Checkpoint::default())
}

pub(super) struct Scanner<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) items: Vec<Item>,
    pub(super) statement: Statement,
    pub(super) parentheses: usize,
    /// Those that are open: may a slice stand in them?
    pub(super) brackets: Vec<bool>,
    pub(super) routine: Routine,
    /// How many parentheses were open at each `\if` that is.
    pub(super) branches: Vec<usize>,
    /// Where the items of the query so far begin, if `\;` has ended statements of it already.
    pub(super) joined: Option<usize>,
    /// How many statements of the query so far take their rows from the script.
    pub(super) copies: usize,
    pub(super) strings: Strings,
}

/// How plain strings are read: `standard_conforming_strings`. psql looks at the setting once a line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Strings {
    have_escapes: bool,
    /// What holds below a line.
    next: Option<(usize, bool)>,
}

impl Strings {
    fn have_escapes(&mut self, line: usize) -> bool {
        if let Some((_, have)) = self.next.take_if(|(set, _)| *set < line) {
            self.have_escapes = have;
        }
        self.have_escapes
    }

    fn set(&mut self, line: usize, have: bool) {
        self.have_escapes(line);
        self.next = Some((line, have));
    }
}

impl Scanner<'_> {
    pub(super) fn step(&mut self, byte: u8) {
        match byte {
            // For psql a lone carriage return ends a comment too.
            b'-' if self.cursor.is_at(b"--") => {
                self.cursor.skip_to(b'\r', b'\n');
                self.cursor.take_while(|byte| !b"\r\n".contains(&byte));
            }
            b'/' if self.cursor.is_at(b"/*") => self.cursor.skip_block_comment(),
            b'\'' => {
                let have_escapes = self.strings.have_escapes(self.cursor.line());
                self.string(have_escapes);
            }
            b'"' => self.quoted_identifier(),
            b'$' => self.dollar(),
            b':' => self.variable(),
            b'\\' => self.command(),
            b';' => self.semicolon(),
            b'(' => self.parenthesis(self.parentheses + 1),
            b')' => self.parenthesis(self.parentheses.saturating_sub(1)),
            byte if is_word_start(byte) => self.identifier(),
            byte => {
                match byte {
                    // `ARRAY[:ids]` has no slices.
                    b'[' => self.brackets.push(!self.is_behind(b"array")),
                    b']' => drop(self.brackets.pop()),
                    _ => {}
                }
                if !byte.is_ascii_whitespace() {
                    self.begin_with_more();
                }
                self.cursor.next();
            }
        }
    }

    /// Does the statement have this text right before?
    fn is_behind(&self, text: &[u8]) -> bool {
        self.statement.line > 0 && self.cursor.is_behind(text, self.statement.range.start)
    }

    /// Notes where the statement begins, if it has not begun.
    fn begin(&mut self) {
        if self.statement.line == 0 {
            self.statement.line = self.cursor.line();
            self.statement.range = self.cursor.position()..self.cursor.position();
        }
    }

    /// What comes here is neither a word nor a literal.
    fn begin_with_more(&mut self) {
        self.begin();
        self.statement.has_more = true;
    }

    fn word(&mut self, word: &str) {
        let is_outside = self.parentheses == 0;
        let statement = &mut self.statement;
        statement.word_count += 1;
        // Where rows come from stands behind the first FROM: `COPY t FROM STDIN`, not
        // `COPY (SELECT * FROM stdin) TO ...`.
        if is_outside && statement.starts_with(&["COPY"]) {
            statement.copies_in |= statement.copy_words == 1 && word.eq_ignore_ascii_case("STDIN");
            let is_from = word.eq_ignore_ascii_case("FROM");
            if statement.copy_words > 0 || is_from {
                statement.copy_words += 1;
            }
        }
        if statement.words.len() < KEPT_WORDS {
            statement.words.push(word.to_ascii_uppercase());
        }
    }

    fn string(&mut self, backslash_escapes: bool) {
        self.begin();
        let line = self.cursor.line();
        self.cursor.next();
        let inside = self.cursor.take_quoted(b'\'', backslash_escapes);
        self.statement.literals.push(inside);
        if !backslash_escapes {
            return;
        }
        match self.cursor.continuation() {
            Some(Continuation::ForBoth(length)) => {
                self.cursor.skip(length);
                self.string(true);
            }
            // psql takes the next part for a string of its own.
            Some(Continuation::ForServerOnly(length)) => {
                let start = self.cursor.position() + length;
                let parts = [true, false].map(|escapes| {
                    let mut part = self.cursor.at(start + 1);
                    part.take_quoted(b'\'', escapes)
                });
                if !self.strings.have_escapes(line) && parts[0] != parts[1] {
                    self.statement.is_ambiguous = true;
                }
            }
            None => {}
        }
    }

    fn quoted_identifier(&mut self) {
        self.begin();
        self.cursor.next();
        self.cursor.take_quoted(b'"', false);
        self.word("\"");
    }

    /// `$tag$ ... $tag$`, or a parameter such as `$1`, or no more than a dollar.
    fn dollar(&mut self) {
        self.begin();
        let mut ahead = self.cursor.at(self.cursor.position() + 1);
        let tag = ahead.take_while(is_variable_part);
        let tag = self.cursor.slice(tag);
        let is_tag = tag.first().is_none_or(|first| !first.is_ascii_digit());
        if is_tag && ahead.peek() == Some(b'$') {
            let start = self.cursor.position();
            self.cursor.skip(tag.len() + 2);
            let delimiter = self.cursor.slice(start..self.cursor.position());
            let inside = self.cursor.take_until(delimiter);
            self.statement.literals.push(inside);
        } else {
            self.begin_with_more();
            self.cursor.next();
        }
    }

    fn variable(&mut self) {
        self.begin_with_more();
        let found = self.reference(self.brackets.last() == Some(&true));
        self.statement.variables.extend(found);
    }

    /// `:name`, `:'name'`, `:"name"`, `:{?name}`; but not `::`, `:=` and `a[1:2]`. A variable's
    /// quotes are no string.
    pub(super) fn reference(&mut self, is_in_brackets: bool) -> Option<Variable> {
        let line = self.cursor.line();
        let start = self.cursor.position();
        // `'key':value` is how SQL writes a JSON object.
        let is_in_brackets = is_in_brackets || self.is_behind(b"'");
        self.cursor.next();
        let mut ahead = self.cursor.at(self.cursor.position());
        let (close, form): (&[u8], _) = match ahead.peek()? {
            b':' => {
                self.cursor.next();
                return None;
            }
            b'\'' => (b"'", Form::Quoted),
            b'"' => (b"\"", Form::Quoted),
            b'{' if ahead.is_at(b"{?") => (b"}", Form::Test),
            _ if is_in_brackets => (b"", Form::Slice),
            _ => (b"", Form::Plain),
        };
        ahead.skip(match form {
            Form::Plain | Form::Slice => 0,
            Form::Quoted => 1,
            Form::Test => 2,
        });
        let range = ahead.take_while(is_variable_part);
        if range.is_empty() || !ahead.is_at(close) {
            // No variable: the colon stands alone.
            return None;
        }
        ahead.skip(close.len());
        self.cursor.skip(ahead.position() - self.cursor.position());
        let name = self.cursor.slice(range);
        // psql itself takes `:2` for a variable, but nobody means one by it.
        let is_name = name.iter().any(|byte| !byte.is_ascii_digit());
        is_name.then(|| Variable {
            name: String::from_utf8_lossy(name).into_owned(),
            form,
            range: start..self.cursor.position(),
            line,
        })
    }

    fn identifier(&mut self) {
        self.begin();
        let line = self.cursor.line();
        let range = self.cursor.take_while(is_word_part);
        // Most words stand in long lists of values, where nobody asks for them.
        if range.len() > 1 && !self.is_heard() {
            self.statement.word_count += 1;
            return;
        }
        let word = String::from_utf8_lossy(self.cursor.slice(range)).to_ascii_uppercase();
        match (word.as_str(), self.cursor.peek()) {
            ("E", Some(b'\'')) => return self.string(true),
            ("B" | "X", Some(b'\'')) => return self.string(false),
            ("N", Some(b'\'')) => {
                let have_escapes = self.strings.have_escapes(line);
                return self.string(have_escapes);
            }
            ("U", Some(b'&')) if self.cursor.is_at(b"&'") => {
                self.cursor.next();
                return self.string(false);
            }
            ("U", Some(b'&')) if self.cursor.is_at(b"&\"") => {
                self.cursor.next();
                return self.quoted_identifier();
            }
            _ => {}
        }
        self.routine.word(&word, self.parentheses == 0);
        self.word(&word);
    }

    /// May a further word of this statement matter?
    fn is_heard(&self) -> bool {
        self.statement.words.len() < KEPT_WORDS
            || self.routine.is_routine()
            || self.statement.starts_with(&["COPY"])
    }

    fn parenthesis(&mut self, depth: usize) {
        self.begin_with_more();
        self.cursor.next();
        self.parentheses = depth;
    }

    fn semicolon(&mut self) {
        self.cursor.next();
        if self.parentheses == 0 && !self.routine.is_open() {
            self.send(true);
        }
    }

    /// The query goes to the server, and its inline data after it.
    pub(super) fn send(&mut self, is_executed: bool) {
        self.end_statement();
        self.joined = None;
        self.parentheses = 0;
        self.routine = Routine::default();
        for _ in 0..std::mem::take(&mut self.copies) {
            if is_executed {
                self.cursor.expect_data();
            }
        }
    }

    /// The statement ends; what follows may still belong to the same query.
    pub(super) fn end_statement(&mut self) {
        let mut statement = std::mem::take(&mut self.statement);
        self.brackets.clear();
        self.routine.begin_statement();
        if statement.line == 0 {
            return;
        }
        statement.range.end = self.cursor.position();
        self.copies += usize::from(statement.copies_in);
        let values = statement
            .literals
            .iter()
            .map(|range| self.cursor.slice(range.clone()));
        if let Some(have) = sets_escapes(&statement, values) {
            self.strings.set(self.cursor.line(), have);
        }
        self.items.push(Item::Statement(statement));
    }

    /// `\r` throws the query away, with all that `\;` has joined.
    pub(super) fn forget_query(&mut self) {
        if let Some(first) = self.joined.take() {
            let query = self.items.split_off(first.min(self.items.len()));
            let commands = query
                .into_iter()
                .filter(|it| matches!(it, Item::Command(_)));
            self.items.extend(commands);
        }
        self.statement = Statement::default();
        self.brackets.clear();
        self.parentheses = 0;
        self.copies = 0;
        self.routine = Routine::default();
    }

    /// `\;` joins two statements, `\:` is a colon for the server.
    pub(super) fn escaped(&mut self) {
        if self.cursor.next() == Some(b';') {
            self.joined.get_or_insert(self.items.len());
            self.end_statement();
        } else {
            self.begin_with_more();
        }
    }
}

/// Does this statement say how strings are read from now on: do backslashes escape?
fn sets_escapes<'a>(
    statement: &Statement,
    literals: impl Iterator<Item = &'a [u8]>,
) -> Option<bool> {
    let mut words = statement.words.iter().map(String::as_str);
    if words.next() != Some("SET") {
        return None;
    }
    let mut words = words.filter(|word| !["SESSION", "LOCAL", "TO"].contains(word));
    if words.next() != Some("STANDARD_CONFORMING_STRINGS") {
        return None;
    }
    let value = words.next().map(str::as_bytes);
    let value = value.or(literals.last()).unwrap_or_default();
    let is_off = [&b"off"[..], b"false", b"no", b"0"]
        .iter()
        .any(|off| value.eq_ignore_ascii_case(off));
    Some(is_off)
}

pub(super) fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_variable_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit()
}

fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests;
