//! The comment lines that say `migrate:` in a file, whatever its language.
//! Pure; what a line may ask for is the caller's to know.

use std::path::Path;

use memchr::memmem;

use super::super::BadDirective;
use crate::sql::lexer::BYTE_ORDER_MARK;

/// A language's comments, and what they may ask for.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// What begins a comment.
    pub comment: &'static str,
    /// What a comment of several lines stands between.
    pub block: Option<(&'static str, &'static str)>,
    /// Where directives stand, as the end of a sentence.
    pub place: &'static str,
    /// The way out of one that is wrong.
    pub help: fn() -> String,
    /// Is the keyword in another case below the top a directive that is wrong, or a comment?
    pub is_case_blind: bool,
}

impl Dialect {
    /// Hands over what each directive at the top of a file says. Gives the first comment that was
    /// probably meant as one; `is_meant` tells whether a text can be one, or is prose.
    ///
    /// # Errors
    /// One is wrong, or stands where nobody would obey it: a typo must not be a silent comment.
    pub fn read(
        self,
        path: &Path,
        content: &[u8],
        is_meant: impl Fn(&str) -> bool,
        take: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<Option<BadDirective>, BadDirective> {
        let mut lines = Lines::default();
        lines.read(self, path, (1, content), is_meant, take)?;
        Ok(lines.near_miss)
    }

    /// The keyword as it is written, and what follows it.
    fn directive(self, line: &[u8]) -> Option<(&[u8], String)> {
        let comment = line
            .strip_prefix(self.comment.as_bytes())?
            .trim_ascii_start();
        let (keyword, text) = comment.split_at_checked(KEYWORD.len())?;
        let is_one =
            keyword == KEYWORD || self.is_case_blind && keyword.eq_ignore_ascii_case(KEYWORD);
        is_one.then(|| (keyword, String::from_utf8_lossy(text).trim().to_owned()))
    }

    /// The directive that a comment is a near miss of: another case, another sort of comment, a
    /// forgotten colon.
    fn meant(self, comment: &str, is_meant: impl Fn(&str) -> bool) -> Option<String> {
        // A comment in a comment is an example, or switched off.
        let inside = match comment.strip_prefix('*') {
            Some(inside) => inside,
            None => comment.strip_prefix(self.comment).unwrap_or_default(),
        };
        let is_apart = inside.starts_with(char::is_whitespace);
        if is_apart && inside.trim_start().starts_with(self.comment) {
            return None;
        }
        let is_ornament = |c: char| c.is_whitespace() || "-#/*!".contains(c);
        let text = comment.trim_start_matches(is_ornament).to_lowercase();
        let text = text.trim_end_matches("*/").trim_end();
        let (is_keyword, rest) = match text.strip_prefix("migrations") {
            Some(rest) => (false, rest),
            None => match text.strip_prefix("migration") {
                Some(rest) => (false, rest),
                None => (true, text.strip_prefix("migrate")?),
            },
        };
        if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let rest = rest.trim_start();
        let has_colon = rest.starts_with(':');
        let said = rest
            .trim_start_matches([':', ';', '=', ',', '.', '-'])
            .trim();
        (is_keyword && has_colon || is_meant(said))
            .then(|| format!("{} migrate: {said}", self.comment))
    }
}

/// How far the lines of a file have been read, which may come in pieces.
#[derive(Default)]
pub struct Lines {
    top: Top,
    /// The first comment that was probably meant as a directive.
    pub near_miss: Option<BadDirective>,
}

impl Lines {
    /// Goes on with a piece of the file and the number of its first line; see [`Dialect::read`].
    pub fn read(
        &mut self,
        dialect: Dialect,
        path: &Path,
        (first, content): (usize, &[u8]),
        is_meant: impl Fn(&str) -> bool,
        mut take: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(), BadDirective> {
        let mark = content.strip_prefix(BYTE_ORDER_MARK);
        let content = mark.filter(|_| first == 1).unwrap_or(content);
        // A look for the word is much cheaper than one at every line.
        let may_be_below = dialect.is_case_blind || memmem::find(content, KEYWORD).is_some();
        for (line, text) in (first..).zip(content.split(|&byte| byte == b'\n')) {
            let text = text.trim_ascii();
            let was_block = matches!(self.top, Top::Block(_));
            let is_top = self.top.holds(text, dialect);
            if !is_top && !may_be_below {
                break;
            }
            let bad = |directive, problem| BadDirective {
                path: path.to_owned(),
                line,
                directive,
                problem,
                help: (dialect.help)(),
            };
            // A comment in a comment of several lines is switched off.
            if is_top && was_block && text.starts_with(dialect.comment.as_bytes()) {
                continue;
            }
            match dialect.directive(text) {
                Some((KEYWORD, directive)) if is_top => {
                    take(&directive).map_err(|problem| bad(directive, problem))?;
                }
                Some((_, directive)) if !is_top => {
                    let problem = format!("it must stand before the first {}", dialect.place);
                    return Err(bad(directive, problem));
                }
                _ if is_top && !text.is_empty() && self.near_miss.is_none() => {
                    let text = String::from_utf8_lossy(text);
                    self.near_miss = dialect.meant(&text, &is_meant).map(|meant| {
                        let problem = format!("it counts as a comment; write `{meant}`");
                        bad(text.into_owned(), problem)
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

const KEYWORD: &[u8] = b"migrate:";

/// The part of a file before the first thing that is no comment.
#[derive(Default)]
enum Top {
    #[default]
    Lines,
    /// So many comments of several lines, one in the other.
    Block(usize),
    Left,
}

impl Top {
    fn holds(&mut self, line: &[u8], dialect: Dialect) -> bool {
        let is_line = line.is_empty() || line.starts_with(dialect.comment.as_bytes());
        let begins = |open: &str| line.starts_with(open.as_bytes());
        let depth = match self {
            Self::Block(depth) => *depth,
            Self::Lines | Self::Left => 0,
        };
        match (&self, dialect.block) {
            (Self::Left, _) => {}
            (Self::Lines, _) if is_line => {}
            (Self::Lines, Some((open, _))) if !begins(open) => *self = Self::Left,
            (Self::Lines, None) | (_, None) => *self = Self::Left,
            (Self::Lines | Self::Block(_), Some(block)) => {
                *self = match behind(line, block, depth) {
                    (0, []) => Self::Lines,
                    (0, _) => Self::Left,
                    (depth, _) => Self::Block(depth),
                };
            }
        }
        !matches!(self, Self::Left)
    }
}

/// How deep in comments a line ends that begins so deep in them, and what stands behind the outermost.
fn behind<'a>(
    mut line: &'a [u8],
    (open, close): (&str, &str),
    mut depth: usize,
) -> (usize, &'a [u8]) {
    while !line.is_empty() {
        if let Some(rest) = line.strip_prefix(open.as_bytes()) {
            depth += 1;
            line = rest;
        } else if let Some(rest) = line.strip_prefix(close.as_bytes()) {
            depth = depth.saturating_sub(1);
            line = rest;
            if depth == 0 {
                break;
            }
        } else {
            line = line.get(1..).unwrap_or_default();
        }
    }
    (depth, line)
}
