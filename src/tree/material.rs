//! What a migration consists of, as it is at this moment. Small scripts are read and lexed once for all
//! who judge them, large ones anew by each. What is right and wrong in SQL is for `sql` to know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cache::Reader;
use super::includes::Content;
use super::migration::{Migration, follow};
use super::text::{Text, each_piece};
use super::{Error, WorkingFolder};
use crate::error::{Interrupted, Unreadable};
use crate::process::interrupt::Interrupt;
use crate::sql::inspection::{Inspection, Inspector, Violation};
use crate::sql::lexer::{Item, scan};
use crate::sql::script::Script;
use crate::sql::variables::Variables;
use crate::sql::variables::usage::{Leftovers, Uses};

pub struct Material {
    own: Source,
    included: Vec<Source>,
    interrupt: Interrupt,
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

    fn each(&self, interrupt: &Interrupt, mut each: impl FnMut(&Script<'_>)) -> Result<(), Error> {
        if let Text::Held(content) = &self.text {
            let items = self.items.as_slice().into();
            each(&Script::scanned(&self.path, content, items));
            return Ok(());
        }
        match each_piece(&self.path, interrupt, each) {
            Err(_) if interrupt.requested() => Err(Interrupted.into()),
            Err(error) => Err(Unreadable::new(&self.path, &error).into()),
            Ok(()) => Ok(()),
        }
    }
}

impl Material {
    /// Reads a migration and what it includes.
    pub fn read(
        migration: &Migration,
        folders: &WorkingFolder,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let path = migration.path.as_path();
        let mut reader = Reader::new();
        let read = reader.read(path).and_then(|text| {
            let includes = follow(path, &text, folders, &mut reader, interrupt)?;
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
            interrupt: interrupt.clone(),
            circles: includes.circles,
            validation: migration.validation_text()?,
            verification: migration.verification_text()?,
        })
    }

    /// Hands over the migration's own script, which comes in pieces if it is large.
    ///
    /// # Errors
    /// A large script cannot be read any more, or the user interrupts; so with the other ways to go
    /// through scripts.
    pub fn own(&self, each: impl FnMut(&Script<'_>)) -> Result<(), Error> {
        self.own.each(&self.interrupt, each)
    }

    /// The scripts among what it includes.
    pub fn included(&self, mut each: impl FnMut(&Script<'_>)) -> Result<(), Error> {
        self.included
            .iter()
            .try_for_each(|source| source.each(&self.interrupt, &mut each))
    }

    /// Its own script, then those that it includes.
    pub fn scripts(&self, mut each: impl FnMut(&Script<'_>)) -> Result<(), Error> {
        self.own(&mut each)?;
        self.included(each)
    }

    /// What its scripts hold, found in one go.
    pub fn judge(&self, users: &Variables) -> Result<Judgement, Error> {
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
/// It cannot be read to its end, or the user interrupts.
pub fn each_script(
    path: &Path,
    interrupt: &Interrupt,
    each: impl FnMut(&Script<'_>),
) -> Result<(), Error> {
    let read = Reader::new().read(path);
    let text = read.map_err(|error| Unreadable::new(path, &error))?;
    Source::new(path.to_owned(), text).each(interrupt, each)
}

/// How long a message may wait for what it is to show.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a script has around a line, which is all of it unless it is large: the number of the first line,
/// and the text.
pub fn around(path: &Path, line: usize) -> Option<(usize, Vec<u8>)> {
    let mut before = (1, Vec::new());
    let mut found: Option<(usize, Vec<u8>)> = None;
    let read = each_script(path, &Interrupt::after(PATIENCE), |script| {
        let end = script.line_of(script.content.len());
        match &mut found {
            // What follows it is shown as well.
            Some((_, text)) if !text.is_empty() && script.line <= line + CONTEXT => {
                text.extend(first_lines(script.content));
            }
            Some(_) => {}
            None if line <= end => {
                let (first, mut text) = std::mem::take(&mut before);
                text.extend(script.content);
                found = Some((first, text));
            }
            None => {
                let last = last_lines(script.content);
                before = (
                    end - memchr::memchr_iter(b'\n', last).count(),
                    last.to_vec(),
                );
            }
        }
    });
    read.ok().and(found)
}

/// How many lines a message shows before and after the one in question, at most.
const CONTEXT: usize = 3;

fn first_lines(text: &[u8]) -> &[u8] {
    let end = memchr::memchr_iter(b'\n', text).nth(CONTEXT - 1);
    end.and_then(|end| text.get(..=end)).unwrap_or(text)
}

fn last_lines(text: &[u8]) -> &[u8] {
    let start = memchr::memrchr_iter(b'\n', text).nth(CONTEXT);
    start
        .and_then(|start| text.get(start + 1..))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_line_is_there_where_two_pieces_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        let lines: String = (1..=300_000)
            .map(|line| format!("SELECT {line:07};\n"))
            .collect();
        std::fs::write(&path, &lines).unwrap();
        // A piece has 1 MiB, and a line 16 bytes.
        for line in [1, 65_534, 65_535, 65_536, 65_537, 65_538, 300_000] {
            let (first, text) = around(&path, line).unwrap();
            let text = String::from_utf8(text).unwrap();
            for near in line.saturating_sub(2).max(1)..=(line + 2).min(300_000) {
                let expected = format!("SELECT {near:07};");
                assert_eq!(text.lines().nth(near - first), Some(&*expected), "{line}");
            }
        }
    }
}
