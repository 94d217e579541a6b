//! A track's lock file: its files with their checksums, and what they need of other tracks. Who adds,
//! changes or removes one without sealing again is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::checksum::{Checksum, digest};
use super::{Error, Migration, Track, WorkingFolder, content, relative};
use crate::process::interrupt::Interrupt;

/// What follows the track in the name of its lock file.
const LOCK: &str = ".migrate.lock";

/// A line of a lock file: a file of the track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub checksum: String,
    /// What it needs of other tracks, as `requires TRACK/VERSION` or `before TRACK/VERSION`.
    pub needs: Vec<String>,
}

/// The files of a track by their names.
pub type Entries = BTreeMap<String, Entry>;

/// How a file is not as it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Change {
    Added,
    Changed,
    Removed,
}

/// A file that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    pub change: Change,
    pub file: String,
}

impl fmt::Display for Unsealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.change, self.file)
    }
}

/// The name of a track's lock file.
pub fn file_name(track: &Track) -> String {
    format!("{track}{LOCK}")
}

/// The track whose lock file this is, if it is one.
pub fn track_of(path: &Path) -> Option<Track> {
    let name = path.file_name()?.to_str()?;
    Track::parse(name.strip_suffix(LOCK)?)
}

/// The text of a lock file. Its first line is another whenever any other is: two branches that both
/// change something always meet there.
pub fn text(track: &Track, entries: &Entries) -> String {
    let lines: String = entries
        .iter()
        .map(|(name, entry)| {
            let needs: String = entry.needs.iter().map(|need| format!(" {need}")).collect();
            format!("{name} {}{needs}\n", entry.checksum)
        })
        .collect();
    format!("{}{lines}", head(track, &lines))
}

fn head(track: &Track, lines: &str) -> String {
    format!(
        "track {track} {} written by migrate seal, not by hand\n",
        digest(lines.as_bytes())
    )
}

/// Reads a lock file.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn parse(track: &Track, content: &[u8]) -> Result<Entries, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not text".to_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    let conflict = |line: &str| {
        ["<<<<<<<", "=======", ">>>>>>>"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    if text.lines().any(conflict) {
        return Err("a merge has left its conflict in it".to_owned());
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let rest: String = lines.flat_map(|line| [line, "\n"]).collect();
    if format!("{first}\n") != head(track, &rest) {
        return Err("it was edited by hand, or merged".to_owned());
    }
    rest.lines()
        .map(|line| entry(line).ok_or_else(|| format!("`{line}` has no checksum")))
        .collect()
}

/// A name may have blanks in it, but no `/`, as what is needed has.
fn entry(line: &str) -> Option<(String, Entry)> {
    let mut words: Vec<_> = line.split(' ').collect();
    let mut needs = Vec::new();
    while let [.., word @ ("requires" | "before"), step] = words.as_slice()
        && step.contains('/')
    {
        needs.insert(0, format!("{word} {step}"));
        words.truncate(words.len() - 2);
    }
    let (checksum, name) = words.split_last()?;
    let checksum = (*checksum).to_owned();
    let is_whole = !name.is_empty() && !checksum.is_empty();
    is_whole.then(|| (name.join(" "), Entry { checksum, needs }))
}

/// The files of a track as they are, with those beside its migrations.
///
/// # Errors
/// A file cannot be read.
pub fn entries<'a>(
    migrations: impl IntoIterator<Item = &'a Migration>,
    folders: &WorkingFolder,
    interrupt: &Interrupt,
) -> Result<Entries, Error> {
    let mut entries = Entries::new();
    for migration in migrations {
        let own = &migration.name.track;
        let directives = &migration.directives;
        let requires = directives.requires.iter().map(|step| ("requires", step));
        let before = directives
            .before
            .iter()
            .map(|bridge| ("before", &bridge.step));
        let needs: BTreeSet<_> = requires
            .chain(before)
            .filter(|(_, step)| step.track != *own)
            .map(|(word, step)| format!("{word} {step}"))
            .collect();
        let checksum = migration.checksum.as_str().to_owned();
        let needs = needs.into_iter().collect();
        entries.insert(migration.name.file_name(), Entry { checksum, needs });
        let mut add = |path: &Path, checksum: &Checksum| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let checksum = checksum.as_str().to_owned();
            let needs = vec![];
            entries.insert(name.into_owned(), Entry { checksum, needs });
        };
        if let Some(undo) = migration.undoing(folders, interrupt)? {
            add(&undo.path, &undo.checksum);
        }
        let beside = [&migration.validation, &migration.verification];
        for path in beside.into_iter().flatten() {
            add(path, &Checksum::of(&content(path)?, []));
        }
    }
    Ok(entries)
}

/// What is not as it was sealed, in the order of the names.
pub fn compare(sealed: &Entries, found: &Entries) -> Vec<Unsealed> {
    let names: BTreeSet<_> = sealed.keys().chain(found.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let change = match (sealed.get(name), found.get(name)) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                (Some(before), Some(now)) if before != now => Change::Changed,
                _ => return None,
            };
            let file = name.clone();
            Some(Unsealed { change, file })
        })
        .collect()
}

/// What a track's lock file says, if it has one.
///
/// # Errors
/// It cannot be read, is no lock file any more, or is not the only one.
pub fn read(
    root: &Path,
    seals: &[PathBuf],
    track: &Track,
) -> Result<Option<(PathBuf, Entries)>, Error> {
    let own: Vec<_> = seals
        .iter()
        .filter(|path| track_of(path).as_ref() == Some(track))
        .collect();
    let bad = |file: &Path, problem: String| Error::BadSeal {
        track: track.clone(),
        file: relative(root, file),
        problem,
    };
    match own.as_slice() {
        [] => Ok(None),
        [file] => {
            let entries = parse(track, &content(file)?).map_err(|problem| bad(file, problem))?;
            Ok(Some(((*file).clone(), entries)))
        }
        [file, other, ..] => Err(bad(
            other,
            format!(
                "there is another lock file of the same track, {}",
                relative(root, file)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> Track {
        Track::parse("impl").unwrap()
    }

    fn some() -> Entries {
        let entry = |checksum: &str, needs: &[&str]| Entry {
            checksum: checksum.to_owned(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        };
        Entries::from([
            (
                "20240101000000_impl_a.sql".to_owned(),
                entry(
                    "aa",
                    &["before core/20250101000000", "requires core/20240101000000"],
                ),
            ),
            ("20240101000000_impl_a.nu".to_owned(), entry("bb", &[])),
            (
                "20240103000000_impl_c requires  ü.sql".to_owned(),
                entry("dd", &["requires core/20240101000000"]),
            ),
        ])
    }

    #[test]
    fn what_was_written_is_read_whatever_its_line_endings_are() {
        let text = text(&track(), &some());
        assert_eq!(text.lines().count(), 4);
        assert_eq!(parse(&track(), text.as_bytes()).unwrap(), some());
        let other = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(parse(&track(), other.as_bytes()).unwrap(), some());
    }

    #[test]
    fn what_was_edited_is_refused() {
        let text = text(&track(), &some());
        let problem = |text: &str| parse(&track(), text.as_bytes()).unwrap_err();
        assert!(problem(&text.replace(" aa", " cc")).contains("by hand"));
        assert!(problem("").contains("by hand"));
        assert!(problem(&format!("<<<<<<< ours\n{text}")).contains("conflict"));
        assert!(problem(&text.replace("track impl", "track core")).contains("by hand"));
    }

    #[test]
    fn the_differences_are_named() {
        let mut now = some();
        now.remove("20240101000000_impl_a.nu");
        now.insert(
            "20240102000000_impl_b.sql".to_owned(),
            Entry {
                checksum: "x".to_owned(),
                needs: vec![],
            },
        );
        if let Some(entry) = now.get_mut("20240101000000_impl_a.sql") {
            entry.needs.clear();
        }
        let told: Vec<_> = compare(&some(), &now)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "removed 20240101000000_impl_a.nu",
                "changed 20240101000000_impl_a.sql",
                "added 20240102000000_impl_b.sql"
            ]
        );
    }

    #[test]
    fn a_lock_file_is_named_after_its_track() {
        assert_eq!(
            track_of(Path::new("/db/core/core.migrate.lock"))
                .unwrap()
                .as_str(),
            "core"
        );
        for other in ["yarn.lock", ".migrate.lock", "Core.migrate.lock"] {
            assert_eq!(track_of(Path::new(other)), None);
        }
    }
}
