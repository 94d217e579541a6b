//! What `migrate validate` reports.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::plan::repeatables::Due;
use crate::sql::rules::{Rule, Severity};
use crate::tree::file_name::parse_recorded;
use crate::tree::{Migration, Name, Track};

/// Something that was found. What is `None` is not what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub track: Option<Track>,
    /// The migration's file name.
    pub name: Option<String>,
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: Option<usize>,
    pub message: String,
    /// All that was said, where the message is only the beginning.
    pub detail: Option<String>,
    pub help: Option<String>,
    /// What of the database it is about tells how grave it is, where that is not the rule's own.
    pub measured: Option<Severity>,
    /// How much it would hurt, compared with others.
    pub weight: u64,
    /// Where it is, for a person: [`Finding::located`] fills it.
    pub place: Option<String>,
    /// Why a repeatable is pending, where it is about one.
    pub due: Option<Due>,
}

impl Finding {
    /// The same, with its place below a directory: `core/20240115140000:7` for a line of a migration,
    /// `core/20240115140000.nu:7` for one of the files beside it, the path for other files.
    pub fn located(mut self, root: &Path) -> Self {
        let name = self.name.as_deref().and_then(parse_recorded);
        let path = self.file.as_deref();
        let place = match (name, path) {
            (Some(name), None) => Some(format!("{}/{}", name.track, name.version)),
            (Some(name), Some(path)) => Some(match beside(&name, path) {
                Some(ending) => format!("{}/{}{ending}", name.track, name.version),
                None => below(path, root),
            }),
            (None, path) => path.map(|path| below(path, root)),
        };
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        self.place = place.map(|place| place + &line);
        self
    }

    /// About the whole tree or the database.
    pub fn new(rule: Rule, message: String, help: impl Into<String>) -> Self {
        Self {
            rule,
            track: None,
            name: None,
            file: None,
            line: None,
            message,
            help: Some(help.into()),
            measured: None,
            weight: 0,
            place: None,
            detail: None,
            due: None,
        }
    }

    /// About a migration and its file.
    pub fn about(migration: &Migration, rule: Rule, message: String) -> Self {
        Self {
            rule,
            track: Some(migration.name.track.clone()),
            name: Some(migration.name.file_name()),
            file: Some(migration.path.clone()),
            line: None,
            message,
            help: None,
            measured: None,
            weight: 0,
            place: None,
            detail: None,
            due: None,
        }
    }

    pub fn severity(&self) -> Severity {
        self.measured.unwrap_or_else(|| self.rule.severity())
    }
}

/// What a file's name adds to that of the migration which it belongs to: `.nu`, `.down.sql`, or
/// nothing for the migration itself.
fn beside<'a>(name: &Name, path: &'a Path) -> Option<&'a str> {
    let migration = name.file_name();
    let file = path.file_name()?.to_str()?;
    if file == migration {
        return Some("");
    }
    file.strip_prefix(migration.strip_suffix(".sql")?)
}

fn below(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.file) {
            (Some(name), _) => formatter.write_str(name)?,
            (None, Some(file)) => write!(formatter, "{}", file.display())?,
            (None, None) => formatter.write_str("the database")?,
        }
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        let message = self.message.lines().next().unwrap_or_default();
        write!(formatter, ": {}: {message}", self.rule.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: Option<&str>, file: Option<&str>, line: Option<usize>) -> Option<String> {
        let finding = Finding {
            name: name.map(str::to_owned),
            file: file.map(PathBuf::from),
            line,
            ..Finding::new(Rule::Missing, String::new(), "")
        };
        finding.located(Path::new("/db")).place
    }

    #[test]
    fn a_place_is_short_and_below_the_directory() {
        let name = Some("20240101000000_core_a.sql");
        for (file, line, expected) in [
            (
                Some("/db/core/20240101000000_core_a.sql"),
                Some(7),
                "core/20240101000000:7",
            ),
            (
                Some("/db/core/20240101000000_core_a.nu"),
                None,
                "core/20240101000000.nu",
            ),
            (
                Some("/db/core/20240101000000_core_a.down.sql"),
                Some(1),
                "core/20240101000000.down.sql:1",
            ),
            (Some("/db/shared/one.psql"), Some(2), "shared/one.psql:2"),
            (
                Some("/elsewhere/one.psql"),
                Some(2),
                "/elsewhere/one.psql:2",
            ),
            (None, None, "core/20240101000000"),
        ] {
            assert_eq!(place(name, file, line).as_deref(), Some(expected));
        }
        assert_eq!(
            place(None, Some("/db/2024_x.sql"), None).as_deref(),
            Some("2024_x.sql")
        );
        assert_eq!(place(None, None, None), None);
    }
}
