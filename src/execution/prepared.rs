//! A file as psql is to read it: the migration itself, or a copy in a private folder.
//! Makes sure that what runs is what was planned and will be recorded.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Circumstances;
use super::fault::Fault;
use super::runner::Runner;
use crate::error::NotWritten;
use crate::plan::{Fit, Step};
use crate::sql::inspection::{joined, unwrapped};
use crate::tree::checksum::Checksum;
use crate::tree::{self, each_script};

/// A larger file is not copied for the sake of one message.
const LARGEST_COPY: u64 = 1 << 20;

pub struct Prepared {
    pub file: PathBuf,
    /// The line of the last semicolon, behind which statements of ours have joined.
    pub joined_behind: Option<usize>,
    /// Removed with this value.
    _copy: Option<Copy>,
    /// How the migration's file was before psql was told to read it; `None` for a copy, which nobody
    /// changes.
    stamp: Option<Stamp>,
}

/// A file of ours.
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        // What is left goes with its folder.
        let _ = fs::remove_file(&self.0);
    }
}

/// Anything done to a file changes one of these.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed_at: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            inode: found.ino(),
            size: found.size(),
            changed_at: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Prepared {
    pub fn is_joined(&self) -> bool {
        self.joined_behind.is_some()
    }
}

impl Runner<'_, '_> {
    /// The file that psql is to read, if it still is what was planned and will be recorded.
    pub(super) fn prepare(&self, step: &Step) -> Result<Prepared, Fault> {
        let path = &step.migration.path;
        let stamp = Stamp::of(path);
        self.compare(step)?;
        let Fit::Unwrapped(pair) = &step.fit else {
            return Ok(Prepared {
                file: path.clone(),
                joined_behind: None,
                _copy: None,
                stamp,
            });
        };
        let (copy, mut file) = self.copy(step)?;
        let mut written = Ok(());
        let read = each_script(path, &self.circumstances.interrupt, |script| {
            if written.is_ok() {
                written = file.write_all(&unwrapped(script, pair));
            }
        });
        read.map_err(|error| lost(&error, step))?;
        // What was copied is what was compared.
        if stamp.is_none() || stamp != Stamp::of(path) {
            return Err(changed(step));
        }
        written.map_err(|error| not_written(&error, step))?;
        Ok(Prepared {
            file: copy.0.clone(),
            joined_behind: None,
            _copy: Some(copy),
            stamp,
        })
    }

    /// The same with statements that are to reach the server with its last one. What was read is
    /// what runs. `None` where they cannot join it.
    pub(super) fn prepare_joined(
        &self,
        step: &Step,
        statements: &str,
    ) -> Result<Option<Prepared>, Fault> {
        let Some(closing) = self.closing(step, statements) else {
            return Ok(None);
        };
        let path = &step.migration.path;
        let content = tree::content(path).map_err(|error| lost(&error, step))?;
        let now = Checksum::of(&content, []);
        if !step.migration.checksum.is_recorded_as(now.as_str()) {
            return Err(changed(step));
        }
        let before = content.get(..closing).unwrap_or_default();
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let (copy, mut file) = self.copy(step)?;
        file.write_all(&joined(&content, closing, statements))
            .map_err(|error| not_written(&error, step))?;
        Ok(Some(Prepared {
            file: copy.0.clone(),
            joined_behind: Some(line),
            _copy: Some(copy),
            stamp: None,
        }))
    }

    /// The byte of a file's last semicolon, if these statements can join the message of its last
    /// one. Behind a file that fails they are not sent; then a deferred constraint is told from an
    /// error of the statement by the context that PL/pgSQL gives.
    fn closing(&self, step: &Step, statements: &str) -> Option<usize> {
        let server = &self.database.server;
        let can_join = step.fit == Fit::Whole
            && step.undoes().is_none()
            && !self.is_rehearsal
            && !server.is_citus
            && self.database.has_plpgsql
            && server.encoding == "UTF8"
            && statements.is_ascii();
        let is_small = || {
            let found = fs::metadata(&step.migration.path);
            found.is_ok_and(|found| found.len() <= LARGEST_COPY)
        };
        let has_folder = self.database.session.folder().is_some();
        let closing = step.plain?.closing;
        closing.filter(|_| can_join && has_folder && is_small())
    }

    /// An empty file in the private folder.
    fn copy(&self, step: &Step) -> Result<(Copy, File), Fault> {
        let folder = self.database.session.folder();
        let created = folder.ok_or(io::ErrorKind::NotFound.into());
        created
            .and_then(|folder| {
                let path = folder.join(step.migration.name.file_name());
                let file = File::create(&path)?;
                Ok((Copy(path), file))
            })
            .map_err(|error| not_written(&error, step))
    }

    /// Is what psql has read what will be recorded? It reads a file while it runs it, and an include
    /// when it comes to it. A file on its own that nobody touched is not read again.
    pub(super) fn compare_again(&self, step: &Step, prepared: &Prepared) -> Result<(), Fault> {
        if prepared.is_joined() {
            return Ok(());
        }
        let migration = &step.migration;
        let is_on_its_own = migration.checksum.parts().is_empty();
        if is_on_its_own && prepared.stamp.is_some() && prepared.stamp == Stamp::of(&migration.path)
        {
            return Ok(());
        }
        self.compare(step)
    }

    fn compare(&self, step: &Step) -> Result<(), Fault> {
        let migration = &step.migration;
        let Circumstances {
            folders, interrupt, ..
        } = self.circumstances;
        match tree::examine(&migration.path, folders, interrupt) {
            Ok((_, checksum)) if checksum == migration.checksum => Ok(()),
            Err(tree::Error::Interrupted(_)) => Err(Fault::Interrupted { during: None }),
            _ => Err(changed(step)),
        }
    }
}

fn changed(step: &Step) -> Fault {
    Fault::FileChanged {
        name: step.migration.name.clone(),
    }
}

fn not_written(error: &io::Error, step: &Step) -> Fault {
    let error = NotWritten {
        path: std::env::temp_dir(),
        reason: error.to_string(),
    };
    lost(&error, step)
}

fn lost(error: &dyn std::error::Error, step: &Step) -> Fault {
    Fault::lost(error, Some(&step.migration.name))
}
