//! `migrate squash`: one migration in place of a track's first ones, proven to make the same.
//! Speaks to scratch databases alone; the target only says which server it is.

mod draft;
mod error;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::run::run;
use super::scratch::{in_scratch, reaches};
use super::{Context, Error as VerbError};
use crate::database::catalog::{Catalog, Detail, Difference, compare};
use crate::database::dump::{Dump, Dumper};
use crate::error::{NotWritten, count};
use crate::plan::Request;
use crate::preflight::Preflight;
use crate::tree::{Migration, Requirement, Version, examine};
use draft::Draft;
pub use error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is no later is replaced.
    pub to: Version,
    /// Prove it, and leave no file.
    pub dry_run: bool,
}

/// A row of `migrate squash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquashRow {
    pub file: PathBuf,
    pub replaces: String,
    /// How many files.
    pub migrations: usize,
    /// What it requires of other tracks.
    pub requires: Vec<String>,
    pub is_written: bool,
}

/// Makes the file, proves it, and leaves it beside those that it replaces.
///
/// # Errors
/// Nothing is written then.
pub fn squash(
    context: &Context,
    order: &Order,
    preflight: &Preflight<'_>,
) -> Result<Vec<SquashRow>, VerbError> {
    let tree = context.tree()?;
    let track = context.only_track(&tree)?;
    let draft = Draft::new(&tree.migrations, &track, &order.to)?;
    let range: BTreeSet<_> = draft.range.iter().map(|found| found.identity()).collect();
    let reaching = reaches(&context.excerpt(&range, None))?;
    if !reaching.is_empty() {
        let reaches = reaching.iter().map(ToString::to_string).collect();
        return Err(Error::Reaching { reaches }.into());
    }
    let workshop = Workshop {
        context,
        preflight,
        others: &draft.others,
        range: &range,
    };
    let progress = preflight.progress;
    let files = count(draft.range.len(), "file", "files");
    progress.note(&format!("running {files} in a scratch database"));
    let (old, content) = workshop.old_way(&draft)?;
    progress.note("running the new file in another scratch database");
    let new = workshop.new_way(&draft, &content)?;
    let differences = old.differences(&new);
    if !differences.is_empty() {
        return Err(Error::Differs { differences }.into());
    }
    if !order.dry_run {
        write_new(&draft.path, &content)?;
    }
    Ok(vec![SquashRow {
        replaces: draft.span.to_string(),
        migrations: draft.range.len(),
        requires: draft.requires.iter().map(ToString::to_string).collect(),
        file: draft.path,
        is_written: !order.dry_run,
    }])
}

/// Where both ways are gone.
struct Workshop<'a> {
    context: &'a Context,
    preflight: &'a Preflight<'a>,
    /// What of other tracks is there before.
    others: &'a BTreeSet<Requirement>,
    range: &'a BTreeSet<Requirement>,
}

impl Workshop<'_> {
    /// What the old files make, and the new file.
    fn old_way(&self, draft: &Draft<'_>) -> Result<(Picture, Vec<u8>), VerbError> {
        let all: BTreeSet<_> = self.others.union(self.range).cloned().collect();
        let context = self.context.excerpt(&all, None);
        self.in_scratch(&context, |scratch, dumper| {
            if !self.others.is_empty() {
                self.run(&scratch.excerpt(self.others, None))?;
            }
            let mut database = dial(scratch)?;
            let address = scratch.address()?;
            let before = dumper.dump(&address, &mut database)?.objects();
            self.run(scratch)?;
            let (picture, dump) = Picture::take(scratch, dumper)?;
            let text = dumper.text(&dump, &before)?;
            let statements = statements(&text, &picture.user)?;
            Ok((picture, script::file(&draft.directives(), &statements)))
        })
    }

    /// What the new file makes, where it stands among the old ones.
    fn new_way(&self, draft: &Draft<'_>, content: &[u8]) -> Result<Picture, VerbError> {
        let folder = tempfile::Builder::new().prefix("migrate-").tempdir();
        let folder = folder.map_err(|error| not_written(&std::env::temp_dir(), &error))?;
        let path = folder.path().join(draft.name.file_name());
        fs::write(&path, content).map_err(|error| not_written(&path, &error))?;
        let (directives, checksum) = examine(
            &path,
            &self.context.folders(),
            &self.context.caller.interrupt,
        )?;
        let added = Migration {
            name: draft.name.clone(),
            path,
            validation: None,
            undo: None,
            verification: None,
            directives,
            checksum,
        };
        let all: BTreeSet<_> = self.others.union(self.range).cloned().collect();
        let context = self.context.excerpt(&all, Some(added));
        self.in_scratch(&context, |scratch, dumper| {
            self.run(scratch)?;
            Ok(Picture::take(scratch, dumper)?.0)
        })
    }

    fn in_scratch<T>(
        &self,
        context: &Context,
        work: impl Fn(&Context, &Dumper) -> Result<T, VerbError>,
    ) -> Result<T, VerbError> {
        let target = dial(self.context)?;
        in_scratch(context, target, self.preflight.progress, |scratch| {
            let database = dial(scratch)?;
            let major = database.server.major();
            let interrupt = &scratch.caller.interrupt;
            work(
                scratch,
                &Dumper::find(&scratch.address()?, major, interrupt)?,
            )
        })
    }

    fn run(&self, scratch: &Context) -> Result<(), VerbError> {
        let request = Request {
            transaction: self.context.transaction_mode(),
            ..Request::default()
        };
        run(scratch, &request, self.preflight).map(drop)
    }
}

fn dial(context: &Context) -> Result<crate::database::Database, VerbError> {
    let dialing = context.address()?.dial(&context.caller.interrupt)?;
    Ok(dialing.answer()?)
}

fn statements(dump: &[u8], user: &str) -> Result<Vec<Vec<u8>>, Error> {
    script::statements(dump, user).map_err(|command| Error::OddDump { command })
}

/// All that a database has: its objects, and every statement of a dump, with its rows.
struct Picture {
    catalog: Catalog,
    statements: Vec<Vec<u8>>,
    user: String,
}

impl Picture {
    fn take(scratch: &Context, dumper: &Dumper) -> Result<(Self, Dump), VerbError> {
        let mut database = dial(scratch)?;
        let user: String = database.ask_json("SELECT to_json(current_user::text);\n")?;
        let dump = dumper.dump(&scratch.address()?, &mut database)?;
        let text = dumper.text(&dump, &BTreeSet::new())?;
        let picture = Self {
            catalog: database.catalog(Detail::Everything)?,
            statements: statements(&text, &user)?,
            user,
        };
        Ok((picture, dump))
    }

    /// What of the new way is not as it was the old way.
    fn differences(&self, new: &Self) -> Vec<Difference> {
        let settle = |text: &Option<String>| text.as_deref().map(script::settled);
        let mut found = compare(&self.catalog, &new.catalog);
        found.retain(|found| settle(&found.target) != settle(&found.scratch));
        if found.is_empty() {
            found = compare_statements(&self.statements, &new.statements);
        }
        found
    }
}

/// Of two dumps, the statements that only one of them has; their order is pg_dump's.
fn compare_statements(old: &[Vec<u8>], new: &[Vec<u8>]) -> Vec<Difference> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (statements, step) in [(old, 1), (new, -1)] {
        for statement in statements {
            let text = script::settled(&String::from_utf8_lossy(statement));
            *counts.entry(text).or_default() += step;
        }
    }
    counts.retain(|_, count| *count != 0);
    counts
        .into_iter()
        .map(|(text, count)| {
            let line: String = text
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(80)
                .collect();
            Difference {
                part_of: None,
                kind: "statement".to_owned(),
                name: line,
                target: (count > 0).then(|| text.clone()),
                scratch: (count < 0).then_some(text),
            }
        })
        .collect()
}

fn not_written(path: &Path, error: &io::Error) -> NotWritten {
    NotWritten {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Never over another file, and whole or not at all.
fn write_new(path: &Path, content: &[u8]) -> Result<(), NotWritten> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(content).inspect_err(|_| {
            // What cannot be removed either is named by the next try.
            let _ = fs::remove_file(path);
        })
    };
    write().map_err(|error| not_written(path, &error))
}
