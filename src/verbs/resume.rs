//! After a session that ended too early: what it has left, and whether the run goes on.
//! Asks and judges; must not begin the next session.

use std::time::Duration;

use chrono::Local;

use super::Error;
use crate::database::Address;
use crate::database::ledger::{Row, RowState};
use crate::execution::outcome::{self, Outcome, StopOutcome};
use crate::execution::row::{Applied, RunRow};
use crate::execution::{Circumstances, Failure, Later, Stop};
use crate::process::interrupt::Interrupt;
use crate::tree::Name;
use crate::tree::file_name::parse_recorded;

/// An error before a session of a run, after other sessions have committed.
pub(super) fn after(error: Error, applied: &[RunRow], is_undo: bool) -> Error {
    if applied.is_empty() {
        return error;
    }
    Error::AfterCommits {
        error: Box::new(error),
        applied: names(applied),
        is_undo,
    }
}

pub(super) fn names(rows: &[RunRow]) -> Vec<Name> {
    rows.iter().map(|row| row.name.clone()).collect()
}

/// What a stop has left, where it cannot go on.
pub(super) fn failure(stop: Stop, left: StopOutcome) -> Failure {
    Failure {
        outcome: left.outcome,
        group: names(&stop.group),
        earlier: left.earlier,
        database: stop.database,
        outside: stop.stopped_in.outside().cloned(),
        is_undo: stop.is_undo,
        fault: stop.fault,
        attempts: 1,
        waited: None,
        conflicts: vec![],
        not_carried: None,
    }
}

/// Only a whole transaction can be tried again, and only after a lock or a deadlock.
pub(super) fn may_pass(failure: &Failure) -> bool {
    failure.fault.is_passing()
        && failure.outcome == Outcome::RolledBack
        && failure.earlier.lost.is_empty()
}

/// Asks the server what a stop has left. A commit that had succeeded without our hearing of it
/// is no failure: the run goes on with a new session.
pub(super) fn resume(
    address: &Address,
    mut stop: Stop,
    execution_id: &str,
    applied: &mut Vec<RunRow>,
    interrupt: &Interrupt,
) -> Option<Failure> {
    let mut left = outcome::ask(address, &stop, execution_id, names(applied), interrupt);
    if left.outcome == Outcome::Committed && stop.stopped_in.was_ending() {
        if let (Some(name), true) = (stop.stopped_in.outside(), stop.is_undo) {
            let group = applied.last().map_or(1, |row| row.group + 1);
            stop.group.push(gone(name.clone(), group, execution_id));
        }
        left.earlier.stayed.extend(names(&stop.group));
        applied.append(&mut stop.group);
        if !stop.fault.is_interruption() && left.earlier.lost.is_empty() {
            return None;
        }
    }
    Some(failure(stop, left))
}
/// Takes up what this run has recorded in a session that did not live to tell.
pub(super) fn recover(rows: &[Row], execution_id: &str, applied: &mut Vec<RunRow>) {
    for row in rows
        .iter()
        .filter(|row| row.execution_id.as_deref() == Some(execution_id))
    {
        let known = applied
            .iter()
            .any(|known| known.name.file_name() == row.name);
        let (Some(name), Some(applied_at)) = (parse_recorded(&row.name), row.applied_at) else {
            continue;
        };
        if !known && row.state == RowState::Applied {
            let group = applied.last().map_or(1, |row| row.group + 1);
            applied.push(RunRow {
                applied: Some(Applied {
                    duration: row.duration().unwrap_or_default(),
                    applied_at,
                    execution_id: execution_id.to_owned(),
                }),
                ..RunRow::not_applied(name, group)
            });
        }
    }
}

/// Of what was undone outside of a transaction, with the answer lost: no row is left that tells when.
fn gone(name: Name, group: usize, execution_id: &str) -> RunRow {
    RunRow {
        applied: Some(Applied {
            duration: Duration::ZERO,
            applied_at: Local::now().fixed_offset(),
            execution_id: execution_id.to_owned(),
        }),
        ..RunRow::not_applied(name, group)
    }
}

/// Lets the ledgers remember what was committed before a stop. That it cannot be done changes nothing.
pub(super) fn remember(
    address: &Address,
    circumstances: &Circumstances,
    applied: &mut [RunRow],
    later: &mut Later,
) {
    if later.is_empty() || circumstances.interrupt.requested() {
        return;
    }
    let dialing = address.dial(&circumstances.interrupt);
    if let Ok(mut database) = dialing.map_err(Error::from).and_then(|it| Ok(it.answer()?)) {
        let _ = later.remember(&mut database, circumstances, applied);
    }
}
