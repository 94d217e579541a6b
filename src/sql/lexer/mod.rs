//! Cuts a psql script into statements and meta-commands, as psql's own scanner does.
//! Pure, linear, works on bytes of any ASCII-compatible encoding; must not judge what it finds.
//!
//! It knows strings in all their forms, dollar quotes, nested comments, quoted identifiers, psql
//! variables, inline COPY data and `BEGIN ATOMIC` bodies (PostgreSQL's `psqlscan.l`).

mod checkpoint;
mod copy;
mod cursor;
mod meta;
mod routine;
mod scan;

use std::ops::Range;

pub use checkpoint::{Beginning, Checkpoint, scan_ahead, scan_from};
pub use copy::copied_from;
pub use scan::scan;

/// What some editors put before UTF-8 text; psql skips it.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How many words of a statement are kept: enough for every statement that matters here.
const KEPT_WORDS: usize = 16;

/// A part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Statement(Statement),
    Command(Command),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its first words outside of quotes, in upper case.
    pub words: Vec<String>,
    /// The line of its first word, from 1.
    pub line: usize,
    /// Its bytes, from the first word to the end, with the semicolon if there is one.
    pub range: Range<usize>,
    /// The insides of its string literals and dollar quotes.
    pub literals: Vec<Range<usize>>,
    pub variables: Vec<Variable>,
    /// Does it take its rows from the script itself: `COPY ... FROM STDIN`?
    pub copies_in: bool,
    /// How many words it has in all.
    word_count: usize,
    /// Has it more than words and literals: a number, an operator, a variable, a meta-command?
    has_more: bool,
    /// How many words of a COPY are read from its first FROM on.
    copy_words: usize,
    /// Has it an E'' string that goes on in the next line with an escaped quote? psql sees single
    /// lines and cuts it where the server does not.
    pub is_ambiguous: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name, without the backslash.
    pub name: String,
    /// Its arguments, unquoted. One that psql would expand has [`Argument::is_literal`] false.
    pub arguments: Vec<Argument>,
    /// The psql variables in its arguments.
    pub variables: Vec<Variable>,
    /// Its line, from 1.
    pub line: usize,
    /// Its bytes, from the backslash to the end of the arguments.
    pub range: Range<usize>,
}

/// A place where psql puts a variable's value, if there is such a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub form: Form,
    /// Its bytes, from the colon to the end.
    pub range: Range<usize>,
    /// Its line, from 1.
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `:name`, which may be something else where there is no such variable.
    Plain,
    /// `:name` where an array's slice may stand: `a[1:n]`.
    Slice,
    /// `:'name'` or `:"name"`.
    Quoted,
    /// `:{?name}` asks whether there is one.
    Test,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Argument {
    /// The text, without its quotes.
    pub text: Vec<u8>,
    /// Does it mean what it says, with no variable and no backquote in it?
    pub is_literal: bool,
}

impl Item {
    /// Its bytes.
    pub fn range(&self) -> &Range<usize> {
        match self {
            Self::Statement(statement) => &statement.range,
            Self::Command(command) => &command.range,
        }
    }
}

impl Statement {
    pub fn starts_with(&self, words: &[&str]) -> bool {
        self.words.len() >= words.len() && self.words.iter().zip(words).all(|(a, b)| a == b)
    }

    /// Do these words follow each other somewhere among its first ones?
    pub fn has(&self, words: &[&str]) -> bool {
        self.words
            .windows(words.len())
            .any(|window| window == words)
    }

    /// Is it made of these words and nothing else but comments?
    pub fn is_only(&self, words: &[&str]) -> bool {
        self.word_count == words.len()
            && self.literals.is_empty()
            && !self.has_more
            && self.starts_with(words)
    }
}

impl Command {
    /// Does it send the query before it, or, where there is none, the last one again?
    pub fn sends_query(&self) -> bool {
        meta::SENDERS.contains(&self.name.as_str())
    }
}

impl Argument {
    pub fn literal(&self) -> Option<&str> {
        self.is_literal
            .then(|| std::str::from_utf8(&self.text).ok())
            .flatten()
    }
}
