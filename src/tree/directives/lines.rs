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
    /// Where directives stand, as the end of a sentence.
    pub place: &'static str,
    /// The way out of one that is wrong.
    pub help: &'static str,
    /// Is the keyword in another case a directive that is wrong, or a comment?
    pub is_case_blind: bool,
}

impl Dialect {
    /// Hands over what each directive at the top of a file says.
    ///
    /// # Errors
    /// One is wrong, or stands where nobody would obey it: a typo must not be a silent comment.
    pub fn read(
        self,
        path: &Path,
        content: &[u8],
        mut take: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(), BadDirective> {
        let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
        // A look for the word is much cheaper than one at every line.
        let may_be_below = self.is_case_blind || memmem::find(content, KEYWORD).is_some();
        let mut is_top = true;
        for (line, text) in (1..).zip(content.split(|&byte| byte == b'\n')) {
            let text = text.trim_ascii();
            is_top &= text.is_empty() || text.starts_with(self.comment.as_bytes());
            if !is_top && !may_be_below {
                break;
            }
            let Some((keyword, directive)) = self.directive(text) else {
                continue;
            };
            let taken = if is_top && keyword == KEYWORD {
                take(&directive)
            } else {
                Err(format!("it must stand before the first {}", self.place))
            };
            taken.map_err(|problem| BadDirective {
                path: path.to_owned(),
                line,
                directive,
                problem,
                help: self.help.to_owned(),
            })?;
        }
        Ok(())
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
}

const KEYWORD: &[u8] = b"migrate:";
