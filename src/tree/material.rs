//! What a migration consists of, as it is at this moment: its scripts, read once for all who judge them.
//! Large scripts are read anew by each. Must not judge what it reads.

use std::path::{Path, PathBuf};

use super::WorkingFolder;
use super::cache::Reader;
use super::includes::Content;
use super::migration::{Migration, follow};
use super::text::{Text, each_piece};
use crate::error::Unreadable;
use crate::sql::inspection::{Inspection, Inspector, Violation};
use crate::sql::lexer::{Item, scan};
use crate::sql::script::Script;
use crate::sql::variables::Variables;
use crate::sql::variables::usage::{Leftovers, Uses};

pub struct Material {
    own: Source,
    included: Vec<Source>,
    /// The includes that lead back to a file they are in.
    pub circles: Vec<Violation>,
    /// The text of the validation script, if there is one.
    pub validation: Option<String>,
    /// The queries that must hold behind it, if there are any.
    pub verification: Option<Vec<u8>>,
}

/// A script.
struct Source {
    path: PathBuf,
    text: Text,
    /// Of a large one there are none here.
    items: Vec<Item>,
}

impl Source {
    fn new(path: PathBuf, text: Text) -> Self {
        let items = match &text {
            Text::Held(content) => scan(content),
            Text::Large => Vec::new(),
        };
        Self { path, text, items }
    }

    fn each(&self, mut each: impl FnMut(&Script<'_>)) -> Result<(), Unreadable> {
        match &self.text {
            Text::Held(content) => {
                each(&Script::scanned(
                    &self.path,
                    content,
                    self.items.as_slice().into(),
                ));
                Ok(())
            }
            Text::Large => {
                each_piece(&self.path, each).map_err(|error| Unreadable::new(&self.path, &error))
            }
        }
    }
}

impl Material {
    /// Reads a migration and what it includes.
    pub fn read(migration: &Migration, folders: &WorkingFolder) -> Result<Self, Unreadable> {
        let path = migration.path.as_path();
        let mut reader = Reader::new();
        let read = reader.read(path).and_then(|text| {
            let includes = follow(path, &text, folders, &mut reader)?;
            Ok((text, includes))
        });
        let (text, includes) = read.map_err(|error| Unreadable::new(path, &error))?;
        let included = includes
            .files
            .into_iter()
            .filter_map(|file| match file.content {
                Some(Content::Script(text)) => Some(Source::new(file.path, text)),
                _ => None,
            });
        Ok(Self {
            own: Source::new(path.to_owned(), text),
            included: included.collect(),
            circles: includes.circles,
            validation: migration.validation_text()?,
            verification: migration.verification_text()?,
        })
    }

    /// Hands over the migration's own script, which comes in pieces if it is large.
    ///
    /// # Errors
    /// A large script cannot be read any more; so with the other ways to go through scripts.
    pub fn own(&self, each: impl FnMut(&Script<'_>)) -> Result<(), Unreadable> {
        self.own.each(each)
    }

    /// The scripts among what it includes.
    pub fn included(&self, mut each: impl FnMut(&Script<'_>)) -> Result<(), Unreadable> {
        self.included
            .iter()
            .try_for_each(|source| source.each(&mut each))
    }

    /// Its own script, then those that it includes.
    pub fn scripts(&self, mut each: impl FnMut(&Script<'_>)) -> Result<(), Unreadable> {
        self.own(&mut each)?;
        self.included(each)
    }

    /// What its scripts hold, found in one go.
    pub fn judge(&self, users: &Variables) -> Result<Judgement, Unreadable> {
        let mut inspector = Inspector::default();
        let mut uses = Uses::new(users);
        let mut leftovers = Leftovers::default();
        self.included(|script| uses.expect(script))?;
        self.own(|script| {
            inspector.own(script);
            uses.own(script);
            leftovers.take(script);
        })?;
        self.included(|script| {
            inspector.included(script);
            uses.included(script);
            leftovers.take(script);
        })?;
        Ok(Judgement {
            inspection: inspector.finish(),
            unset: uses.finish(),
            leftovers,
        })
    }
}

/// What the scripts of a migration hold.
pub struct Judgement {
    /// What they would do to the run around them.
    pub inspection: Inspection,
    /// The uses of variables that nobody has set.
    pub unset: Vec<Violation>,
    /// What they leave in psql.
    pub leftovers: Leftovers,
}

/// Hands over a script of any size.
///
/// # Errors
/// It cannot be read to its end.
pub fn each_script(path: &Path, each: impl FnMut(&Script<'_>)) -> Result<(), Unreadable> {
    let read = Reader::new().read(path);
    let text = read.map_err(|error| Unreadable::new(path, &error))?;
    Source::new(path.to_owned(), text).each(each)
}

/// What a script has around a line, which is all of it unless it is large: the number of the first line,
/// and the text.
pub fn around(path: &Path, line: usize) -> Option<(usize, Vec<u8>)> {
    let mut found = None;
    let read = each_script(path, |script| {
        if script.line <= line {
            found = Some((script.line, script.content.to_vec()));
        }
    });
    read.ok().and(found)
}
