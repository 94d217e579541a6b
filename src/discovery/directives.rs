//! Directives: `-- migrate: ...` comment lines before the first statement of a file.
//! Pure; must not open files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use memchr::memmem;

use crate::error::Error;
use crate::finding::check_silencing;
use crate::lexer::BYTE_ORDER_MARK;
use crate::migration::Requirement;
use crate::settings::{Period, TransactionControl};

/// What a file asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `no-transaction`: run outside a transaction.
    pub no_transaction: bool,
    /// `lock-timeout 5sec`: how long a statement may wait for a lock.
    pub lock_timeout: Option<Duration>,
    /// `statement-timeout 10min`: how long a statement may take.
    pub statement_timeout: Option<Duration>,
    /// `requires impl/20231201130000`: what must be applied before.
    pub requires: Vec<Requirement>,
    /// `allow RULE`: findings of `validate` that are meant to be so.
    pub allows: BTreeSet<String>,
    /// `transaction-control unwrap`: what its own BEGIN and COMMIT mean.
    pub transaction_control: Option<TransactionControl>,
}

/// The directives there are, for messages.
pub const KNOWN: &str = "no-transaction, requires impl/20231201130000, lock-timeout 5sec, \
     statement-timeout 10min, transaction-control refuse|separate|unwrap, allow RULE";

/// Reads a file's directives.
///
/// # Errors
/// One is unknown, or its value is: a typo must not be a silent comment.
pub fn read(path: &Path, content: &[u8]) -> Result<Directives, Error> {
    let mut directives = Directives::default();
    for (line, text) in lines(content) {
        take(&mut directives, &text).map_err(|problem| Error::BadDirective {
            path: path.to_owned(),
            line,
            directive: text,
            problem,
        })?;
    }
    match late(content) {
        Some((line, text)) => Err(Error::BadDirective {
            path: path.to_owned(),
            line,
            directive: text,
            problem: "it must stand before the first statement".to_owned(),
        }),
        None => Ok(directives),
    }
}

/// A directive further down, which nobody would obey.
fn late(content: &[u8]) -> Option<(usize, String)> {
    memmem::find(content, b"migrate:")?;
    let top = lines(content).last().map_or(0, |(line, _)| *line);
    (1..)
        .zip(content.split(|&byte| byte == b'\n'))
        .skip(top)
        .find_map(|(number, line)| Some((number, directive(line.trim_ascii())?)))
}

fn take(directives: &mut Directives, text: &str) -> Result<(), String> {
    let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let value = value.trim();
    match name {
        "no-transaction" if value.is_empty() => directives.no_transaction = true,
        "no-transaction" => return Err("it takes no value".to_owned()),
        "lock-timeout" => directives.lock_timeout = Some(value.parse::<Period>()?.0),
        "statement-timeout" => directives.statement_timeout = Some(value.parse::<Period>()?.0),
        "requires" => directives.requires.push(value.parse()?),
        "allow" => {
            check_silencing(value)?;
            directives.allows.insert(value.to_owned());
        }
        "transaction-control" => directives.transaction_control = Some(value.parse()?),
        _ => return Err("there is no such directive".to_owned()),
    }
    Ok(())
}

/// The directives' texts with their line numbers, counted from 1.
fn lines(content: &[u8]) -> Vec<(usize, String)> {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
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

    fn read_all(text: &str) -> Result<Directives, Error> {
        read(Path::new("a.sql"), text.as_bytes())
    }

    #[test]
    fn all_of_them() {
        let found = read_all(
            "\u{feff}-- migrate: no-transaction\r\n--migrate: lock-timeout 500ms\n\n-- Words.\n\
             -- migrate: statement-timeout 10min\n-- migrate: transaction-control unwrap\nSELECT 1;\n",
        )
        .unwrap();
        let expected = Directives {
            no_transaction: true,
            lock_timeout: Some(Duration::from_millis(500)),
            statement_timeout: Some(Duration::from_mins(10)),
            transaction_control: Some(TransactionControl::Unwrap),
            ..Directives::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_file_needs_and_allows() {
        let found = read_all(
            "-- migrate: requires impl/20231201130000\n-- migrate: requires core/20231201130000\n\
             -- migrate: allow unset-variable\nSELECT 1;\n",
        )
        .unwrap();
        let required: Vec<_> = found.requires.iter().map(ToString::to_string).collect();
        assert_eq!(required, ["impl/20231201130000", "core/20231201130000"]);
        assert!(found.allows.contains("unset-variable"));
    }

    #[test]
    fn only_comment_lines_at_the_top_count() {
        let text = "-- migrated: from oracle\n-- we migrate: slowly\nSELECT 1;\n";
        assert_eq!(read_all(text).unwrap(), Directives::default());
        let late = read_all("SELECT 1;\n\n  -- migrate: no-transaction\n");
        assert!(
            matches!(late, Err(Error::BadDirective { line: 3, .. })),
            "{late:?}"
        );
    }

    #[test]
    fn a_typo_is_an_error_with_its_line() {
        for bad in [
            "no-transction",
            "no-transaction please",
            "lock-timeout soon",
            "lock-timeout",
            "transaction-control maybe",
            "requires impl",
            "requires impl/2023",
            "requires",
            "allow everything",
            "allow changed",
            "",
        ] {
            match read_all(&format!("-- x\n-- migrate: {bad}\n")) {
                Err(Error::BadDirective {
                    line: 2, directive, ..
                }) => assert_eq!(directive, bad),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }
}
