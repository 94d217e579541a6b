//! The log that somebody asked for: what goes to psql and what comes from it, with times and without
//! secrets. Must not know what the text means.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chrono::{SecondsFormat, Utc};
use regex::Regex;

use super::connection::Connection;
use super::error::Error;
use super::secrets::{Secrets, is_secret};
use crate::error::{NotWritten, visible};
use crate::process::lines::Channel;
use crate::process::screen;
use crate::settings::{Caller, resolve_path};

/// Only who runs the command may read what it did.
const MODE: u32 = 0o600;

/// An open log; its clones write into the same file.
#[derive(Debug, Clone)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: Mutex<fs::File>,
    secrets: Secrets,
    has_failed: AtomicBool,
}

/// The same log writes into the same file.
impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.0.path == other.0.path
    }
}

impl Eq for Log {}

/// The part of the log that belongs to one psql, or to none where nobody asked for a log.
#[derive(Debug, Clone, Default)]
pub struct Transcript(Option<(Log, u32)>);

impl Log {
    /// The log that the settings name; it hides the secrets that the caller gives.
    pub fn of(caller: &Caller, connection: &Connection) -> Result<Option<Self>, Error> {
        let Caller {
            shell, settings, ..
        } = caller;
        let Some(setting) = &settings.log else {
            return Ok(None);
        };
        let tracks = settings.tracks.values();
        let of_tracks = tracks.flat_map(|track| track.variables.iter().chain(&track.settings));
        let named = of_tracks
            .chain(&settings.variables)
            .chain(connection.environment());
        let secrets = named
            .filter(|(name, _)| is_secret(name))
            .map(|(_, value)| value.as_str());
        let path = resolve_path(setting, &shell.directory);
        Self::open(&path, Secrets::new(secrets)).map(Some)
    }

    /// Opens a log for appending and makes it where there is none.
    ///
    /// # Errors
    /// It cannot be written, or kept from others, or holds something else.
    fn open(path: &Path, secrets: Secrets) -> Result<Self, Error> {
        let failed = |error: io::Error| NotWritten {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        // A pipe would wait for a reader.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(failed(io::Error::other("it is not a regular file")).into());
        }
        if is_for_sources(path) || !is_ours(path).map_err(failed)? {
            return Err(Error::NoLog {
                path: path.to_owned(),
            });
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(MODE)
            .open(path)
            .map_err(failed)?;
        let found = file.metadata().map_err(failed)?.permissions().mode();
        if found & 0o777 != MODE {
            file.set_permissions(Permissions::from_mode(MODE))
                .map_err(failed)?;
        }
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            file: Mutex::new(file),
            secrets,
            has_failed: AtomicBool::new(false),
        })))
    }

    /// Writes a text, each line of it with the time, the process and the direction.
    fn write(&self, process: u32, direction: &str, text: &str) {
        let Inner {
            path,
            file,
            secrets,
            has_failed,
        } = &*self.0;
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let hidden = secrets.hide(text);
        let lines: String = hidden
            .lines()
            .map(|line| format!("{time} {process} {direction} {}\n", visible(line)))
            .collect();
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write for the whole: another run may append to the same file.
        if let Err(error) = file.write_all(lines.as_bytes())
            && !has_failed.swap(true, Ordering::Relaxed)
        {
            // What was begun must not break for the sake of its log.
            let path = path.display();
            screen::show(&format!("migrate: the log {path} lacks lines: {error}"));
        }
    }
}

/// Has it the ending of a migration or of a check? Such a file would be taken for one.
fn is_for_sources(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ["sql", "nu"].contains(&ending.to_ascii_lowercase().as_str()))
}

/// Is there nothing yet, or a log?
fn is_ours(path: &Path) -> io::Result<bool> {
    static LINE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT[\d:.]+Z \d+ [<>!=] ").ok());
    let mut beginning = Vec::new();
    match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        file => file?.take(64).read_to_end(&mut beginning)?,
    };
    let beginning = String::from_utf8_lossy(&beginning);
    let line = LINE.as_ref();
    Ok(beginning.is_empty() || line.is_some_and(|line| line.is_match(&beginning)))
}

impl Transcript {
    pub fn of(log: Option<&Log>, process: u32) -> Self {
        Self(log.map(|log| (log.clone(), process)))
    }

    pub fn sent(&self, text: &str) {
        self.write(">", text);
    }

    pub fn received(&self, channel: Channel, line: &str) {
        let direction = match channel {
            Channel::Stdout => "<",
            Channel::Stderr => "!",
        };
        self.write(direction, line);
    }

    /// Something that was not said, such as an end.
    pub fn happened(&self, what: &str) {
        self.write("=", what);
    }

    fn write(&self, direction: &str, text: &str) {
        if let Some((log, process)) = &self.0 {
            log.write(*process, direction, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_and_only_the_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let before = "2026-11-27T12:00:00.000000Z 6 = psql has ended";
        fs::write(&path, format!("{before}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let log = Log::open(&path, Secrets::default()).unwrap();
        let transcript = Transcript::of(Some(&log), 7);
        transcript.sent("SELECT 1;\nALTER ROLE a PASSWORD 'x';\n");
        transcript.received(Channel::Stderr, "\u{1b}[2J");
        let text = fs::read_to_string(&path).unwrap();
        let said: Vec<_> = text
            .lines()
            .map(|line| line.split_once(' ').map_or(line, |(_, said)| said))
            .collect();
        let expected = [
            "6 = psql has ended",
            "7 > SELECT 1;",
            "7 > ALTER ROLE a PASSWORD '***';",
            "7 ! \\x1B[2J",
        ];
        assert_eq!(said, expected);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        assert!(Log::open(Path::new("/dev/null"), Secrets::default()).is_err());
        assert!(Log::open(Path::new("/nowhere/log"), Secrets::default()).is_err());
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("notes.txt", "notes\n"), ("a.sql", ""), ("A.NU", "")] {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            let refused = Log::open(&path, Secrets::default());
            assert!(matches!(refused, Err(Error::NoLog { .. })), "{name}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();
        assert!(Log::open(&empty, Secrets::default()).is_ok());
    }
}
