//! One migration: its files, and what is in them at this moment.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::cache::{self, Examined, Reader};
use super::checksum::{self, Checksum, Part};
use super::directives::{self, Directives, Replacement};
use super::includes::{self, Content, Included, Includes, Start};
use super::name::{Name, Requirement};
use super::{Error, WorkingFolder, relative};
use crate::error::{Interrupted, Unreadable};
use crate::process::interrupt::Interrupt;
use crate::sql::inspection::{Script, Violation};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub name: Name,
    /// The file, as an absolute path.
    pub path: PathBuf,
    pub validation: Option<PathBuf>,
    /// The file that undoes it, which is read only when it is to run.
    pub undo: Option<PathBuf>,
    /// The queries that must hold behind it.
    pub verification: Option<PathBuf>,
    pub directives: Directives,
    /// What the file's content was when it was read, with all it includes.
    pub checksum: Checksum,
}

/// What a migration's file asks for, and its checksum, as it is at this moment. Remembered for
/// [`examine_once`].
pub fn examine(
    path: &Path,
    folders: &WorkingFolder,
    interrupt: &Interrupt,
) -> Result<Examined, Error> {
    let mut reader = Reader::new();
    let content = read(path, &mut reader)?;
    let directives = directives::read(path, &content)?;
    let includes = follow(path, &content, folders, &mut reader);
    let checksum = checksum(path, &content, &includes.files, interrupt);
    if interrupt.requested() {
        return Err(Interrupted.into());
    }
    let replaces = directives.replaces.as_ref();
    let checksum = match replaces.map(Replacement::recorded) {
        Some(others) => checksum.standing_for(others),
        None => checksum,
    };
    let examined = (directives, checksum);
    reader.remember(path, folders, &examined);
    Ok(examined)
}

/// The same for files that are not about to run: what is remembered of them is enough.
pub fn examine_once(
    path: &Path,
    folders: &WorkingFolder,
    interrupt: &Interrupt,
) -> Result<Examined, Error> {
    cache::recall(path, folders).map_or_else(|| examine(path, folders, interrupt), Ok)
}

fn follow(path: &Path, content: &[u8], folders: &WorkingFolder, reader: &mut Reader) -> Includes {
    let start = Start {
        folder: folders.of(path),
        home: folders.home.as_deref(),
    };
    includes::follow(path, content, start, reader)
}

fn checksum(path: &Path, content: &[u8], included: &[Included], interrupt: &Interrupt) -> Checksum {
    let folder = path.parent().unwrap_or(path);
    let parts = included.iter().map(|file| Part {
        written: &file.written,
        name: relative(folder, &file.path),
        content: content_of(file, interrupt),
        is_in_first_form: file.is_in_first_form,
    });
    Checksum::of(content, parts)
}

fn content_of<'a>(file: &'a Included, interrupt: &Interrupt) -> checksum::Content<'a> {
    match &file.content {
        None => checksum::Content::Absent,
        Some(Content::Script(content)) => checksum::Content::Script(content),
        // Gone since it was found: as if it had not been there.
        Some(Content::Data) => match cache::open(&file.path) {
            Err(_) => checksum::Content::Absent,
            Ok((file, _)) => checksum::Content::Data(Box::new(Interruptible {
                file,
                interrupt: interrupt.clone(),
            })),
        },
    }
}

/// A file that is large enough to press Ctrl-C while it is read.
struct Interruptible {
    file: File,
    interrupt: Interrupt,
}

impl Read for Interruptible {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.requested() {
            return Err(io::Error::other("interrupted"));
        }
        self.file.read(buffer)
    }
}

impl Seek for Interruptible {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

pub fn content(path: &Path) -> Result<Vec<u8>, Unreadable> {
    read(path, &mut Reader::new())
}

fn read(path: &Path, reader: &mut Reader) -> Result<Vec<u8>, Unreadable> {
    reader.read(path).map_err(|error| Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// What a migration consists of, as it is at this moment.
pub struct Material {
    content: Vec<u8>,
    includes: Includes,
    /// The text of the validation script, if there is one.
    pub validation: Option<String>,
    /// The queries that must hold behind it, if there are any.
    pub verification: Option<Vec<u8>>,
}

impl Material {
    /// Reads a migration and what it includes.
    pub fn read(migration: &Migration, folders: &WorkingFolder) -> Result<Self, Unreadable> {
        let path = migration.path.as_path();
        let mut reader = Reader::new();
        let content = read(path, &mut reader)?;
        let includes = follow(path, &content, folders, &mut reader);
        Ok(Self {
            content,
            includes,
            validation: migration.validation_text()?,
            verification: migration.verification_text()?,
        })
    }

    pub fn script<'a>(&'a self, migration: &'a Migration) -> Script<'a> {
        Script {
            path: &migration.path,
            content: &self.content,
        }
    }

    /// The scripts among what it includes.
    pub fn scripts(&self) -> Vec<Script<'_>> {
        self.includes
            .files
            .iter()
            .filter_map(|file| {
                Some(Script {
                    path: &file.path,
                    content: file.script()?,
                })
            })
            .collect()
    }

    /// The includes that lead back to a file they are in.
    pub fn circles(&self) -> &[Violation] {
        &self.includes.circles
    }
}

impl Migration {
    /// What others require it by.
    pub fn identity(&self) -> Requirement {
        Requirement {
            track: self.name.track.clone(),
            version: self.name.version.clone(),
        }
    }

    /// Is it this one, or does it stand for it?
    pub fn provides(&self, requirement: &Requirement) -> bool {
        let is_it =
            self.name.track == requirement.track && self.name.version == requirement.version;
        let replaces = self.directives.replaces.as_ref();
        is_it || replaces.is_some_and(|replaces| replaces.holds(requirement))
    }

    /// The file that undoes it, as a migration of the same name; `None` where there is none.
    pub fn undoing(
        &self,
        folders: &WorkingFolder,
        interrupt: &Interrupt,
    ) -> Result<Option<Self>, Error> {
        let read = |path: &PathBuf| {
            let (directives, checksum) = examine(path, folders, interrupt)?;
            Ok(Self {
                name: self.name.clone(),
                path: path.clone(),
                validation: None,
                undo: None,
                verification: None,
                directives,
                checksum,
            })
        };
        self.undo.as_ref().map(read).transpose()
    }

    /// The text of the validation script beside it, if there is one.
    pub fn validation_text(&self) -> Result<Option<String>, Unreadable> {
        let text = |path| Ok(String::from_utf8_lossy(&content(path)?).into_owned());
        self.validation.as_deref().map(text).transpose()
    }

    /// The queries that must hold behind it, if there are any.
    pub fn verification_text(&self) -> Result<Option<Vec<u8>>, Unreadable> {
        self.verification.as_deref().map(content).transpose()
    }
}
