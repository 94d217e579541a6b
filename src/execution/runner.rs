//! One group while it runs: what transactions, no-transaction files and rehearsals have in common.

use std::time::Duration;

use chrono::DateTime;

use super::diagnosis::{Stage, blame, error_in_file, fault_of};
use super::fault::Fault;
use super::later::Later;
use super::notices::{self, Live};
use super::prepared::Prepared;
use super::row::{Applied, RunRow, total};
use super::script::{Completion, Include, Limits};
use super::{Circumstances, StoppedIn};
use crate::checks::Check;
use crate::database::catalog::Catalog;
use crate::database::ledger::entry::{Entry, Started};
use crate::database::ledger::receipts::{Ended, Receipts};
use crate::database::ledger::table::Table;
use crate::database::{Database, parse_json};
use crate::plan::Step;
use crate::plan::carrying::{Carried, Dropped};
use crate::preflight::Checker;
use crate::psql::{self, Ending, Output};
use crate::settings::tracks::TrackSettings;

pub struct Runner<'a, 'c> {
    pub database: &'a mut Database,
    pub circumstances: &'a Circumstances,
    pub checker: &'a mut Checker<'c>,
    pub limits: Limits,
    pub number: usize,
    pub stopped_in: StoppedIn,
    pub done: Vec<RunRow>,
    /// What the ledgers hold of the transaction, once that is known.
    pub receipts: Receipts,
    /// The number of the newest object before the transaction.
    pub newest: i64,
    /// May the transaction have dropped something, or changed a column that was there?
    pub has_replaced: bool,
    /// The catalogues that it has written to, where that is known.
    pub written: Option<Vec<String>>,
    /// What the ledgers are to remember later, where they are not told in each transaction.
    pub later: Option<Later>,
    /// Was the catalogue not asked for it, or did the ledger not take the answer?
    pub is_unsure: bool,
    /// Must nothing of it be committed?
    pub is_rehearsal: bool,
    /// What is dropped before steps and applied again behind them.
    pub carried: &'a [Carried],
    /// What of it has been dropped so far.
    pub dropped: Vec<Dropped>,
    /// What the catalogue said before.
    pub before_drop: Option<Catalog>,
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
                session_timeouts: database.server.session_timeouts(),
                has_deferrable: true,
                has_plpgsql: database.has_plpgsql,
            },
            database,
            circumstances,
            checker,
            number,
            stopped_in: StoppedIn::Nothing,
            done: vec![],
            receipts: Receipts::default(),
            newest: 0,
            has_replaced: false,
            written: None,
            is_unsure: false,
            is_rehearsal: false,
            later: None,
            carried: &[],
            dropped: vec![],
            before_drop: None,
        }
    }
}

impl Runner<'_, '_> {
    /// The statement that makes the ledger of a step's track what it must be, if it is not.
    pub fn ensure(&self, tables: &[Table], step: &Step) -> Option<String> {
        let track = &step.migration.name.track;
        let existing = tables.iter().rfind(|table| table.track == *track);
        self.database.place.ensure_statement(track, existing)
    }

    pub fn entry<'a>(
        &'a self,
        step: &'a Step,
        started: Started<'a>,
        checks: &[Check],
    ) -> Entry<'a> {
        Entry {
            name: &step.migration.name,
            hash: step.migration.checksum.as_str(),
            started,
            execution_id: &self.circumstances.common.execution_id,
            validation: total(checks),
            parts: &step.parts,
            undoes: step.undoes(),
        }
    }

    pub fn include(&self, step: &Step, prepared: &Prepared) -> String {
        let migration = &step.migration;
        let common = &self.circumstances.common;
        let own = common.tracks.get(migration.name.track.as_str());
        let include = Include {
            file: &prepared.file,
            own: &own.map(TrackSettings::statements).unwrap_or_default(),
            folder: self.circumstances.folders.of(&migration.path),
            encoding: Some(self.database.server.encoding.as_str()).filter(|name| *name != "UTF8"),
            lock_timeout: migration.directives.lock_timeout,
            statement_timeout: migration.directives.statement_timeout,
            variables: &super::variables::of(migration, &step.fit, common),
        };
        if step.plain.is_some() {
            include.text_plain()
        } else {
            include.text()
        }
    }

    /// Notes a migration as done. When that was and how long it took is noted once it is known.
    pub fn note(&mut self, step: &Step, checks: Vec<Check>, printed: &Output) {
        self.done.push(RunRow {
            reason: step.reason.clone(),
            notices: self
                .carried_for(step)
                .into_iter()
                .chain(notices::of(printed))
                .collect(),
            checks,
            found: notices::found(printed),
            ..RunRow::not_applied(step.migration.name.clone(), self.number)
        });
    }

    /// Takes what the ledger has answered to a single row out of the answer that it begins, and
    /// notes it; gives the server's clock at the migration's end.
    pub fn take_ended(&mut self, step: &Step, answer: &mut Output) -> Result<String, Fault> {
        let name = &step.migration.name;
        if answer.stdout.is_empty() {
            return Err(Fault::RowsGone { name: name.clone() });
        }
        let line = answer.stdout.remove(0);
        let ended: Ended = parse_json(&line).map_err(|error| Fault::lost(&error, Some(name)))?;
        self.settle(&name.file_name(), &ended)?;
        Ok(ended.applied_at)
    }

    /// Notes when a migration was done.
    pub fn settle(&mut self, name: &str, ended: &Ended) -> Result<(), Fault> {
        let applied = applied(ended, &self.circumstances.common.execution_id)?;
        let mut rows = self.done.iter_mut();
        if let Some(row) = rows.find(|row| row.name.file_name() == name) {
            row.applied = Some(applied);
        }
        Ok(())
    }

    /// What a file prints, shown while it runs.
    pub fn hear(&mut self, step: &Step) -> Result<Output, Ending> {
        let progress = self.circumstances.progress;
        let file = step.migration.path.file_name().unwrap_or_default();
        let name = file.to_string_lossy();
        let mut live = Live::default();
        let watch = &self.circumstances.watch;
        watch.begin(&name, self.database.observer());
        let heard = self.database.session.receive_live(&mut |channel, line| {
            if let Some(line) = live.line(channel, line) {
                progress.said(&name, &line);
            }
        });
        watch.end(heard.is_ok() && !live.has_failed);
        heard
    }

    /// Takes in what the server said once the file was over, such as that of a deferred trigger, and shows it.
    pub fn hear_late(&self, step: &Step, answer: &mut Output, printed: &mut Output) {
        let late = Output {
            stdout: vec![],
            stderr: std::mem::take(&mut answer.stderr),
        };
        let name = step.migration.name.file_name();
        for line in notices::of(&late) {
            self.circumstances.progress.said(&name, &line);
        }
        printed.stderr.extend(late.stderr);
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
            joined_behind: prepared.joined_behind,
            root: &self.circumstances.folders.tree,
            printed,
            prefix: &self.database.place.prefix,
            // Where the file is gone, the error has no frame.
            read: &crate::tree::around,
        }
    }
}

/// What the ledger says of a migration's end, for the report.
pub(super) fn applied(ended: &Ended, execution_id: &str) -> Result<Applied, Fault> {
    let applied_at = DateTime::parse_from_rfc3339(&ended.applied_at).map_err(|error| {
        let problem = error.to_string();
        Fault::lost(&psql::Error::Confused { problem }, None)
    })?;
    Ok(Applied {
        duration: Duration::from_millis(ended.execution_time_ms),
        applied_at,
        execution_id: execution_id.to_owned(),
    })
}
