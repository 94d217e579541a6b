//! One group while it runs: what transactions, no-transaction files and rehearsals have in common.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use chrono::DateTime;
use serde::Deserialize;
use tempfile::TempDir;

use super::diagnosis::{Stage, blame, error_in_file, fault_of};
use super::fault::Fault;
use super::notices::{self, Live};
use super::row::{Applied, RunRow, total};
use super::script::{Completion, Include, Limits};
use super::{Circumstances, StoppedIn};
use crate::checks::Check;
use crate::database::ledger::table::{Entry, Table};
use crate::database::{Database, parse};
use crate::error::NotWritten;
use crate::plan::{Fit, Step};
use crate::preflight::Checker;
use crate::psql::{self, Ending, Output};
use crate::sql::inspection::{Script, unwrapped};
use crate::tree;

pub struct Runner<'a, 'c> {
    pub database: &'a mut Database,
    pub circumstances: &'a Circumstances,
    pub checker: &'a mut Checker<'c>,
    pub limits: Limits,
    pub number: usize,
    pub stopped_in: StoppedIn,
    pub done: Vec<RunRow>,
    /// Must nothing of it be committed?
    pub is_rehearsal: bool,
}

/// What the ledger answers to a row that is applied.
#[derive(Deserialize)]
struct Receipt {
    applied_at: String,
    execution_time_ms: u64,
}

/// A file as psql is to read it: the migration itself, or a copy without its outer pair.
pub struct Prepared {
    pub file: PathBuf,
    /// Removed with this value.
    _copy: Option<TempDir>,
    /// How the migration's file was before it was read.
    stamp: Option<Stamp>,
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

impl<'a, 'c> Runner<'a, 'c> {
    pub fn new(
        database: &'a mut Database,
        circumstances: &'a Circumstances,
        checker: &'a mut Checker<'c>,
        number: usize,
    ) -> Self {
        Self {
            limits: Limits {
                checks_connection: database.checks_connection,
                keepalives: database.keepalives,
                lock_timeout: circumstances.lock_timeout,
                statement_timeout: circumstances.statement_timeout,
                is_citus: database.server.is_citus,
                is_read_only_outside: false,
                login_settings: database.server.login_settings.clone(),
                session_timeouts: database.server.session_timeouts.clone(),
                has_plpgsql: database.server.has_plpgsql,
            },
            database,
            circumstances,
            checker,
            number,
            stopped_in: StoppedIn::Nothing,
            done: vec![],
            is_rehearsal: false,
        }
    }
}

impl Runner<'_, '_> {
    pub fn ensure(&self, tables: &[Table], step: &Step) -> String {
        let track = &step.migration.name.track;
        let existing = tables.iter().rfind(|table| table.track == *track);
        self.database.place.ensure(track, existing)
    }

    pub fn entry<'a>(&'a self, step: &'a Step, started: &'a str, checks: &[Check]) -> Entry<'a> {
        Entry {
            name: &step.migration.name,
            hash: step.migration.checksum.as_str(),
            started,
            execution_id: &self.circumstances.common.execution_id,
            validation: total(checks),
            parts: step.migration.checksum.parts(),
            undoes: step.undoes(),
        }
    }

    pub fn include(&self, step: &Step, prepared: &Prepared) -> String {
        let migration = &step.migration;
        Include {
            file: &prepared.file,
            folder: self.circumstances.folders.of(&migration.path),
            encoding: Some(self.database.server.encoding.as_str()).filter(|name| *name != "UTF8"),
            lock_timeout: migration.directives.lock_timeout,
            statement_timeout: migration.directives.statement_timeout,
            variables: &super::variables::of(migration, &step.fit, &self.circumstances.common),
        }
        .text()
    }

    /// The file that psql is to read, if it still is what was planned and will be recorded.
    pub fn prepare(&self, step: &Step) -> Result<Prepared, Fault> {
        let path = &step.migration.path;
        let stamp = Stamp::of(path);
        self.compare(step)?;
        let Fit::Unwrapped(pair) = &step.fit else {
            return Ok(Prepared {
                file: path.clone(),
                _copy: None,
                stamp,
            });
        };
        let lost = |error: &dyn std::error::Error| Fault::lost(error, Some(&step.migration.name));
        let content = tree::content(path).map_err(|error| lost(&error))?;
        let copy = || -> io::Result<Prepared> {
            let folder = tempfile::Builder::new()
                .prefix("migrate-")
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir()?;
            let file = folder.path().join(step.migration.name.file_name());
            let script = Script {
                path,
                content: &content,
            };
            fs::write(&file, unwrapped(script, pair))?;
            Ok(Prepared {
                file,
                _copy: Some(folder),
                stamp,
            })
        };
        copy().map_err(|error| {
            lost(&NotWritten {
                path: std::env::temp_dir(),
                reason: error.to_string(),
            })
        })
    }

    /// Is what psql has read what will be recorded? It reads a file while it runs it, and an include
    /// when it comes to it. A file on its own that nobody touched is not read again.
    pub fn compare_again(&self, step: &Step, prepared: &Prepared) -> Result<(), Fault> {
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
        let found = tree::examine(&migration.path, &self.circumstances.folders);
        if found.is_ok_and(|(_, checksum)| checksum == migration.checksum) {
            Ok(())
        } else {
            Err(Fault::FileChanged {
                name: migration.name.clone(),
            })
        }
    }

    /// Notes a migration as done; gives the server's clock at its end.
    pub fn note(
        &mut self,
        step: &Step,
        checks: Vec<Check>,
        printed: &Output,
        recorded: &Output,
    ) -> Result<String, Fault> {
        let name = &step.migration.name;
        let lost = |error: psql::Error| Fault::lost(&error, Some(name));
        if recorded.stdout.is_empty() {
            return Err(Fault::RowsGone { name: name.clone() });
        }
        let receipt: Receipt = parse(recorded).map_err(lost)?;
        let applied_at = DateTime::parse_from_rfc3339(&receipt.applied_at).map_err(|error| {
            lost(psql::Error::Confused {
                problem: error.to_string(),
            })
        })?;
        self.done.push(RunRow {
            name: name.clone(),
            applied: Some(Applied {
                duration: Duration::from_millis(receipt.execution_time_ms),
                applied_at,
                execution_id: self.circumstances.common.execution_id.clone(),
            }),
            group: self.number,
            notices: notices::of(printed),
            checks,
        });
        Ok(receipt.applied_at)
    }

    /// What a file prints, shown while it runs.
    pub fn hear(&mut self, step: &Step) -> Result<Output, Ending> {
        let progress = self.circumstances.progress;
        let file = step.migration.path.file_name().unwrap_or_default();
        let name = file.to_string_lossy();
        let mut live = Live::default();
        self.database.session.receive_live(&mut |channel, line| {
            if let Some(line) = live.line(channel, line) {
                progress.said(&name, &line);
            }
        })
    }

    /// Takes psql's word on a file out of the answer that it begins; what the file printed is
    /// known.
    ///
    /// # Errors
    /// A statement of the file failed, even if that did not stop psql.
    pub fn judge(
        &self,
        answer: &mut Output,
        step: &Step,
        prepared: &Prepared,
        printed: &Output,
    ) -> Result<(), Fault> {
        let completion = Completion::take(&mut answer.stdout).ok_or_else(|| {
            let problem = "it does not say how the file ended".to_owned();
            Fault::lost(
                &psql::Error::Confused { problem },
                Some(&step.migration.name),
            )
        })?;
        match error_in_file(&completion, printed) {
            None => Ok(()),
            Some(error) => Err(blame(
                Box::new(error),
                self.stage(step, prepared, Some(printed)),
            )),
        }
    }

    /// What broke while a file ran, or after it had and had printed this.
    pub fn fault_in(
        &self,
        ending: Ending,
        step: &Step,
        prepared: &Prepared,
        printed: Option<&Output>,
    ) -> Fault {
        fault_of(ending, self.stage(step, prepared, printed))
    }

    fn stage<'s>(
        &'s self,
        step: &'s Step,
        prepared: &'s Prepared,
        printed: Option<&'s Output>,
    ) -> Stage<'s> {
        Stage::File {
            step: &step.migration,
            copy: &prepared.file,
            root: &self.circumstances.folders.tree,
            printed,
            prefix: &self.database.place.prefix,
            // Where the file is gone, the error has no frame.
            read: &|path| tree::content(path).ok(),
        }
    }
}
