//! `migrate run`: sessions, one after the other, until the plan is done or cannot be.

use super::preflight::{Checker, Preflight};
use super::{Context, look_under_lock, make_plan};
use crate::database::Address;
use crate::discovery::name::parse_recorded;
use crate::error::{Error, Failure, Fate};
use crate::ledger::{Row, RowState};
use crate::migration::Name;
use crate::outcome::{Applied, RunRow};
use crate::plan::Request;
use crate::retry;
use crate::runner::{self, Circumstances, Stop};
use crate::settle::settle;
use crate::status::duration;

/// Applies what is pending.
///
/// # Errors
/// See the README's list of codes; [`Error::Failed`] tells what the database holds.
pub fn run(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<RunRow>, Error> {
    let address = context.address()?.for_writing();
    let circumstances = context.circumstances(request.transaction, preflight.progress);
    let mut checker = Checker::new(context, preflight, &circumstances.common.execution_id);
    let mut applied = Vec::new();
    let mut retries = 0;
    loop {
        let before = applied.len();
        let Err(stop) = attempt(
            context,
            &address,
            request,
            &circumstances,
            &mut checker,
            &mut applied,
        )
        .map_err(|error| after(error, &applied))?
        else {
            return Ok(applied);
        };
        if applied.len() > before {
            retries = 0;
        }
        let failure = match resume(
            &address,
            stop,
            &circumstances.common.execution_id,
            &mut applied,
        ) {
            None => continue,
            Some(failure) => failure,
        };
        if !may_pass(&failure) || retries == context.settings.retries {
            return Err(Failure {
                attempts: retries + 1,
                ..failure
            }
            .into());
        }
        retries += 1;
        let pause = retry::pause(retries, retry::chance());
        preflight.progress.retrying(
            &failure.fault.summary(),
            retries,
            context.settings.retries,
            pause,
        );
        retry::sleep(pause, &context.interrupt);
    }
}

/// An error before a session of a run, after other sessions have committed.
fn after(error: Error, applied: &[RunRow]) -> Error {
    match applied.is_empty() {
        true => error,
        false => Error::AfterCommits {
            error: Box::new(error),
            applied: names(applied),
        },
    }
}

fn names(rows: &[RunRow]) -> Vec<Name> {
    rows.iter().map(|row| row.name.clone()).collect()
}

/// What a stop has left, where it cannot go on.
pub(super) fn failure(stop: Stop, fate: Fate, applied: &[RunRow]) -> Failure {
    Failure {
        fate,
        group: names(&stop.group),
        applied: names(applied),
        database: stop.database,
        alone: stop.scene.alone().cloned(),
        fault: stop.fault,
        attempts: 1,
    }
}

/// One session: locks, plans under the lock, checks, runs the plan.
fn attempt(
    context: &Context,
    address: &Address,
    request: &Request,
    circumstances: &Circumstances,
    checker: &mut Checker<'_>,
    applied: &mut Vec<RunRow>,
) -> Result<Result<(), Stop>, Error> {
    let (tree, mut database, ledgers) = look_under_lock(context, address)?;
    recover(&ledgers.rows, &circumstances.common.execution_id, applied);
    let request = request.after(applied.len());
    let plan = make_plan(context, &request, &tree, &ledgers)?;
    checker.check(&plan, &database)?;
    Ok(runner::run(
        &mut database,
        &ledgers.tables,
        &plan,
        circumstances,
        checker,
        applied,
    ))
}

/// Takes up what this run has recorded in a session that did not live to tell.
fn recover(rows: &[Row], execution_id: &str, applied: &mut Vec<RunRow>) {
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
            applied.push(RunRow {
                name,
                applied: Some(Applied {
                    duration: duration(row).unwrap_or_default(),
                    applied_at,
                    execution_id: execution_id.to_owned(),
                }),
                group: applied.last().map_or(1, |row| row.group + 1),
                notices: vec![],
                checks: vec![],
            });
        }
    }
}

/// Only a whole transaction can be tried again, and only after a lock or a deadlock.
fn may_pass(failure: &Failure) -> bool {
    failure.fault.is_passing() && failure.fate == Fate::RolledBack
}

/// Asks the server what a stop has left. A commit that had succeeded without our hearing of it
/// is no failure: the run goes on with a new session.
fn resume(
    address: &Address,
    mut stop: Stop,
    execution_id: &str,
    applied: &mut Vec<RunRow>,
) -> Option<Failure> {
    let fate = settle(address, &stop, execution_id);
    if fate == Fate::Committed && stop.scene.was_ending() {
        applied.append(&mut stop.group);
        if !stop.fault.is_interruption() {
            return None;
        }
    }
    Some(failure(stop, fate, applied))
}
