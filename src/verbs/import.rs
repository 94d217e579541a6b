//! `migrate import`: a folder of another tool becomes a track of ours.
//! Writes files, never over another; must not know the database.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::context::plain;
use super::{Context, Error};
use crate::error::{NotWritten, Unreadable};
use crate::foreign::folder::{Imported, Outcome, Side, Source, import as convert};
use crate::foreign::{self, Tool};
use crate::settings::Shell;
use crate::tree::{self, LONGEST_TRACK, Name, Track, content, relative};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub tool: Tool,
    /// Where the files go, as typed; its last part is the track, unless one is named.
    pub into: String,
    pub dry_run: bool,
}

/// A row of `migrate import`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    pub from: String,
    /// `None` where it has no counterpart.
    pub to: Option<PathBuf>,
    pub kind: String,
    /// The directives put on top, or why it was left out.
    pub note: String,
}

/// Turns the folder into files of ours, all of them or none.
pub fn import(context: &Context, order: &Order) -> Result<Vec<ImportRow>, Error> {
    let into = order_folder(&context.caller.shell, &order.into);
    let track = track(context, &into)?;
    if into.starts_with(&context.root) {
        return Err(foreign::Error::IntoItself { into }.into());
    }
    let sources = read(&context.root)?;
    let imported = convert(order.tool, &track, &sources)?;
    let taken: Vec<_> = imported
        .iter()
        .filter_map(|found| target(&into, found))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !taken.is_empty() {
        return Err(foreign::Error::Taken { files: taken }.into());
    }
    if !order.dry_run {
        write(&into, &imported)?;
    }
    Ok(imported.iter().map(|found| row(&into, found)).collect())
}

fn order_folder(shell: &Shell, typed: &str) -> PathBuf {
    plain(&shell.directory.join(typed))
}

/// The track that is named, else the folder's name.
fn track(context: &Context, into: &Path) -> Result<Track, Error> {
    if let [track] = context.tracks.as_slice() {
        return Ok(track.clone());
    }
    let name = into.file_name().unwrap_or_default().to_string_lossy();
    let track = Track::parse(&name).filter(|track| track.as_str() != tree::TEMPLATES);
    track.ok_or_else(|| {
        foreign::Error::NoTrack {
            name: name.into_owned(),
            longest: LONGEST_TRACK,
        }
        .into()
    })
}

fn read(root: &Path) -> Result<Vec<Source>, tree::Error> {
    if !root.is_dir() {
        let path = root.to_owned();
        return Err(if root.exists() {
            tree::Error::NotADirectory { path }
        } else {
            tree::Error::NoSuchDirectory { path }
        });
    }
    let mut sources = Vec::new();
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let entries = WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    for entry in entries {
        let entry = entry.map_err(|error| Unreadable {
            path: error.path().unwrap_or(root).to_owned(),
            reason: error.to_string(),
        })?;
        if !entry.file_type().is_dir() {
            sources.push(Source {
                path: relative(root, entry.path()),
                content: content(entry.path())?,
            });
        }
    }
    Ok(sources)
}

fn file_name(name: &Name, side: Side) -> String {
    match side {
        Side::Up => name.file_name(),
        Side::Down => name.undo_name(),
    }
}

fn target(into: &Path, imported: &Imported) -> Option<PathBuf> {
    match &imported.outcome {
        Outcome::File { name, side, .. } => Some(into.join(file_name(name, *side))),
        Outcome::Skipped(_) => None,
    }
}

/// Writes all files; where one cannot be written, none stays.
fn write(into: &Path, imported: &[Imported]) -> Result<(), NotWritten> {
    let not_written = |path: &Path, error: io::Error| NotWritten {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    fs::create_dir_all(into).map_err(|error| not_written(into, error))?;
    let mut written: Vec<PathBuf> = Vec::new();
    for found in imported {
        let (Some(path), Outcome::File { content, .. }) = (target(into, found), &found.outcome)
        else {
            continue;
        };
        if let Err(error) = write_new(&path, content) {
            for path in &written {
                // What cannot be removed either is named by the next try.
                let _ = fs::remove_file(path);
            }
            return Err(not_written(&path, error));
        }
        written.push(path);
    }
    Ok(())
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)
}

fn row(into: &Path, found: &Imported) -> ImportRow {
    let (kind, note) = match &found.outcome {
        Outcome::File {
            side, directives, ..
        } => (side.to_string(), directives.join(", ")),
        Outcome::Skipped(reason) => ("skipped".to_owned(), (*reason).to_owned()),
    };
    ImportRow {
        from: found.from.clone(),
        to: target(into, found),
        kind,
        note,
    }
}
