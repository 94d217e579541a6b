//! The words of a `\copy`, as psql's own parser cuts them (its `copy.c`), which is not how it cuts the
//! arguments of other meta-commands.

/// What stands behind the FROM of a `\copy`, with its quotes if it has any; `None` if it copies
/// elsewhere.
pub fn copied_from(command: &[u8]) -> Option<&[u8]> {
    const COPY: usize = br"\copy".len();
    let mut words = Words(command.get(COPY..)?);
    let mut table = words.next(NAMES, b"\"")?;
    if table.eq_ignore_ascii_case(b"binary") {
        table = words.next(NAMES, b"\"")?;
    }
    if table == b"(" {
        let mut depth = 1_usize;
        while depth > 0 {
            match words.next(NAMES, b"\"'")? {
                b"(" => depth += 1,
                b")" => depth -= 1,
                _ => {}
            }
        }
    }
    let mut word = words.next(NAMES, b"\"")?;
    if word == b"." {
        words.next(NAMES, b"\"")?;
        word = words.next(NAMES, b"\"")?;
    }
    if word == b"(" {
        while words.next(NAMES, b"\"")? != b")" {}
        word = words.next(NAMES, b"\"")?;
    }
    let is_from = word.eq_ignore_ascii_case(b"from");
    words.next(b";", b"'").filter(|_| is_from)
}

/// What stands alone between names.
const NAMES: &[u8] = b".,()";

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// The next word: one that is quoted, or one of the bytes that stand `apart`, or what ends before
    /// any of these or a blank.
    fn next(&mut self, apart: &[u8], quotes: &[u8]) -> Option<&'a [u8]> {
        let rest = self.0.trim_ascii_start();
        let first = *rest.first()?;
        let is_end =
            |byte: &u8| byte.is_ascii_whitespace() || apart.contains(byte) || quotes.contains(byte);
        let length = if quotes.contains(&first) {
            quoted_length(rest, first)
        } else if apart.contains(&first) {
            1
        } else {
            rest.iter().position(is_end).unwrap_or(rest.len())
        };
        let (word, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(word)
    }
}

/// Up to the closing quote; two in a row are none.
fn quoted_length(text: &[u8], quote: u8) -> usize {
    let mut bytes = text.iter().enumerate().skip(1).peekable();
    while let Some((at, byte)) = bytes.next() {
        if *byte == quote && bytes.next_if(|(_, next)| **next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_from_where_psql_takes_them() {
        for (command, from) in [
            ("\\copy t from stdin", Some("stdin")),
            ("\\COPY binary t FROM STDIN;", Some("STDIN")),
            ("\\copy \"My T\"(a)from stdin with csv", Some("stdin")),
            (
                "\\copy s . t ( a, \"from\" , b ) from 'it''s here.csv' csv",
                Some("'it''s here.csv'"),
            ),
            ("\\copy t(a)from a,b.csv;", Some("a,b.csv")),
            ("\\copy t from stdin.csv", Some("stdin.csv")),
            ("\\copy t from 'stdin'", Some("'stdin'")),
            ("\\copy t from program 'ls'", Some("program")),
            ("\\copy \"a from stdin\" from 'x", Some("'x")),
            ("\\copy (select ')' from stdin) to 'x'", None),
            ("\\copy (select 1 from stdin", None),
            ("\\copy t to stdout", None),
            ("\\copy", None),
            ("\\c", None),
        ] {
            let found = copied_from(command.as_bytes());
            assert_eq!(found, from.map(str::as_bytes), "{command}");
        }
    }
}
