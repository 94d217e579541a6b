//! `migrate seal`: writes a track's lock file, with which runs compare.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Context, Error};
use crate::error::NotWritten;
use crate::tree::seal::{self, Change, Entries, Unsealed};
use crate::tree::{self, Migration, Track, Tree};

/// A track that was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRow {
    pub track: Track,
    pub migrations: usize,
    /// What is not as it was sealed before.
    pub news: Vec<Unsealed>,
    /// The steps of other tracks that its files name.
    pub needs: Vec<String>,
    pub file: PathBuf,
}

impl SealRow {
    /// How many files were added, changed or removed.
    pub fn count(&self, change: Change) -> usize {
        let news = self.news.iter();
        news.filter(|unsealed| unsealed.change == change).count()
    }
}

/// Writes the lock file, unless nothing is to be touched.
///
/// # Errors
/// The directory has no migration, or several tracks and none is named; or the file cannot be written.
pub fn seal(context: &Context, is_dry: bool) -> Result<SealRow, Error> {
    let tree = context.tree()?;
    let track = context.only_track(&tree)?;
    let own = of_track(&tree.migrations, &track);
    let entries = seal::entries(
        own.iter().copied(),
        &context.folders(),
        &context.caller.interrupt,
    )?;
    // One that was edited is written anew, and there must be one only.
    let (file, before) = match seal::read(&tree.root, &tree.seals, &track) {
        Ok(Some((file, before))) => (file, before),
        Ok(None) => (
            folder(&tree, &own).join(seal::file_name(&track)),
            Entries::new(),
        ),
        Err(error @ tree::Error::BadSeal { .. }) => {
            let is_own = |file: &&PathBuf| seal::track_of(file).as_ref() == Some(&track);
            match tree
                .seals
                .iter()
                .filter(is_own)
                .collect::<Vec<_>>()
                .as_slice()
            {
                [file] => ((*file).clone(), Entries::new()),
                _ => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    };
    if !is_dry {
        write(&file, &seal::text(&track, &entries))?;
    }
    let needs: BTreeSet<_> = entries
        .values()
        .flat_map(|entry| &entry.needs)
        .filter_map(|need| need.split(' ').next_back())
        .map(str::to_owned)
        .collect();
    Ok(SealRow {
        migrations: own.len(),
        news: seal::compare(&before, &entries),
        needs: needs.into_iter().collect(),
        track,
        file,
    })
}

/// Are the files of these tracks as they were sealed, where they were?
///
/// # Errors
/// What is not, of the first track.
pub(super) fn require_sealed(
    context: &Context,
    tree: &Tree,
    tracks: &BTreeSet<Track>,
) -> Result<(), tree::Error> {
    if context.is_excerpt() {
        return Ok(());
    }
    let sealed: BTreeSet<_> = tree
        .seals
        .iter()
        .filter_map(|file| seal::track_of(file))
        .collect();
    let is_wanted = |track: &&Track| context.tracks.is_empty() || tracks.contains(*track);
    for track in sealed.iter().filter(is_wanted) {
        unsealed(context, &tree.root, &tree.seals, &tree.migrations, track)?;
    }
    Ok(())
}

/// Compares a track's files with its lock file, if it has one.
pub(super) fn unsealed(
    context: &Context,
    root: &Path,
    seals: &[PathBuf],
    migrations: &[Migration],
    track: &Track,
) -> Result<(), tree::Error> {
    let Some((file, sealed)) = seal::read(root, seals, track)? else {
        return Ok(());
    };
    let own = of_track(migrations, track);
    let found = seal::entries(own, &context.folders(), &context.caller.interrupt)?;
    let unsealed = seal::compare(&sealed, &found);
    if unsealed.is_empty() {
        return Ok(());
    }
    Err(tree::Error::NotSealed {
        track: track.clone(),
        file: tree::relative(root, &file),
        folder: file.parent().unwrap_or(&file).display().to_string(),
        unsealed,
    })
}

fn of_track<'a>(migrations: &'a [Migration], track: &Track) -> Vec<&'a Migration> {
    let own = migrations
        .iter()
        .filter(|migration| migration.name.track == *track);
    own.collect()
}

/// The folder that holds all of a track.
fn folder(tree: &Tree, own: &[&Migration]) -> PathBuf {
    let mut folders = own.iter().filter_map(|migration| migration.path.parent());
    let first = folders.next().unwrap_or(&tree.root).to_owned();
    folders.fold(first, |common, folder| {
        let holds = |ancestor: &&Path| folder.starts_with(ancestor);
        common
            .ancestors()
            .find(holds)
            .unwrap_or(&tree.root)
            .to_owned()
    })
}

/// Whole, or not at all.
fn write(file: &Path, text: &str) -> Result<(), NotWritten> {
    let draft = file.with_extension("lock.draft");
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, file));
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        NotWritten {
            path: file.to_owned(),
            reason: error.to_string(),
        }
    })
}
