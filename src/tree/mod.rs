//! From a directory to the sorted migrations in it.
//! Reads the file system and nothing else; must not know the database.

mod cache;
pub mod checksum;
pub mod directives;
pub mod error;
#[cfg(test)]
pub mod examples;
pub mod file_name;
mod includes;
mod material;
mod migration;
mod name;
pub mod seal;
mod text;
mod working_folder;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use walkdir::{DirEntry, WalkDir};

use crate::error::{Interrupted, Unreadable};
use crate::process::interrupt::Interrupt;
pub use cache::forget;
pub use error::{BadDirective, Error};
use file_name::{Kind, Rule};
pub use material::{Judgement, Material, around, each_script};
use migration::examine_once;
pub use migration::{Migration, content, examine};
pub use name::{Bridge, LONGEST_TRACK, Name, Requirement, Track, Version};
pub use working_folder::WorkingFolder;

/// The folders that hold no migrations but what new ones are made from.
pub const TEMPLATES: &str = "templates";

/// What follows a migration's stem in the name of the file that undoes it.
pub const UNDO: &str = "down.sql";

/// What follows it in the name of the file with the queries that must hold behind it.
pub const VERIFICATION: &str = "verify.sql";
/// How long the names of files are looked for, where somebody has pressed Tab.
const NAMES_PATIENCE: Duration = Duration::from_secs(2);

/// Fewer files than this are not worth a thread.
const SHARE: usize = 64;

/// A file that looks like a migration and breaks a naming rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misnamed {
    /// The file, relative to the tree.
    pub file: String,
    /// What is wrong with it.
    pub rule: Rule,
}

/// Everything that was found in a directory.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The directory, as an absolute path.
    pub root: PathBuf,
    /// Its migrations in plan order: by track (`core` first), then by version.
    pub migrations: Vec<Migration>,
    /// The lock files of its tracks.
    pub seals: Vec<PathBuf>,
}

/// Everything that was found in a directory, with what is wrong with it.
#[derive(Debug)]
pub struct Survey {
    /// The directory, as an absolute path.
    pub root: PathBuf,
    /// The migrations that are well, in plan order.
    pub migrations: Vec<Migration>,
    /// The lock files of tracks.
    pub seals: Vec<PathBuf>,
    /// The files that break a naming rule.
    pub misnamed: Vec<Misnamed>,
    /// The files that cannot be read, or ask for something unknown.
    pub unreadable: Vec<(PathBuf, Error)>,
}

impl fmt::Display for Misnamed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file, self.rule)
    }
}

impl Survey {
    /// The migrations that are well.
    pub fn tree(&self) -> Tree {
        Tree {
            root: self.root.clone(),
            migrations: self.migrations.clone(),
            seals: self.seals.clone(),
        }
    }
}

/// The same as [`discover`], and a file with something wrong is no error.
pub fn survey(
    root: &Path,
    folders: &WorkingFolder,
    interrupt: &Interrupt,
) -> Result<Survey, Error> {
    require_directory(root)?;
    let (found, seals, misnamed) = sort_out(root, walk(root, interrupt)?);
    let mut migrations = Vec::new();
    let mut unreadable = Vec::new();
    let paths: Vec<_> = found.iter().map(|found| found.path.clone()).collect();
    for (path, read) in paths.into_iter().zip(read_all(found, folders, interrupt)) {
        match read {
            Ok(migration) => migrations.push(migration),
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(error) => unreadable.push((path, error)),
        }
    }
    migrations.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Survey {
        root: root.to_owned(),
        migrations,
        seals,
        misnamed,
        unreadable,
    })
}

fn require_directory(root: &Path) -> Result<(), Error> {
    let path = root.to_owned();
    match (root.is_dir(), root.exists()) {
        (true, _) => Ok(()),
        (false, true) => Err(Error::NotADirectory { path }),
        (false, false) => Err(Error::NoSuchDirectory { path }),
    }
}

/// Reads a directory and all folders below it, except hidden ones and those named `templates`.
/// Symbolic links are followed.
///
/// # Errors
/// The directory is missing or unreadable; a file in it is unreadable; or files break a naming
/// rule, in which case the error names all of them; or the user interrupts. An empty tree is no
/// error.
pub fn discover(
    root: &Path,
    folders: &WorkingFolder,
    interrupt: &Interrupt,
) -> Result<Tree, Error> {
    require_directory(root)?;
    let (found, seals, misnamed) = sort_out(root, walk(root, interrupt)?);
    if !misnamed.is_empty() {
        return Err(Error::BadNames {
            root: root.to_owned(),
            misnamed,
        });
    }
    let mut migrations = read_all(found, folders, interrupt)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    migrations.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Tree {
        root: root.to_owned(),
        migrations,
        seals,
    })
}

/// The names of all migrations below a directory, in plan order; no file is read.
pub fn names(root: &Path) -> Vec<Name> {
    let files = walk(root, &Interrupt::after(NAMES_PATIENCE)).unwrap_or_default();
    let migration = |file: &PathBuf| match classify(file) {
        Ok(Kind::Migration(name)) => Some(name),
        _ => None,
    };
    let mut names: Vec<_> = files.iter().filter_map(migration).collect();
    names.sort_by(|one, other| (&one.track, &one.version).cmp(&(&other.track, &other.version)));
    names
}

fn walk(root: &Path, interrupt: &Interrupt) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in WalkDir::new(root)
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_skipped(entry))
    {
        check(interrupt)?;
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => files.push(entry.into_path()),
            Err(error) if concerns_nobody(&error) => {}
            Err(error) => return Err(unreadable(root, &error)),
        }
    }
    // By bytes: to compare paths by their parts costs more than to read them.
    files.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    Ok(files)
}

/// A link to nowhere that is no migration: an editor's lock file, a stray note.
fn concerns_nobody(error: &walkdir::Error) -> bool {
    let is_link_to_nowhere = error
        .io_error()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    is_link_to_nowhere
        && error.path().is_some_and(|path| {
            matches!(classify(path), Ok(Kind::Other)) && seal::track_of(path).is_none()
        })
}

fn unreadable(root: &Path, error: &walkdir::Error) -> Error {
    let reason = error
        .io_error()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let path = error.path().unwrap_or(root).to_owned();
    Unreadable { path, reason }.into()
}

fn is_skipped(entry: &DirEntry) -> bool {
    let name = entry.file_name().as_encoded_bytes();
    name.starts_with(b".") || (entry.file_type().is_dir() && name == TEMPLATES.as_bytes())
}

/// A migration's files.
struct Found {
    name: Name,
    path: PathBuf,
    validation: Option<PathBuf>,
    undo: Option<PathBuf>,
    verification: Option<PathBuf>,
}

/// Tells migrations from companions, lock files and others, and collects every broken rule.
fn sort_out(root: &Path, files: Vec<PathBuf>) -> (Vec<Found>, Vec<PathBuf>, Vec<Misnamed>) {
    let mut migrations = Vec::new();
    let mut seals = Vec::new();
    let mut companions = Vec::new();
    let mut validations = BTreeSet::new();
    let mut undos = BTreeSet::new();
    let mut verifications = BTreeSet::new();
    let mut misnamed = Vec::new();
    for path in files {
        match classify(&path) {
            Ok(Kind::Migration(name)) => migrations.push((name, path)),
            Ok(Kind::Validation(name)) => {
                validations.insert(path.clone());
                companions.push((name, path));
            }
            Ok(Kind::Undo(name)) => {
                undos.insert(path.clone());
                companions.push((name, path));
            }
            Ok(Kind::Verification(name)) => {
                verifications.insert(path.clone());
                companions.push((name, path));
            }
            Ok(Kind::Other) if seal::track_of(&path).is_some() => seals.push(path),
            Ok(Kind::Other) => {}
            Err(rule) => misnamed.push(Misnamed {
                file: relative(root, &path),
                rule,
            }),
        }
    }
    misnamed.extend(duplicates(root, &migrations));
    misnamed.extend(orphans(root, &migrations, &companions));
    misnamed.sort_by(|one, other| one.file.cmp(&other.file));
    let companion = |of: &mut BTreeSet<PathBuf>, path: &Path, extension| {
        (!of.is_empty()).then(|| of.take(&path.with_extension(extension)))?
    };
    let found = migrations
        .into_iter()
        .map(|(name, path)| Found {
            validation: companion(&mut validations, &path, "nu"),
            undo: companion(&mut undos, &path, UNDO),
            verification: companion(&mut verifications, &path, VERIFICATION),
            name,
            path,
        })
        .collect();
    (found, seals, misnamed)
}

fn classify(path: &Path) -> Result<Kind, Rule> {
    let Some(file_name) = path.file_name() else {
        return Ok(Kind::Other);
    };
    match file_name.to_str() {
        // The path goes to psql as text.
        Some(name) => match file_name::classify(name) {
            Ok(Kind::Migration(_)) if path.to_str().is_none() => Err(Rule::NotUnicode),
            other => other,
        },
        // What is readable of the name decides whether it looks like a migration at all.
        None => match file_name::classify(&file_name.to_string_lossy()) {
            Ok(Kind::Other) => Ok(Kind::Other),
            _ => Err(Rule::NotUnicode),
        },
    }
}

fn duplicates(root: &Path, migrations: &[(Name, PathBuf)]) -> Vec<Misnamed> {
    let mut first = BTreeMap::new();
    let mut found = Vec::new();
    for (name, path) in migrations {
        let own = name.is_repeatable().then_some(&name.description);
        if let Some(earlier) = first.insert((&name.track, &name.version, own), path) {
            let by = relative(root, earlier);
            found.push(Misnamed {
                file: relative(root, path),
                rule: match own {
                    Some(_) => Rule::NameTaken { by },
                    None => Rule::TimestampTaken { by },
                },
            });
        }
    }
    found
}

fn orphans(
    root: &Path,
    migrations: &[(Name, PathBuf)],
    companions: &[(Name, PathBuf)],
) -> Vec<Misnamed> {
    if companions.is_empty() {
        return vec![];
    }
    let beside = |name: &Name, path: &Path| path.with_file_name(name.file_name());
    let present: BTreeSet<_> = migrations.iter().map(|(_, path)| path.clone()).collect();
    companions
        .iter()
        .filter(|(name, path)| !present.contains(&beside(name, path)))
        .map(|(name, path)| Misnamed {
            file: relative(root, path),
            rule: Rule::CompanionAlone {
                missing: name.file_name(),
            },
        })
        .collect()
}

fn check(interrupt: &Interrupt) -> Result<(), Error> {
    if interrupt.requested() {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}

/// Reads migrations on every core, and gives them in their order.
fn read_all(
    mut found: Vec<Found>,
    folders: &WorkingFolder,
    interrupt: &Interrupt,
) -> Vec<Result<Migration, Error>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = found.len().div_ceil(threads).max(SHARE);
    let mut shares = Vec::new();
    while found.len() > share {
        shares.push(found.split_off(found.len() - share));
    }
    let read_share = |share: Vec<Found>| -> Vec<_> {
        share
            .into_iter()
            .map(|found| read(found, folders, interrupt))
            .collect()
    };
    thread::scope(|scope| {
        let others: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(|| read_share(share)))
            .collect();
        let mut all = read_share(found);
        for other in others.into_iter().rev() {
            all.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        all
    })
}

fn read(found: Found, folders: &WorkingFolder, interrupt: &Interrupt) -> Result<Migration, Error> {
    check(interrupt)?;
    let (directives, checksum) = examine_once(&found.path, folders, interrupt)?;
    Ok(Migration {
        name: found.name,
        directives,
        checksum,
        path: found.path,
        validation: found.validation,
        undo: found.undo,
        verification: found.verification,
    })
}

/// A path as people write it: relative to the tree, where it lies inside.
pub fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WorkingDirectory;
    use std::fs;
    use std::time::Duration;

    fn find(root: &tempfile::TempDir) -> Result<Tree, Error> {
        let folders = WorkingFolder {
            choice: WorkingDirectory::Migration,
            tree: root.path().to_owned(),
            caller: root.path().to_owned(),
            home: None,
        };
        discover(
            root.path(),
            &folders,
            &Interrupt::after(Duration::from_secs(60)),
        )
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "SELECT 1;\n").unwrap();
        }
        root
    }

    #[test]
    fn plan_order_whatever_the_folders() {
        let root = tree(&[
            "z/20240101000000_acme_a.sql",
            "z/deep/er/20240103000000_core_late.sql",
            "impl/20240101000000_impl_a.sql",
            "impl/README.md",
            "impl/helper.sql",
            "20240102000000_core_early.sql",
            "20240102000000_core_early.nu",
            ".hidden/not a migration",
            ".hidden/20240101_x.sql",
            "templates/20240101_x.sql",
        ]);
        let found = find(&root).unwrap();
        let names: Vec<_> = found
            .migrations
            .iter()
            .map(|found| found.name.file_name())
            .collect();
        assert_eq!(
            names,
            [
                "20240102000000_core_early.sql",
                "20240103000000_core_late.sql",
                "20240101000000_acme_a.sql",
                "20240101000000_impl_a.sql",
            ]
        );
    }

    #[test]
    fn all_broken_rules_are_reported_at_once() {
        let root = tree(&[
            "20240101000000_core_a.sql",
            "sub/20240101000000_core_b.sql",
            "20240102000000_Core_x.sql",
            "20240103000000_core_x.nu",
            "2024_core_x.sql",
        ]);
        let Err(Error::BadNames { misnamed, .. }) = find(&root) else {
            panic!("the names are bad");
        };
        let files: Vec<_> = misnamed.iter().map(|found| found.file.as_str()).collect();
        assert_eq!(
            files,
            [
                "20240102000000_Core_x.sql",
                "20240103000000_core_x.nu",
                "2024_core_x.sql",
                "sub/20240101000000_core_b.sql",
            ]
        );
    }
}
