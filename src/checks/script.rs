//! A validation script: the `.nu` file beside a migration, and what its first lines ask for.
//! Pure; must not run anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nu_parser::{Token, TokenContents, lex};

use super::Error;
use crate::error::Unreadable;
use crate::settings::Period;
use crate::tree::directives::Dialect;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// Before any SQL of the run.
    #[default]
    Early,
    /// Right before its own SQL, within the run's transaction.
    Late,
    /// Right behind its own SQL, before the run's transaction is committed.
    After,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub path: PathBuf,
    pub stage: Stage,
    /// May it write to the database?
    pub may_write: bool,
    /// How long it may take, where the setting is not to decide.
    pub time_limit: Option<Duration>,
    /// Does it define a `main`, which is then called?
    pub has_main: bool,
}

/// The lines there are, for messages.
const KNOWN: &str = "late, after, read-write, time-limit 5min";

const NU: Dialect = Dialect {
    comment: "#",
    block: None,
    place: "command, in lower case",
    help: || format!("the lines at the top of a validation script are {KNOWN}"),
    is_case_blind: true,
};

impl Script {
    /// Reads what a script asks for: comment lines at its top such as `# migrate: late`.
    ///
    /// # Errors
    /// One is unknown, or its value is: a typo must not be a silent comment.
    pub fn read(path: &Path, content: &str) -> Result<Self, Error> {
        let mut script = Self {
            path: path.to_owned(),
            stage: Stage::Early,
            may_write: false,
            time_limit: None,
            has_main: defines_main(content),
        };
        if content.starts_with('\u{feff}') {
            return Err(Unreadable {
                path: path.to_owned(),
                reason: "it begins with a byte order mark, which nu refuses".to_owned(),
            }
            .into());
        }
        let fresh = script.clone();
        let is_meant = |text: &str| fresh.clone().take(text).is_ok();
        match NU.read(path, content.as_bytes(), is_meant, |text| script.take(text))? {
            Some(near_miss) => Err(near_miss.into()),
            None => Ok(script),
        }
    }

    fn take(&mut self, text: &str) -> Result<(), String> {
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match (name, value.trim()) {
            ("late", "") if self.stage != Stage::After => self.stage = Stage::Late,
            ("after", "") if self.stage != Stage::Late => self.stage = Stage::After,
            ("late" | "after", "") => {
                return Err("it runs before its SQL or after it, not both".to_owned());
            }
            ("read-write", "") => self.may_write = true,
            ("late" | "after" | "read-write", _) => return Err("it takes no value".to_owned()),
            ("time-limit", value) => self.time_limit = Some(value.parse::<Period>()?.0),
            _ => {
                return Err(format!(
                    "a validation script knows only {KNOWN}, as `# migrate: late`"
                ));
            }
        }
        if self.stage != Stage::Early && self.may_write {
            Err("it looks into the run's own transaction and can only read".to_owned())
        } else {
            Ok(())
        }
    }

    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// Is there a command that defines a `main`? Words and commands are told apart as nu does it: one
/// that begins behind a semicolon or blanks defines it as well, and one in a text or a block does not.
fn defines_main(content: &str) -> bool {
    let (tokens, _) = lex(content.as_bytes(), 0, &[], &[], true);
    let ends = |token: &Token| {
        matches!(
            token.contents,
            TokenContents::Eol | TokenContents::Semicolon
        )
    };
    tokens.split(ends).any(|command| {
        let words = command.iter();
        let words = words.filter_map(|token| content.get(token.span.start..token.span.end));
        let mut words = words.skip_while(|word| *word == "export");
        let is_definition = words.next() == Some("def");
        is_definition
            && words
                .find(|word| !word.starts_with('-'))
                .is_some_and(is_main)
    })
}

/// The signature may stand right behind the name.
fn is_main(word: &str) -> bool {
    let name = word.split(['[', '(']).next().unwrap_or_default();
    ["main", "\"main\"", "'main'", "`main`"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Script, Error> {
        Script::read(Path::new("/db/a.nu"), content)
    }

    #[test]
    fn the_first_lines_say_when_and_how() {
        let plain = read("use migrate/checks.nu *\n# we migrate: late\n").unwrap();
        assert_eq!((plain.stage, plain.may_write), (Stage::Early, false));
        assert_eq!(read("# # migrate: late\n").unwrap().stage, Stage::Early);
        let late = read("# Words.\r\n\n#migrate: late\r\n# migrate: time-limit 5min\nls\n");
        let late = late.unwrap();
        assert_eq!(late.stage, Stage::Late);
        assert_eq!(late.time_limit, Some(Duration::from_mins(5)));
        assert!(read("# migrate: read-write").unwrap().may_write);
        assert_eq!(read("# migrate: after").unwrap().stage, Stage::After);
    }

    #[test]
    fn a_typo_is_an_error_with_its_line() {
        for bad in [
            "lat",
            "after\n# migrate: late",
            "after\n# migrate: read-write",
            "after that",
            "late please",
            "time-limit soon",
            "no-transaction",
            "read-write\n# migrate: late",
            "late\nls\n# migrate: read-write",
            "late\n# Migrate: time-limit 5min",
            "late\n# migrate time-limit 5min",
            "late\n## migrate: read-write",
        ] {
            let found = read(&format!("# x\n# migrate: {bad}\n"));
            assert!(matches!(found, Err(Error::BadDirective(_))), "{bad}");
        }
    }

    #[test]
    fn main_is_recognised() {
        for yes in [
            "def main [] { }",
            "export def main [",
            "def --env \"main\" [] {",
            "1\ndef main[] { }",
            "  def main [] { }",
            "use std/assert; def main [] { }",
            "def main --env [] { }",
            "@example one { main }\ndef --wrapped main [...rest] { }",
            "let two = [\n1\n]\r\nexport def `main` [\n] { }",
        ] {
            assert!(read(yes).unwrap().has_main, "{yes}");
        }
        for no in [
            "# the main thing: def main [",
            "def mainly [] {}",
            "def \"main sub\" [] {}",
            "module m {\n    export def main [] {}\n}",
            "module m {\ndef main [] {}\n}",
            "let text = '\ndef main [] {}'",
            "print def main [",
        ] {
            assert!(!read(no).unwrap().has_main, "{no}");
        }
    }
}
