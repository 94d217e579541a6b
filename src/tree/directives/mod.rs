//! Directives: `-- migrate: ...` comment lines before the first statement of a file.
//! Pure; must not open files.

mod lines;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use strum::{EnumIter, EnumProperty, EnumString, IntoEnumIterator, IntoStaticStr};

use super::{BadDirective, Requirement};
use crate::settings::{Period, TransactionControl};
use crate::sql::rules::Rule;
pub use lines::Dialect;

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
    pub allows: BTreeSet<Rule>,
    /// `transaction-control unwrap`: what its own BEGIN and COMMIT mean.
    pub transaction_control: Option<TransactionControl>,
    /// A comment that was probably meant as a directive. It stops the file as long as it is pending:
    /// one that is applied ran as it is, and cannot be edited.
    pub near_miss: Option<BadDirective>,
}

const SQL: Dialect = Dialect {
    comment: "--",
    block: Some(("/*", "*/")),
    place: "statement",
    help: || format!("the directives are {}", Directive::all()),
    is_case_blind: false,
};

/// What a line may ask for. Each is written as its name in kebab-case, then a value such as this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumProperty, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Directive {
    NoTransaction,
    #[strum(props(value = "impl/20231201130000"))]
    Requires,
    #[strum(props(value = "5sec"))]
    LockTimeout,
    #[strum(props(value = "10min"))]
    StatementTimeout,
    #[strum(props(value = "refuse|separate|unwrap"))]
    TransactionControl,
    #[strum(props(value = "RULE"))]
    Allow,
}

impl Directive {
    /// All of them as they are written, for messages.
    fn all() -> String {
        let written = Self::iter().map(|directive| {
            let name: &str = directive.into();
            let value = directive.get_str("value").unwrap_or_default();
            format!("{name} {value}").trim_end().to_owned()
        });
        written.collect::<Vec<_>>().join(", ")
    }
}

pub fn read(path: &Path, content: &[u8]) -> Result<Directives, BadDirective> {
    let mut directives = Directives::default();
    let near_miss = SQL.read(path, content, is_meant, |text| take(&mut directives, text))?;
    Ok(Directives {
        near_miss,
        ..directives
    })
}

/// Is this text behind the bare word `migrate` no prose? The names with a hyphen are no words, and of
/// the others the value must be one.
fn is_meant(text: &str) -> bool {
    let name = text.split_whitespace().next().unwrap_or_default();
    let is_no_word = name.contains('-') && name.parse::<Directive>().is_ok();
    is_no_word || take(&mut Directives::default(), text).is_ok()
}

fn take(directives: &mut Directives, text: &str) -> Result<(), String> {
    let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let value = value.trim();
    let directive = name
        .parse()
        .map_err(|_| "there is no such directive".to_owned())?;
    match directive {
        Directive::NoTransaction if value.is_empty() => directives.no_transaction = true,
        Directive::NoTransaction => return Err("it takes no value".to_owned()),
        Directive::LockTimeout => directives.lock_timeout = Some(value.parse::<Period>()?.0),
        Directive::StatementTimeout => {
            directives.statement_timeout = Some(value.parse::<Period>()?.0);
        }
        Directive::Requires => directives.requires.push(value.parse()?),
        Directive::Allow => {
            directives.allows.insert(Rule::to_allow(value)?);
        }
        Directive::TransactionControl => directives.transaction_control = Some(value.parse()?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Directives, BadDirective> {
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
        assert!(found.allows.contains(&Rule::UnsetVariable));
    }

    #[test]
    fn only_comment_lines_at_the_top_count() {
        let text = "-- migrated: from oracle\n-- we migrate: slowly\nSELECT 1;\n";
        assert_eq!(read_all(text).unwrap(), Directives::default());
        let late = read_all("SELECT 1;\n\n  -- migrate: no-transaction\n");
        assert!(
            matches!(late, Err(BadDirective { line: 3, .. })),
            "{late:?}"
        );
    }

    #[test]
    fn a_near_miss_names_what_was_meant() {
        for (line, meant) in [
            ("-- Migrate: no-transaction", "-- migrate: no-transaction"),
            ("-- MIGRATE: anything", "-- migrate: anything"),
            ("-- migrate no-transaction", "-- migrate: no-transaction"),
            (
                "-- migrate lock-timeout soon",
                "-- migrate: lock-timeout soon",
            ),
            (
                "--Migrate requires core/20240101000000",
                "-- migrate: requires core/20240101000000",
            ),
            ("--- migrate: no-transaction", "-- migrate: no-transaction"),
            ("-- - migrate: allow no-date", "-- migrate: allow no-date"),
            ("-- migrate : no-transaction", "-- migrate: no-transaction"),
            ("-- migrate; no-transaction", "-- migrate: no-transaction"),
            ("-- migration: no-transaction", "-- migrate: no-transaction"),
            (
                "/* migrate: no-transaction */",
                "-- migrate: no-transaction",
            ),
            (
                "/** Words.\n * migrate: no-transaction\n */",
                "-- migrate: no-transaction",
            ),
            ("/* migrate no-transaction", "-- migrate: no-transaction"),
        ] {
            let found = read_all(&format!("-- Words.\n\n{line}\nSELECT 1;\n")).unwrap();
            let near_miss = found.near_miss.unwrap_or_else(|| panic!("{line}"));
            assert!(
                near_miss.problem.contains(&format!("`{meant}`")),
                "{near_miss}"
            );
            assert!(!found.no_transaction, "{line}");
        }
    }

    #[test]
    fn prose_stays_a_comment() {
        for line in [
            "-- migrate the users",
            "-- migrate requires a superuser",
            "-- migrate allow lists",
            "-- Migration: add users",
            "-- migrated: from oracle",
            "-- we migrate: slowly",
            "-- +migrate Up",
            "-- migrate",
            "/* how we migrate: slowly */",
            "/* migrate the users",
            "-- -- migrate: no-transaction",
            "--   -- Migrate: no-transaction",
            "/*\n-- migrate: no-transaction\n*/",
            "/*\n * -- migrate: no-transaction\n */",
            "SELECT 1; -- Migrate: no-transaction",
        ] {
            let found = read_all(&format!("{line}\nSELECT 1; */\n")).unwrap();
            assert_eq!(found, Directives::default(), "{line}");
        }
        let below = "SELECT 1;\n-- Migrate no-transaction\n";
        assert_eq!(read_all(below).unwrap(), Directives::default());
    }

    #[test]
    fn a_block_comment_at_the_top_hides_no_directive() {
        let licence = "/* Licence.\n * Words; words.\n */\n-- migrate: no-transaction\nSELECT 1;\n";
        assert!(read_all(licence).unwrap().no_transaction);
        let one_line = "/* Licence. */\n-- migrate: no-transaction\n";
        assert!(read_all(one_line).unwrap().no_transaction);
        assert!(read_all("/* c */ SELECT 1;\n-- migrate: no-transaction\n").is_err());
        assert!(read_all("/* c\n */ SELECT 1;\n-- migrate: no-transaction\n").is_err());
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
                Err(BadDirective {
                    line: 2, directive, ..
                }) => assert_eq!(directive, bad),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }
}
