//! Directives: `-- migrate: ...` comment lines before the first statement of a file.
//! Pure; must not open files.
//!
//! No directive has a meaning yet. They are refused rather than ignored, because a file that
//! asks for something must not run as if it had not asked.

use std::path::Path;

use crate::error::Error;

/// Refuses a file that has a directive.
///
/// # Errors
/// Names the file, the line and the directive.
pub fn check(path: &Path, content: &[u8]) -> Result<(), Error> {
    match directives(content).first() {
        None => Ok(()),
        Some((line, text)) => Err(Error::UnknownDirective {
            path: path.to_owned(),
            line: *line,
            directive: text.clone(),
        }),
    }
}

/// The directives of a file with their line numbers, counted from 1.
fn directives(content: &[u8]) -> Vec<(usize, String)> {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    content
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .take_while(|line| line.is_empty() || line.starts_with(b"--"))
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, directive(line)?)))
        .collect()
}

fn directive(line: &[u8]) -> Option<String> {
    let comment = String::from_utf8_lossy(line.strip_prefix(b"--")?).into_owned();
    let text = comment.trim_start().strip_prefix("migrate:")?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_only_in_comment_lines_at_the_top() {
        let text =
            b"\n-- Adds an index.\r\n--migrate: no-transaction\r\nSELECT 1;\n-- migrate: late\n";
        assert_eq!(directives(text), [(3, "no-transaction".to_owned())]);
        assert!(directives(b"-- migrated: from oracle\n-- we migrate: slowly\n").is_empty());
    }
}
