//! Meta-commands: their names, and what psql takes for their arguments.

use super::copy::copied_from;
use super::scan::Scanner;
use super::{Argument, Command, Item, Variable};

/// They send the query before them, as a semicolon would.
pub(super) const SENDERS: [&str; 10] = [
    "g",
    "gx",
    "gset",
    "gexec",
    "gdesc",
    "crosstabview",
    "watch",
    "bind",
    "parse",
    "sendpipeline",
];

/// The rest of the line is theirs, whatever it is.
const WHOLE_LINE: [&str; 9] = ["!", "copy", "ef", "ev", "h", "help", "sf", "sf+", "sv"];

/// What begins with `|` is a program with the rest of the line.
const PIPES: [&str; 6] = ["g", "gx", "o", "out", "w", "write"];

/// A semicolon behind their argument is not part of it.
const WITHOUT_SEMICOLON: [&str; 8] = [
    "i",
    "include",
    "ir",
    "include_relative",
    "cd",
    "copy",
    "c",
    "connect",
];

impl Scanner<'_> {
    pub(super) fn command(&mut self) {
        let start = self.cursor.position();
        let line = self.cursor.line();
        self.cursor.next();
        if let Some(b';' | b':') = self.cursor.peek() {
            return self.escaped();
        }
        let name = self
            .cursor
            .take_while(|byte| !is_blank(byte) && byte != b'\\');
        let mut name = String::from_utf8_lossy(self.cursor.slice(name)).into_owned();
        // The only name whose case does not matter to psql.
        if name.eq_ignore_ascii_case("copy") {
            name.make_ascii_lowercase();
        }
        let mut variables = Vec::new();
        let arguments = match name.as_str() {
            "!" => vec![],
            _ => self.arguments(&name, &mut variables),
        };
        if WHOLE_LINE.contains(&name.as_str()) {
            self.cursor.take_while(|byte| byte != b'\n');
        }
        let range = start..self.cursor.position();
        // A command in the midst of a statement is of its text; one that sends it ends it.
        self.statement.has_more |= self.statement.line > 0 && !SENDERS.contains(&name.as_str());
        match name.as_str() {
            "r" | "reset" => self.forget_query(),
            "if" => self.branches.push(self.parentheses),
            // Only one branch is taken.
            "elif" | "else" => self.parentheses = self.branches.last().copied().unwrap_or(0),
            "endif" => drop(self.branches.pop()),
            name if SENDERS.contains(&name) => self.send(name != "gdesc"),
            _ => {}
        }
        let copied = copied_from(self.cursor.slice(range.clone()));
        if name == "copy" && copied.is_some_and(|from| from.eq_ignore_ascii_case(b"stdin")) {
            self.cursor.expect_data();
        }
        self.items.push(Item::Command(Command {
            name,
            arguments,
            variables,
            line,
            range,
        }));
    }

    /// Up to the end of the line, or to `\` where the next meta-command begins.
    fn arguments(&mut self, command: &str, variables: &mut Vec<Variable>) -> Vec<Argument> {
        let mut arguments = Vec::new();
        loop {
            self.cursor
                .take_while(|byte| is_blank(byte) && byte != b'\n');
            match self.cursor.peek() {
                None | Some(b'\n') => return arguments,
                Some(b'\\') => {
                    if self.cursor.is_at(b"\\\\") {
                        self.cursor.skip(2);
                    }
                    return arguments;
                }
                Some(b'|') if PIPES.contains(&command) => {
                    self.cursor.take_while(|byte| byte != b'\n');
                    return arguments;
                }
                Some(_) => arguments.push(self.argument(command, variables)),
            }
        }
    }

    fn argument(&mut self, command: &str, variables: &mut Vec<Variable>) -> Argument {
        let mut argument = Argument {
            text: Vec::new(),
            is_literal: true,
        };
        // How much of its beginning was quoted.
        let mut quoted = 0;
        while let Some(byte) = self.cursor.peek() {
            match byte {
                b'\\' => break,
                byte if is_blank(byte) => break,
                b'\'' | b'"' => {
                    let inside = self.cursor.take_quoted_in_line(byte, byte == b'\'');
                    argument
                        .text
                        .extend(unescape(self.cursor.slice(inside), byte));
                    quoted = argument.text.len();
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
        if WITHOUT_SEMICOLON.contains(&command) {
            while argument.text.len() > quoted && argument.text.ends_with(b";") {
                argument.text.pop();
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

/// Newer versions of psql take a vertical tab for a blank as well.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}
