//! `migrate snapshot`: the schema as one readable file per object.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use walkdir::WalkDir;

use super::{Context, Error};
use crate::database::catalog::{Catalog, Detail};
use crate::database::snapshot::{self, File};
use crate::error::{NotWritten, Unreadable};
use crate::tree::{self, relative};

/// A file of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    pub kind: String,
    pub name: String,
    /// `written`, `same` or `removed`.
    pub state: &'static str,
    pub file: PathBuf,
}

/// Writes the schema to a folder, and removes the files of objects that are gone.
///
/// # Errors
/// A file cannot be written, or a file in the folder is none of a snapshot.
pub fn snapshot(context: &Context, to: &str, detail: Detail) -> Result<Vec<SnapshotRow>, Error> {
    let folder = context.caller.shell.directory.join(to);
    let before = texts(&folder, Missing::IsEmpty)?;
    let catalog = context
        .address()?
        .dial(&context.caller.interrupt)?
        .answer()?
        .catalog(detail)?;
    let mut rows = Vec::new();
    let mut stale: BTreeMap<_, _> = before.iter().collect();
    for File {
        kind,
        name,
        path,
        text,
    } in snapshot::files(&catalog)
    {
        stale.remove(&path);
        let file = folder.join(&path);
        let state = if before.get(&path) == Some(&text) {
            "same"
        } else {
            write(&file, &text)?;
            "written"
        };
        rows.push(SnapshotRow {
            kind,
            name,
            state,
            file,
        });
    }
    for (path, text) in stale {
        let file = folder.join(path);
        fs::remove_file(&file).map_err(|error| not_written(&file, &error))?;
        let Some((kind, name)) = snapshot::head(text) else {
            continue;
        };
        rows.push(SnapshotRow {
            kind,
            name,
            state: "removed",
            file,
        });
    }
    Ok(rows)
}

/// A schema as a snapshot would have it.
pub(super) fn comparable(catalog: &Catalog) -> Catalog {
    let files = snapshot::files(catalog);
    snapshot::read(files.iter().map(|file| file.text.as_str()))
}

/// The schema as a snapshot in a folder has it.
pub(super) fn kept(folder: &Path) -> Result<Catalog, Error> {
    let texts = texts(folder, Missing::IsAnError)?;
    if texts.is_empty() {
        let folder = folder.to_owned();
        return Err(Error::EmptySnapshot { folder });
    }
    Ok(snapshot::read(texts.values().map(String::as_str)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsEmpty,
    IsAnError,
}

/// The snapshot's files, by their path below the folder.
fn texts(folder: &Path, missing: Missing) -> Result<BTreeMap<String, String>, Error> {
    let mut texts = BTreeMap::new();
    if missing == Missing::IsEmpty && !folder.exists() {
        return Ok(texts);
    }
    for entry in WalkDir::new(folder).min_depth(1) {
        let unreadable = |path: &Path, error: &dyn std::error::Error| {
            let path = path.to_owned();
            let reason = error.to_string();
            Error::from(tree::Error::from(Unreadable { path, reason }))
        };
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let path = entry.path();
        if !entry.file_type().is_file() || path.extension().is_none_or(|end| end != "sql") {
            continue;
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        if !snapshot::is_ours(&text) {
            let path = path.to_owned();
            return Err(Error::NoSnapshot { path });
        }
        texts.insert(relative(folder, path), text);
    }
    Ok(texts)
}

fn write(path: &Path, text: &str) -> Result<(), NotWritten> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &io::Error) -> NotWritten {
    NotWritten {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
