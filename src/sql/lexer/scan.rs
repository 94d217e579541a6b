//! The scanner itself.

use super::cursor::Cursor;
use super::{Argument, BYTE_ORDER_MARK, Command, Form, Item, KEPT_WORDS, Statement, Variable};

/// Meta-commands that send the statement before them, as a semicolon would.
const SENDERS: [&str; 9] = [
    "g",
    "gx",
    "gset",
    "gexec",
    "gdesc",
    "crosstabview",
    "watch",
    "bind",
    "parse",
];

/// Cuts a script into its statements and meta-commands, in their order.
pub fn scan(content: &[u8]) -> Vec<Item> {
    let mut scanner = Scanner {
        cursor: Cursor::new(
            content,
            if content.starts_with(BYTE_ORDER_MARK) {
                BYTE_ORDER_MARK.len()
            } else {
                0
            },
        ),
        items: Vec::new(),
        statement: Statement::default(),
        parentheses: 0,
        brackets: Vec::new(),
        blocks: 0,
    };
    while let Some(byte) = scanner.cursor.peek() {
        scanner.step(byte);
    }
    scanner.end_statement();
    scanner.items
}

struct Scanner<'a> {
    cursor: Cursor<'a>,
    items: Vec<Item>,
    statement: Statement,
    parentheses: usize,
    /// Those that are open: may a slice stand in them?
    brackets: Vec<bool>,
    /// How many `BEGIN ATOMIC` and `CASE` are open in a routine's body.
    blocks: usize,
}

impl Scanner<'_> {
    fn step(&mut self, byte: u8) {
        match byte {
            b'-' if self.cursor.is_at(b"--") => {
                self.cursor.take_while(|byte| byte != b'\n');
            }
            b'/' if self.cursor.is_at(b"/*") => self.cursor.skip_block_comment(),
            b'\'' => self.string(false),
            b'"' => {
                self.begin();
                self.cursor.next();
                self.cursor.take_quoted(b'"', false);
                self.word("\"");
            }
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
                    b'[' => self.brackets.push(!self.cursor.is_behind(b"array")),
                    b']' => drop(self.brackets.pop()),
                    _ => {}
                }
                if !byte.is_ascii_whitespace() {
                    self.begin();
                }
                self.cursor.next();
            }
        }
    }

    /// Notes where the statement begins, if it has not begun.
    fn begin(&mut self) {
        if self.statement.line == 0 {
            self.statement.line = self.cursor.line();
            self.statement.range = self.cursor.position()..self.cursor.position();
        }
    }

    fn word(&mut self, word: &str) {
        self.statement.word_count += 1;
        let statement = &mut self.statement;
        statement.copies_in |= statement.is_behind_from
            && word.eq_ignore_ascii_case("STDIN")
            && statement.starts_with(&["COPY"]);
        statement.is_behind_from = word.eq_ignore_ascii_case("FROM");
        if self.statement.words.len() < KEPT_WORDS {
            self.statement.words.push(word.to_ascii_uppercase());
        }
    }

    fn string(&mut self, backslash_escapes: bool) {
        self.begin();
        self.cursor.next();
        let inside = self.cursor.take_quoted(b'\'', backslash_escapes);
        self.statement.literals.push(inside);
    }

    /// `$tag$ ... $tag$`, or a parameter such as `$1`.
    fn dollar(&mut self) {
        self.begin();
        let start = self.cursor.position();
        self.cursor.next();
        self.cursor
            .take_while(|byte| is_word_part(byte) && byte != b'$');
        let tag = self.cursor.slice(start..self.cursor.position());
        let is_tag = tag.get(1).is_none_or(|first| !first.is_ascii_digit());
        if is_tag && self.cursor.peek() == Some(b'$') {
            self.cursor.next();
            let delimiter = self.cursor.slice(start..self.cursor.position());
            let inside = self.cursor.take_until(delimiter);
            self.statement.literals.push(inside);
        }
    }

    fn variable(&mut self) {
        self.begin();
        let found = self.reference(self.brackets.last() == Some(&true));
        self.statement.variables.extend(found);
    }

    /// `:name`, `:'name'`, `:"name"`, `:{?name}`; but not `::`, `:=` and `a[1:2]`. A variable's
    /// quotes are no string.
    fn reference(&mut self, is_in_brackets: bool) -> Option<Variable> {
        let line = self.cursor.line();
        let start = self.cursor.position();
        // `'key':value` is how SQL writes a JSON object.
        let is_in_brackets = is_in_brackets || self.cursor.is_behind(b"'");
        self.cursor.next();
        let (range, form) = match self.cursor.peek()? {
            b':' => {
                self.cursor.skip(1);
                return None;
            }
            quote @ (b'\'' | b'"') => {
                self.cursor.next();
                (self.cursor.take_quoted(quote, false), Form::Quoted)
            }
            b'{' if self.cursor.is_at(b"{?") => {
                self.cursor.skip(2);
                let range = self.cursor.take_while(is_variable_part);
                self.cursor.take_while(|byte| byte == b'}');
                (range, Form::Test)
            }
            _ => (
                self.cursor.take_while(is_variable_part),
                if is_in_brackets {
                    Form::Slice
                } else {
                    Form::Plain
                },
            ),
        };
        let name = self.cursor.slice(range);
        // psql itself takes `:2` for a variable, but nobody means one by it.
        let is_name = name.iter().any(|byte| !byte.is_ascii_digit())
            && name.iter().copied().all(is_variable_part);
        is_name.then(|| Variable {
            name: String::from_utf8_lossy(name).into_owned(),
            form,
            range: start..self.cursor.position(),
            line,
        })
    }

    fn identifier(&mut self) {
        self.begin();
        let range = self.cursor.take_while(is_word_part);
        let word = String::from_utf8_lossy(self.cursor.slice(range)).to_ascii_uppercase();
        if self.cursor.peek() == Some(b'\'') && ["E", "B", "X", "N"].contains(&word.as_str()) {
            return self.string(word == "E");
        }
        self.count_block(&word);
        self.word(&word);
    }

    /// psql counts BEGIN, CASE and END in the definition of a routine, because the semicolons of
    /// a `BEGIN ATOMIC` body do not end the statement.
    fn count_block(&mut self, word: &str) {
        let is_routine = self.statement.starts_with(&["CREATE"])
            && self
                .statement
                .words
                .iter()
                .take(4)
                .any(|word| word == "FUNCTION" || word == "PROCEDURE");
        if !is_routine || self.parentheses > 0 {
            return;
        }
        match word {
            "BEGIN" => self.blocks += 1,
            "CASE" if self.blocks > 0 => self.blocks += 1,
            "END" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }

    fn parenthesis(&mut self, depth: usize) {
        self.begin();
        self.cursor.next();
        self.parentheses = depth;
    }

    fn semicolon(&mut self) {
        self.cursor.next();
        if self.parentheses == 0 && self.blocks == 0 {
            let is_copy = self.statement.copies_in;
            self.end_statement();
            if is_copy {
                self.cursor.skip_copy_data();
            }
        }
    }

    fn end_statement(&mut self) {
        let mut statement = std::mem::take(&mut self.statement);
        self.parentheses = 0;
        self.brackets.clear();
        self.blocks = 0;
        if statement.line > 0 {
            statement.range.end = self.cursor.position();
            self.items.push(Item::Statement(statement));
        }
    }

    fn command(&mut self) {
        let start = self.cursor.position();
        let line = self.cursor.line();
        self.cursor.next();
        // `\;` and `\:` are a semicolon and a colon for the server.
        if let Some(b';' | b':') = self.cursor.peek() {
            let is_semicolon = self.cursor.next() == Some(b';');
            return if is_semicolon {
                self.end_statement()
            } else {
                self.begin()
            };
        }
        let name = self
            .cursor
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_!?+".contains(&byte));
        let name = String::from_utf8_lossy(self.cursor.slice(name)).into_owned();
        let mut variables = Vec::new();
        let arguments = match name.as_str() {
            // The rest of the line, whatever it is, is for a program.
            "!" => {
                self.cursor.take_while(|byte| byte != b'\n');
                vec![]
            }
            _ => self.arguments(&mut variables),
        };
        let range = start..self.cursor.position();
        let mut has_data = is_inline_copy(&name, self.cursor.slice(range.clone()));
        if SENDERS.contains(&name.as_str()) {
            has_data |= self.statement.copies_in;
            self.end_statement();
        }
        let command = Command {
            name,
            arguments,
            variables,
            line,
            range,
        };
        self.items.push(Item::Command(command));
        if has_data {
            self.cursor.skip_copy_data();
        }
    }

    /// Up to the end of the line, or to `\` where the next meta-command begins.
    fn arguments(&mut self, variables: &mut Vec<Variable>) -> Vec<Argument> {
        let mut arguments = Vec::new();
        loop {
            self.cursor
                .take_while(|byte| byte.is_ascii_whitespace() && byte != b'\n');
            match self.cursor.peek() {
                None | Some(b'\n') => return arguments,
                Some(b'\\') => {
                    if self.cursor.is_at(b"\\\\") {
                        self.cursor.skip(2);
                    }
                    return arguments;
                }
                Some(_) => arguments.push(self.argument(variables)),
            }
        }
    }

    fn argument(&mut self, variables: &mut Vec<Variable>) -> Argument {
        let mut argument = Argument {
            text: Vec::new(),
            is_literal: true,
        };
        while let Some(byte) = self.cursor.peek() {
            match byte {
                b'\\' => break,
                byte if byte.is_ascii_whitespace() => break,
                b'\'' | b'"' => {
                    let inside = self.cursor.take_quoted_in_line(byte, byte == b'\'');
                    argument
                        .text
                        .extend(unescape(self.cursor.slice(inside), byte));
                }
                b'`' => {
                    self.cursor.take_quoted_in_line(b'`', false);
                    argument.is_literal = false;
                }
                // Further behind it is a colon in a text: `\echo Step:done`, `\echo 12:30`.
                b':' if argument.text.is_empty() && argument.is_literal => {
                    argument.is_literal = false;
                    let start = self.cursor.position();
                    variables.extend(self.reference(false));
                    let written = start..self.cursor.position();
                    argument.text.extend(self.cursor.slice(written));
                }
                byte => {
                    argument.is_literal &= byte != b':';
                    argument.text.push(byte);
                    self.cursor.next();
                }
            }
        }
        argument
    }
}

/// Undoes the quoting inside an argument's quotes.
fn unescape(inside: &[u8], quote: u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quote == b'\'' => text.extend(bytes.next().map(|escaped| match escaped {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                other => other,
            })),
            byte if byte == quote => {
                text.push(byte);
                bytes.next();
            }
            byte => text.push(byte),
        }
    }
    text
}

/// `\copy ... from stdin`, in the words of psql's own parser: blanks, quotes and parentheses apart.
fn is_inline_copy(name: &str, text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_lowercase();
    let words: Vec<_> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    name == "copy" && words.windows(2).any(|pair| pair == ["from", "stdin"])
}

fn is_word_start(byte: u8) -> bool {
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
