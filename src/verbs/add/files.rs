//! Makes new migration files: where, under which name, with which content.
//! Writes files, never over another; must not know the database.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::template::{self, Template};
use super::{AddedRow, Error, Kind, naming};
use crate::error::NotWritten;
use crate::tree::{Migration, Name, Track, Version};
use crate::tree::{TEMPLATES, UNDO};

/// The track and the folder of a new migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub track: Track,
    pub folder: PathBuf,
}

impl Place {
    /// The named track, else the only one in the directory, else the directory's name; and the
    /// folder that already holds this track.
    ///
    /// # Errors
    /// The directory holds several tracks, or its name cannot be a track.
    pub fn choose(root: &Path, present: &[Migration], named: &[Track]) -> Result<Self, Error> {
        let track = match named {
            [track] => track.clone(),
            [] => Self::track_of(root, present)?,
            _ => {
                return Err(Error::TrackUnclear {
                    problem: "a migration has one track, and several are named".to_owned(),
                });
            }
        };
        let folder = Self::folder_of(&track, root, present);
        Ok(Self { track, folder })
    }

    fn track_of(root: &Path, present: &[Migration]) -> Result<Track, Error> {
        let tracks: BTreeSet<_> = present
            .iter()
            .map(|migration| &migration.name.track)
            .collect();
        let mut tracks = tracks.into_iter();
        match (tracks.next(), tracks.next()) {
            (Some(only), None) => Ok(only.clone()),
            (Some(_), Some(_)) => Err(Error::TrackUnclear {
                problem: format!("{} holds several", root.display()),
            }),
            (None, _) => {
                let name = root.file_name().unwrap_or_default().to_string_lossy();
                Track::parse(&name).ok_or_else(|| Error::TrackUnclear {
                    problem: format!("the folder's name `{name}` cannot be a track"),
                })
            }
        }
    }

    /// Where the track's newest file is; a new track beside others gets a folder of its own.
    fn folder_of(track: &Track, root: &Path, present: &[Migration]) -> PathBuf {
        let newest = present
            .iter()
            .rfind(|migration| migration.name.track == *track);
        let own = root.join(track.as_str());
        match newest.and_then(|migration| migration.path.parent()) {
            Some(folder) => folder.to_owned(),
            // A folder of this name would not be searched.
            None if track.as_str() == TEMPLATES => root.to_owned(),
            None if own.is_dir() || !present.is_empty() => own,
            None => root.to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub description: &'a str,
    pub template: Template,
    pub with_validation: bool,
    pub with_undo: bool,
    pub repeatable: bool,
}

pub fn create(
    place: &Place,
    present: &[Migration],
    wanted: &Wanted<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<AddedRow>, Error> {
    let description = naming::from_description(wanted.description)?;
    let newest = present
        .iter()
        .filter(|migration| migration.name.track == place.track)
        .filter_map(|migration| migration.name.digits())
        .max();
    let mut version = Version::at(now);
    if let Some(newest) = newest.filter(|newest| **newest >= version) {
        version = naming::next(newest)?;
    }
    let name = Name {
        track: place.track.clone(),
        version: if wanted.repeatable {
            Version::repeatable()
        } else {
            version
        },
        description,
    };
    let (file, name) = write(&place.folder, name, &wanted.template)?;
    let mut rows = vec![AddedRow {
        file: file.clone(),
        kind: Kind::Migration,
    }];
    if wanted.with_validation {
        let file = file.with_extension("nu");
        write_new(&file, &template::validation(&name))
            .map_err(|error| not_written(&file, &error))?;
        rows.push(AddedRow {
            file,
            kind: Kind::Validation,
        });
    }
    if wanted.with_undo {
        let file = file.with_extension(UNDO);
        let text = template::undo(&name, &wanted.template);
        write_new(&file, &text).map_err(|error| not_written(&file, &error))?;
        rows.push(AddedRow {
            file,
            kind: Kind::Undo,
        });
    }
    if let Some(data) = wanted.template.data() {
        let file = file.with_extension("csv");
        write_new(&file, data).map_err(|error| not_written(&file, &error))?;
        rows.push(AddedRow {
            file,
            kind: Kind::Data,
        });
    }
    Ok(rows)
}

fn not_written(path: &Path, error: &std::io::Error) -> Error {
    NotWritten {
        path: path.to_owned(),
        reason: error.to_string(),
    }
    .into()
}

fn write_new(path: &Path, content: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content.as_bytes())
}

/// Another `migrate add` in the same second may have taken the name; then the next is tried.
fn write(folder: &Path, mut name: Name, template: &Template) -> Result<(PathBuf, Name), Error> {
    fs::create_dir_all(folder).map_err(|error| not_written(folder, &error))?;
    loop {
        let path = folder.join(name.file_name());
        match write_new(&path, &template.sql(&name)) {
            Ok(()) => return Ok((path, name)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && name.is_repeatable() => {
                return Err(Error::BadRepeatable {
                    problem: format!("{} is there already", path.display()),
                });
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                name.version = naming::next(&name.version)?;
            }
            Err(error) => return Err(not_written(&path, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::migration;

    fn at(file: &str) -> Migration {
        let path = PathBuf::from(file);
        Migration {
            path: path.clone(),
            ..migration(path.file_name().unwrap().to_str().unwrap())
        }
    }

    fn choose(root: &str, present: &[Migration], named: &[&str]) -> Option<(String, PathBuf)> {
        let named: Vec<_> = named
            .iter()
            .map(|name| Track::parse(name).unwrap())
            .collect();
        let place = Place::choose(Path::new(root), present, &named).ok()?;
        Some((place.track.to_string(), place.folder))
    }

    #[test]
    fn track_and_folder() {
        let core = at("/db/core/20240101000000_core_a.sql");
        let implementor = at("/db/20240101000000_impl_a.sql");
        let found = |track: &str, folder: &str| Some((track.to_owned(), PathBuf::from(folder)));

        assert_eq!(
            choose("/db/acme", &[], &[]),
            found("acme", "/db/acme"),
            "the folder's name"
        );
        assert_eq!(choose("/db/My Acme", &[], &[]), None, "no track's name");
        assert_eq!(choose("/db", &[], &["core"]), found("core", "/db"));
        let one = std::slice::from_ref(&core);
        assert_eq!(
            choose("/db", one, &[]),
            found("core", "/db/core"),
            "the only track"
        );
        assert_eq!(
            choose("/db", one, &["acme"]),
            found("acme", "/db/acme"),
            "beside others"
        );
        let two = [core, implementor];
        assert_eq!(choose("/db", &two, &[]), None, "several");
        assert_eq!(choose("/db", &two, &["impl"]), found("impl", "/db"));
        assert_eq!(choose("/db", &two, &["impl", "core"]), None);
    }

    #[test]
    fn the_next_version_follows_the_newest_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            track: Track::parse("core").unwrap(),
            folder: folder.path().join("new"),
        };
        let now = "2024-01-01T00:00:00Z".parse().unwrap();
        let add = |present: &[Migration]| {
            let wanted = Wanted {
                description: "Create users",
                template: Template::find(None, Path::new("/"), &[]).unwrap(),
                with_validation: false,
                with_undo: false,
                repeatable: false,
            };
            let rows = create(&place, present, &wanted, now).unwrap();
            rows[0]
                .file
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(add(&[]), "20240101000000_core_create_users.sql");
        assert_eq!(
            add(&[]),
            "20240101000001_core_create_users.sql",
            "taken meanwhile"
        );
        let later = migration("20250601120000_core_x.sql");
        assert_eq!(add(&[later]), "20250601120001_core_create_users.sql");
        let no_date = migration("20241241000000_core_x.sql");
        assert_eq!(add(&[no_date]), "20250101000000_core_create_users.sql");
    }
}
