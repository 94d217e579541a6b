//! Directives: `-- migrate: ...` comment lines before the first statement of a file.
//! Pure; must not open files.

mod lines;
mod replacement;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use strum::{EnumIter, EnumProperty, EnumString, IntoEnumIterator, IntoStaticStr};

use super::file_name::{Kind, classify};
use super::{BadDirective, Bridge, Name, Requirement};
use crate::settings::{Period, TransactionControl};
use crate::sql::rules::Rule;
pub use lines::Dialect;
use lines::Lines;
pub use replacement::{Replacement, Span};

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
    /// `replaces core/FIRST..core/LAST`, and `made-of` what: it stands for these.
    pub replaces: Option<Replacement>,
    /// `before core/20260226120000`: the step of another track that it prepares for.
    pub before: Option<Bridge>,
    /// `allow RULE`: findings of `validate` that are meant to be so.
    pub allows: BTreeSet<Rule>,
    /// `transaction-control unwrap`: what its own BEGIN and COMMIT mean.
    pub transaction_control: Option<TransactionControl>,
    /// A comment that was probably meant as a directive. It stops the file as long as it is pending:
    /// one that is applied ran as it is, and cannot be edited.
    pub near_miss: Option<BadDirective>,
}

impl Directives {
    /// The steps, perhaps of other tracks, that it names.
    pub fn other_steps(&self) -> impl Iterator<Item = &Requirement> {
        let bridge = self.before.as_ref().map(|bridge| &bridge.step);
        self.requires.iter().chain(bridge)
    }
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
    #[strum(props(value = "core/20230101000000..core/20231201130000"))]
    Replaces,
    #[strum(props(value = "20230101000000 20231201130000"))]
    MadeOf,
    #[strum(props(value = "core/20260226120000"))]
    Before,
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
    let mut reading = Reading::default();
    reading.take(path, (1, content))?;
    Ok(reading.finish())
}

/// Reads the directives of a file that comes in pieces.
#[derive(Default)]
pub struct Reading {
    lines: Lines,
    found: Directives,
}

impl Reading {
    /// Goes on with a piece and the number of its first line.
    pub fn take(&mut self, path: &Path, piece: (usize, &[u8])) -> Result<(), BadDirective> {
        let found = &mut self.found;
        self.lines.read(SQL, path, piece, is_meant, |text| {
            take(found, text)?;
            let replaces = found.replaces.as_ref();
            replaces.map_or(Ok(()), |found| is_place(path, &found.span))
        })
    }

    pub fn finish(self) -> Directives {
        Directives {
            near_miss: self.lines.near_miss,
            ..self.found
        }
    }
}

/// May this file stand for others? Only for earlier ones of its own track.
fn is_place(path: &Path, span: &Span) -> Result<(), String> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    match classify(&file_name) {
        Ok(Kind::Migration(Name { track, .. })) if track != span.track => Err(format!(
            "a file of the track {track} cannot replace migrations of another track"
        )),
        Ok(Kind::Migration(Name { version, .. })) if version <= span.last => {
            Err("the file must have a later timestamp than all that it replaces".to_owned())
        }
        Ok(Kind::Undo(_)) => Err("an undo file replaces nothing".to_owned()),
        _ => Ok(()),
    }
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
        Directive::Replaces if directives.replaces.is_some() => {
            return Err("the file has it already".to_owned());
        }
        Directive::Replaces => directives.replaces = Some(Replacement::new(value.parse()?)),
        Directive::MadeOf => match &mut directives.replaces {
            Some(replaces) => replaces.made_of(value)?,
            None => return Err("it comes after `-- migrate: replaces`".to_owned()),
        },
        Directive::Before if directives.before.is_some() => {
            return Err("it has its place before another step already".to_owned());
        }
        Directive::Before => directives.before = Some(value.parse()?),
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

    fn squash(text: &str) -> Result<Option<Replacement>, String> {
        let path = Path::new("20240301000001_core_squash.sql");
        let text = text.replace("@", "-- migrate: replaces core/");
        read(path, text.as_bytes())
            .map(|found| found.replaces)
            .map_err(|error| error.problem)
    }

    #[test]
    fn what_it_replaces_and_what_that_is_made_of() {
        let found = squash(
            "@20240101000000..core/20240301000000\n-- migrate: made-of 20240201000001 20240301000000\n\
             -- migrate: made-of 20240101000000 20240201000000 as 20240201000001\nSELECT 1;\n",
        )
        .unwrap()
        .unwrap();
        let holds = |text: &str| found.holds(&text.parse().unwrap());
        assert!(holds("core/20240101000000") && holds("core/20240201000001"));
        assert!(!holds("core/20240102000000") && !holds("impl/20240101000000"));
        assert_eq!(found.recorded().len(), 4);
        let range = squash("@20240101000000..core/20240301000000\n")
            .unwrap()
            .unwrap();
        assert!(range.holds(&"core/20240102000000".parse().unwrap()));
        assert_eq!(
            range.recorded(),
            ["core/20240101000000..core/20240301000000"]
        );
    }

    #[test]
    fn what_cannot_be_replaced_is_said() {
        const RANGE: &str = "@20240101000000..core/20240301000000\n-- migrate: made-of";
        for (text, said) in [
            ("@20240101000000", "the first and the last"),
            ("@20240101000000..impl/20240301000000", "one track"),
            ("@20240301000000..core/20240101000000", "later"),
            ("@20240101000000..core/20240301000001", "later timestamp"),
            (
                "-- migrate: replaces impl/20240101000000..impl/20240201000000",
                "another",
            ),
            ("-- migrate: made-of 20240101000000", "comes after"),
            (RANGE, "expected the timestamps"),
            (&format!("{RANGE} 2024"), "14 digits"),
            (&format!("{RANGE} 20250101000000"), "is not in"),
            (
                &format!("{RANGE} 20240102000000 as 20240101000000"),
                "not earlier",
            ),
            (
                &format!("{RANGE} 20240101000000\n@20240101000000..core/20240301000000"),
                "already",
            ),
        ] {
            let problem = squash(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }

    #[test]
    fn a_bridge_has_one_place() {
        let before = |text: &str| {
            let found = read_all(&format!("-- migrate: before {text}\n"));
            found.map(|found| found.before.unwrap())
        };
        let bridge = before("core/20260226120000").unwrap();
        assert_eq!(bridge.step.to_string(), "core/20260226120000");
        assert!(!bridge.or_now);
        assert!(before("core/20260226120000  or-now").unwrap().or_now);
        for bad in [
            "",
            "core",
            "or-now",
            "core/20260226120000 or now",
            "core/20260226120000 or-now please",
            "core/20260226120000\n-- migrate: before core/20260227120000",
        ] {
            assert!(before(bad).is_err(), "{bad}");
        }
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
            "/*\n/* older */\n-- migrate: no-transaction\n*/",
            "/* /*/ */\n-- migrate: no-transaction\n*/",
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
        let nested = "/* a /* b\n */ c\n */\n-- migrate: no-transaction\n";
        assert!(read_all(nested).unwrap().no_transaction);
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
