//! Which file of ours each entry of another tool's history means.

use std::collections::BTreeSet;

use super::history::{Entry, Meaning};
use super::{Error, Tool, checksum, version};
use crate::error::Unreadable;
use crate::tree::{Migration, Name, Version};

/// An applied entry, and the file that it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    pub entry: &'a Entry,
    /// `None` where there is no such file.
    pub migration: Option<&'a Migration>,
    /// Is the file what was applied? `None` where the tool does not record that.
    pub is_verified: Option<bool>,
}

impl Match<'_> {
    /// Was something applied that there is no file of? Flyway's baseline may stand before all files.
    pub fn is_lost(&self, tool: Tool) -> bool {
        let names_one = match self.entry.meaning {
            Meaning::Applied => true,
            Meaning::UpTo => tool == Tool::GolangMigrate,
            Meaning::Undone | Meaning::Failed | Meaning::Repeatable => false,
        };
        names_one && self.migration.is_none()
    }
}

/// Finds the files of the entries, each file once, in the order of the history. Those that our ledger
/// knows already are ours to verify.
///
/// # Errors
/// An entry failed; a file is not what was applied; or a file cannot be read.
pub fn matching<'a>(
    tool: Tool,
    entries: &'a [Entry],
    files: &[&'a Migration],
    known: &BTreeSet<Version>,
    read: impl Fn(&Migration) -> Result<Vec<u8>, Unreadable>,
) -> Result<Vec<Match<'a>>, MatchError> {
    let failed = entries
        .iter()
        .filter(|entry| entry.meaning == Meaning::Failed);
    let failed: Vec<_> = failed.map(shown).collect();
    if !failed.is_empty() {
        return Err(Error::Unfinished {
            tool,
            versions: failed,
        }
        .into());
    }
    let mut taken: BTreeSet<&Name> = BTreeSet::new();
    let mut matches = Vec::new();
    for entry in entries {
        let found = files_of(tool, entry, files);
        if found.is_empty() {
            matches.push(Match {
                entry,
                migration: None,
                is_verified: None,
            });
        }
        for migration in found {
            if taken.insert(&migration.name) {
                let is_verified = match entry.meaning {
                    Meaning::Applied
                        if entry.checksum.is_some() && !known.contains(&migration.name.version) =>
                    {
                        checksum::matches(tool, entry, &read(migration)?)
                    }
                    _ => None,
                };
                matches.push(Match {
                    entry,
                    migration: Some(migration),
                    is_verified,
                });
            }
        }
    }
    let changed = matches
        .iter()
        .filter(|found| found.is_verified == Some(false));
    let changed: Vec<_> = changed
        .filter_map(|found| Some(found.migration?.name.to_string()))
        .collect();
    if changed.is_empty() {
        Ok(matches)
    } else {
        Err(Error::Changed {
            tool,
            files: changed,
        }
        .into())
    }
}

/// Why entries and files cannot be matched.
#[derive(Debug)]
pub enum MatchError {
    Foreign(Error),
    Unreadable(Unreadable),
}

impl From<Error> for MatchError {
    fn from(error: Error) -> Self {
        Self::Foreign(error)
    }
}

impl From<Unreadable> for MatchError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

/// An entry as a person knows it.
pub fn shown(entry: &Entry) -> String {
    match (&entry.description, entry.version.as_str()) {
        (Some(description), "") => description.clone(),
        (Some(description), version) => format!("{version} {description}"),
        (None, "") => "(an empty version)".to_owned(),
        (None, version) => version.to_owned(),
    }
}

fn files_of<'a>(tool: Tool, entry: &Entry, files: &[&'a Migration]) -> Vec<&'a Migration> {
    let Some(version) = version(tool, &entry.version) else {
        return vec![];
    };
    let is_it = |migration: &&&Migration| migration.name.version == version;
    let exactly = || files.iter().filter(is_it).copied().collect();
    match entry.meaning {
        Meaning::UpTo => up_to(tool, &version, files),
        Meaning::Applied if tool == Tool::Sqitch => named(entry, files).unwrap_or_else(exactly),
        Meaning::Applied => exactly(),
        Meaning::Undone | Meaning::Failed | Meaning::Repeatable => vec![],
    }
}

/// All up to a version. Where it is the last that was applied, and not a line that was drawn, it must
/// be there itself.
fn up_to<'a>(tool: Tool, version: &Version, files: &[&'a Migration]) -> Vec<&'a Migration> {
    let is_there = files.iter().any(|found| found.name.version == *version);
    if tool == Tool::GolangMigrate && !is_there {
        return vec![];
    }
    let earlier = files.iter().filter(|found| found.name.version <= *version);
    earlier.copied().collect()
}

/// The only file with the change's name: changes of one moment have got versions one after the other.
fn named<'a>(entry: &Entry, files: &[&'a Migration]) -> Option<Vec<&'a Migration>> {
    let wanted = description(entry.description.as_deref()?);
    let mut found = files
        .iter()
        .filter(|found| found.name.description == wanted);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(vec![*only]),
        _ => None,
    }
}

/// Another tool's name of a migration as a description of ours.
pub fn description(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_alphanumeric() || "-.".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    text.trim().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::migration;

    fn entry(version: &str, meaning: Meaning) -> Entry {
        Entry {
            version: version.to_owned(),
            description: None,
            applied_at: None,
            execution_time_ms: None,
            checksum: None,
            meaning,
        }
    }

    fn found(tool: Tool, entries: &[Entry]) -> Vec<Option<String>> {
        let files = ["00000000000001_core_a.sql", "00000000000002_core_b.sql"].map(migration);
        let files: Vec<_> = files.iter().collect();
        let matches = matching(tool, entries, &files, &BTreeSet::new(), |_| Ok(vec![])).unwrap();
        let name = |found: &Match<'_>| Some(found.migration?.name.description.clone());
        matches.iter().map(name).collect()
    }

    #[test]
    fn by_version_or_up_to_one() {
        let some = |text: &str| Some(text.to_owned());
        let applied = |version: &str| entry(version, Meaning::Applied);
        assert_eq!(
            found(Tool::Goose, &[applied("2"), applied("9")]),
            [some("b"), None]
        );
        let up_to = |version: &str| entry(version, Meaning::UpTo);
        assert_eq!(
            found(Tool::GolangMigrate, &[up_to("2")]),
            [some("a"), some("b")]
        );
        assert_eq!(found(Tool::GolangMigrate, &[up_to("3")]), [None]);
        assert_eq!(found(Tool::GolangMigrate, &[]), []);
    }

    #[test]
    fn a_change_goes_by_its_name() {
        let change = Entry {
            description: Some("b".to_owned()),
            ..entry("00000000000001", Meaning::Applied)
        };
        assert_eq!(found(Tool::Sqitch, &[change]), [Some("b".to_owned())]);
        assert_eq!(description("users/add name@v1"), "users_add_name_v1");
    }

    #[test]
    fn what_failed_stops_it() {
        let entries = [entry("1", Meaning::Failed)];
        let found = matching(Tool::Sqlx, &entries, &[], &BTreeSet::new(), |_| Ok(vec![]));
        assert!(matches!(
            found,
            Err(MatchError::Foreign(Error::Unfinished { .. }))
        ));
    }
}
