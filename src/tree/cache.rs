//! What a running plugin remembers of the files that it has read, so that none is read twice: as git
//! does for its index, a file is told by its inode, its size and the times that only the system sets.
//! What is about to run is read all the same.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::WorkingFolder;
use super::checksum::Checksum;
use super::directives::Directives;
use super::text::Text;

/// How long after a change a file may change again without another time on it. Two seconds are the
/// coarsest clock of a file system in use (FAT); the kernel's own ticks every four milliseconds.
const YOUTH: Duration = Duration::from_secs(2);

/// How many migrations are remembered; with one more all are forgotten.
const LIMIT: usize = 50_000;

static CACHE: LazyLock<Mutex<HashMap<Key, Arc<Entry>>>> = LazyLock::new(Mutex::default);

/// What a migration's file asks for, and its checksum.
pub type Examined = (Directives, Checksum);

/// The migration, and what decides which files it includes.
/// Bytes: paths are compared by their parts, which costs more than the look itself.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    path: OsString,
    folder: OsString,
    home: Option<OsString>,
}

struct Entry {
    sources: Vec<Source>,
    examined: Examined,
}

/// A file that was read, or looked for.
#[derive(PartialEq, Eq)]
struct Source {
    path: PathBuf,
    /// `None` where there was nothing to read.
    identity: Option<Identity>,
}

/// What tells a file's content without reading it. Nobody can set the time of change back.
#[derive(PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What was found in a migration's files, if none has changed since.
pub fn recall(path: &Path, folders: &WorkingFolder) -> Option<Examined> {
    let entry = entries().get(&Key::new(path, folders)).cloned()?;
    let is_same = |source: &Source| Identity::now(&source.path) == source.identity;
    entry
        .sources
        .iter()
        .all(is_same)
        .then(|| entry.examined.clone())
}

/// All is read anew next time.
pub fn forget() {
    entries().clear();
}

/// Reads the files of one migration, and notes what tells them.
pub struct Reader {
    begun: SystemTime,
    sources: Vec<Source>,
}

impl Reader {
    pub fn new() -> Self {
        Self {
            begun: SystemTime::now(),
            sources: Vec::new(),
        }
    }

    pub fn read(&mut self, path: &Path) -> io::Result<Text> {
        let read = self.noted(path);
        let read = read.and_then(|(file, size)| Text::read(file, size));
        if let (Err(_), Some(source)) = (&read, self.sources.last_mut()) {
            source.identity = None;
        }
        read
    }

    /// Is there a file to read? It counts as one that was read.
    pub fn has(&mut self, path: &Path) -> bool {
        self.noted(path).is_ok()
    }

    /// The file and its size.
    fn noted(&mut self, path: &Path) -> io::Result<(File, u64)> {
        let opened = open(path);
        let identity = opened.as_ref().ok().map(|(_, found)| Identity::of(found));
        self.sources.push(Source {
            path: path.to_owned(),
            identity,
        });
        opened.map(|(file, found)| (file, found.size()))
    }

    /// Remembers what was found in these files, unless one of them might yet change unseen.
    pub fn remember(self, path: &Path, folders: &WorkingFolder, examined: &Examined) {
        let mut identities = self.sources.iter().filter_map(|it| it.identity.as_ref());
        let are_settled = identities.all(|it| it.is_settled(self.begun));
        let key = Key::new(path, folders);
        let mut entries = entries();
        if !are_settled {
            entries.remove(&key);
            return;
        }
        if entries.len() >= LIMIT {
            entries.clear();
        }
        let examined = examined.clone();
        let sources = self.sources;
        entries.insert(key, Arc::new(Entry { sources, examined }));
    }
}

fn entries() -> MutexGuard<'static, HashMap<Key, Arc<Entry>>> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A regular file, and what tells it: that is asked first, so that a change in between shows.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let found = path.metadata()?;
    // A pipe would block for ever.
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok((File::open(path)?, found))
}

impl Key {
    fn new(path: &Path, folders: &WorkingFolder) -> Self {
        Self {
            path: path.into(),
            folder: folders.of(path).into(),
            home: folders.home.as_ref().map(OsString::from),
        }
    }
}

impl Identity {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    fn now(path: &Path) -> Option<Self> {
        path.metadata().ok().as_ref().map(Self::of)
    }

    /// Was it old enough at this moment, so that every later change has another time?
    fn is_settled(&self, moment: SystemTime) -> bool {
        let latest = self.modified.max(self.changed);
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(latest.0), u32::try_from(latest.1))
        else {
            return false;
        };
        UNIX_EPOCH
            .checked_add(Duration::new(seconds, nanoseconds) + YOUTH)
            .is_some_and(|settled| settled < moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::interrupt::Interrupt;
    use crate::settings::WorkingDirectory;
    use crate::tree::{examine, examine_once};
    use std::fs::{self, FileTimes};
    use std::thread::sleep;

    struct Files(tempfile::TempDir);

    impl Files {
        /// Files that are not young any more.
        fn settled(files: &[(&str, &str)]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            for (name, content) in files {
                folder.write(name, content);
            }
            sleep(YOUTH + Duration::from_millis(50));
            folder
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.path(name), content).unwrap();
        }

        fn folders(&self) -> WorkingFolder {
            WorkingFolder {
                choice: WorkingDirectory::Migration,
                tree: self.0.path().to_owned(),
                caller: self.0.path().to_owned(),
                home: None,
            }
        }

        fn is_remembered(&self, name: &str) -> bool {
            recall(&self.path(name), &self.folders()).is_some()
        }

        fn checksum(&self, name: &str) -> String {
            let (_, checksum) = examine_once(&self.path(name), &self.folders(), &never()).unwrap();
            checksum.as_str().to_owned()
        }
    }

    fn never() -> Interrupt {
        Interrupt::after(Duration::from_secs(60))
    }

    #[test]
    fn an_edit_that_keeps_size_and_modification_time_is_noticed() {
        let files = Files::settled(&[("a.sql", "SELECT 1;\n")]);
        let path = files.path("a.sql");
        let before = files.checksum("a.sql");
        assert!(files.is_remembered("a.sql"));
        assert_eq!(files.checksum("a.sql"), before);

        let modified = path.metadata().unwrap().modified().unwrap();
        files.write("a.sql", "SELECT 2;\n");
        let times = FileTimes::new().set_modified(modified);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_times(times).unwrap();
        let metadata = path.metadata().unwrap();
        assert_eq!(metadata.modified().unwrap(), modified);
        assert!(!files.is_remembered("a.sql"));
        assert_ne!(files.checksum("a.sql"), before);
        assert!(!files.is_remembered("a.sql"), "it is young");
    }

    #[test]
    fn includes_count_and_so_do_those_that_are_not_there() {
        let parent = "\\ir part.sql\n\\ir absent.sql\n";
        let files = Files::settled(&[("a.sql", parent), ("part.sql", "SELECT 1;\n")]);
        let before = files.checksum("a.sql");
        assert!(files.is_remembered("a.sql"));
        files.write("absent.sql", "SELECT 2;\n");
        assert!(!files.is_remembered("a.sql"));
        assert_ne!(files.checksum("a.sql"), before);
        fs::remove_file(files.path("absent.sql")).unwrap();
        assert_eq!(files.checksum("a.sql"), before);
        assert!(files.is_remembered("a.sql"));
        files.write("part.sql", "SELECT 3;\n");
        assert!(!files.is_remembered("a.sql"));
        assert_ne!(files.checksum("a.sql"), before);
    }

    #[test]
    fn what_is_about_to_run_is_read() {
        let files = Files::settled(&[("a.sql", "SELECT 1;\n")]);
        let path = files.path("a.sql");
        files.checksum("a.sql");
        // As if a change had gone unseen.
        let key = Key::new(&path, &files.folders());
        let wrong = Checksum::of(b"SELECT 2;\n", []);
        let examined = (Directives::default(), wrong.clone());
        let identity = Identity::now(&path);
        let sources = vec![Source {
            path: path.clone(),
            identity,
        }];
        entries().insert(key, Arc::new(Entry { sources, examined }));
        assert_eq!(files.checksum("a.sql"), wrong.as_str());
        let (_, read) = examine(&path, &files.folders(), &never()).unwrap();
        assert_ne!(read, wrong);
        assert_eq!(files.checksum("a.sql"), read.as_str(), "and remembered");
    }

    #[test]
    fn a_file_is_settled_two_seconds_after_its_last_change() {
        let at = |seconds, nanoseconds| Identity {
            device: 1,
            inode: 1,
            size: 1,
            modified: (5, 0),
            changed: (seconds, nanoseconds),
        };
        let moment = UNIX_EPOCH + Duration::from_secs(10);
        assert!(at(7, 999_999_999).is_settled(moment));
        assert!(!at(8, 0).is_settled(moment));
        assert!(!at(11, 0).is_settled(moment), "a clock that was set back");
    }
}
