//! One migration: its files, what it asks for, and its checksum at this moment.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::cache::{self, Examined, Reader};
use super::checksum::{self, Checksum, Part};
use super::directives::{Directives, Reading, Replacement};
use super::includes::{self, Content, Included, Includes, Start};
use super::name::{Name, Requirement};
use super::text::{Interruptible, Text};
use super::{BadDirective, Error, WorkingFolder, relative};
use crate::error::{Interrupted, Unreadable};
use crate::process::interrupt::Interrupt;

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
    // Whatever went wrong behind a Ctrl-C, it was that.
    let unreadable = |error: io::Error| {
        if interrupt.requested() {
            Error::from(Interrupted)
        } else {
            Unreadable::new(path, &error).into()
        }
    };
    let text = reader.read(path).map_err(unreadable)?;
    let directives = directives(path, &text, interrupt).map_err(unreadable)??;
    let includes = follow(path, &text, folders, &mut reader, interrupt).map_err(unreadable)?;
    let checksum = checksum(path, &text, &includes.files, interrupt).map_err(unreadable)?;
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

fn directives(
    path: &Path,
    text: &Text,
    interrupt: &Interrupt,
) -> io::Result<Result<Directives, BadDirective>> {
    let mut reading = Reading::default();
    let mut taken = Ok(());
    text.lines(path, interrupt, |line, block| {
        if taken.is_ok() {
            taken = reading.take(path, (line, block));
        }
    })?;
    Ok(taken.map(|()| reading.finish()))
}

pub(super) fn follow(
    path: &Path,
    text: &Text,
    folders: &WorkingFolder,
    reader: &mut Reader,
    interrupt: &Interrupt,
) -> io::Result<Includes> {
    let start = Start {
        folder: folders.of(path),
        home: folders.home.as_deref(),
    };
    includes::follow(path, text, start, (reader, interrupt))
}

fn checksum(
    path: &Path,
    text: &Text,
    included: &[Included],
    interrupt: &Interrupt,
) -> io::Result<Checksum> {
    let folder = path.parent().unwrap_or(path);
    let parts = included.iter().map(|file| Part {
        written: &file.written,
        name: relative(folder, &file.path),
        content: content_of(file, interrupt),
        is_in_first_form: file.is_in_first_form,
    });
    match text {
        Text::Held(content) => Ok(Checksum::of(content, parts)),
        Text::Large => Checksum::of_large(&mut Interruptible::open(path, interrupt)?, parts),
    }
}

fn content_of<'a>(file: &'a Included, interrupt: &Interrupt) -> checksum::Content<'a> {
    match &file.content {
        None => checksum::Content::Absent,
        Some(Content::Script(Text::Held(content))) => checksum::Content::Script(content),
        // Gone since it was found: as if it had not been there.
        Some(Content::Script(Text::Large) | Content::Data) => {
            match Interruptible::open(&file.path, interrupt) {
                Err(_) => checksum::Content::Absent,
                Ok(stream) => checksum::Content::Data(Box::new(stream)),
            }
        }
    }
}

/// All of a file.
///
/// # Errors
/// It cannot be read, or is no regular file.
pub fn content(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let read = || {
        let mut content = Vec::new();
        cache::open(path)?.0.read_to_end(&mut content)?;
        Ok(content)
    };
    read().map_err(|error: io::Error| Unreadable::new(path, &error))
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
