//! `migrate run`: sessions, one after the other, until the plan is done or cannot be.
//! Decides only whether to go on; what broke and what it left, `execution` tells.

use std::time::Duration;

use chrono::Local;

use super::carry::Loads;
use super::look::{look, look_under_lock, make_plan, missed, require_settings};
use super::record::record;
use super::whose::of_failure;
use super::{Context, Error};
use crate::database::ledger::{Row, RowState};
use crate::database::{Address, Database, Ledgers};
use crate::execution::fault::Fault;
use crate::execution::outcome::{self, Outcome, StopOutcome, stands};
use crate::execution::retry;
use crate::execution::row::{Applied, RunRow};
use crate::execution::touch::Touching;
use crate::execution::{self, Circumstances, Common, Failure, Later, Stop};
use crate::plan::{Plan, Request};
use crate::preflight::{Checker, Preflight};
use crate::process::interrupt::Interrupt;
use crate::process::progress::Progress;
use crate::process::watch::Watch;
use crate::settings::TransactionMode;
use crate::tree::file_name::parse_recorded;
use crate::tree::{Name, Tree};
use uuid::Uuid;

/// Applies what is pending.
///
/// # Errors
/// [`Error::Failed`] tells what the database holds.
pub fn run(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<RunRow>, Error> {
    let undertaking = Undertaking {
        transaction: request.transaction,
        is_undo: false,
        plan: &|look| {
            let request = request.after(look.done);
            make_plan(context, &request, look.tree, look.ledgers, look.database)
        },
    };
    carry_out(context, &undertaking, preflight)
}

/// What is to be done to the database, up or down.
pub(super) struct Undertaking<'a> {
    pub transaction: TransactionMode,
    pub is_undo: bool,
    /// Makes the plan, in each session anew.
    pub plan: &'a dyn Fn(Look<'_>) -> Result<Plan, Error>,
}

/// What a plan is made from, under the lock.
pub(super) struct Look<'a> {
    pub tree: &'a Tree,
    pub database: &'a mut Database,
    pub ledgers: &'a Ledgers,
    /// How many steps this run has behind it, in earlier sessions.
    pub done: usize,
}

/// What goes from one session of a run to the next.
#[derive(Default)]
struct Kept {
    /// What the ledgers are to remember.
    later: Later,
    /// What is carried over steps.
    loads: Loads,
}

/// Carries out a plan, and what is left of it after each session that ended too early.
pub(super) fn carry_out(
    context: &Context,
    undertaking: &Undertaking<'_>,
    preflight: &Preflight<'_>,
) -> Result<Vec<RunRow>, Error> {
    let address = context.address()?.for_writing();
    let circumstances = circumstances(context, undertaking.transaction, preflight.progress);
    let mut checker = Checker::new(
        &context.caller,
        preflight,
        &circumstances.common.execution_id,
    );
    let mut applied = Vec::new();
    let mut kept = Kept::default();
    let mut retries = 0;
    loop {
        let before = applied.len();
        let Attempt::Stopped(stop) = attempt(
            context,
            &address,
            undertaking,
            &circumstances,
            &mut checker,
            &mut applied,
            &mut kept,
        )
        .map_err(|error| after(error, &applied, undertaking.is_undo))?
        else {
            return Ok(applied);
        };
        if applied.len() > before {
            retries = 0;
        }
        // A new session takes the lock and plans again, unless the lock goes by itself.
        if matches!(stop.fault, Fault::LockLost) && applied.len() > before {
            preflight.progress.said(
                "migrate",
                "a migration has released the run's lock; the run takes it again",
            );
            continue;
        }
        let mut failure = match resume(
            &address,
            *stop,
            &circumstances.common.execution_id,
            &mut applied,
            &context.caller.interrupt,
        ) {
            None => continue,
            Some(failure) => failure,
        };
        if kept
            .loads
            .take(context, &mut failure, preflight.progress)
            .map_err(|error| after(error, &applied, undertaking.is_undo))?
        {
            continue;
        }
        if !may_pass(&failure) || retries == context.caller.settings.retries {
            remember(&address, &circumstances, &mut applied, &mut kept.later);
            return Err(Failure {
                attempts: retries + 1,
                waited: circumstances.watch.waited(),
                conflicts: of_failure(context, &failure),
                ..failure
            }
            .into());
        }
        retries += 1;
        let pause = retry::pause(retries, retry::chance());
        preflight.progress.retrying(
            &failure.fault.summary(),
            retries,
            context.caller.settings.retries,
            pause,
        );
        retry::sleep(pause, &context.caller.interrupt);
    }
}

/// What a run would do. Takes no lock and touches nothing.
pub fn dry_run(
    context: &Context,
    request: &Request,
    progress: Progress,
) -> Result<Vec<RunRow>, Error> {
    let (tree, mut database, ledgers) = look(context)?;
    for missed in missed(context, &tree, &mut database, &ledgers)? {
        progress.note(&missed);
    }
    let plan = make_plan(context, request, &tree, &ledgers, &mut database)?;
    require_settings(context, &mut database, &plan)?;
    if plan.groups.is_empty() {
        progress.note(&announcement(&plan, &database));
    }
    database.close();
    Ok(RunRow::planned(&plan))
}

/// What is about to be done, and where: a variable may have named another database than was meant.
fn announcement(plan: &Plan, database: &Database) -> String {
    let steps: usize = plan.groups.iter().map(|group| group.steps().len()).sum();
    let doing = if plan.is_undo() {
        "undoing"
    } else {
        "applying"
    };
    let what = match steps {
        0 => "nothing is pending in".to_owned(),
        1 => format!("{doing} 1 migration in"),
        _ => format!("{doing} {steps} migrations in"),
    };
    format!("{what} {}", database.whereabouts())
}

/// What all steps of the run share.
pub(super) fn circumstances(
    context: &Context,
    transaction: TransactionMode,
    progress: Progress,
) -> Circumstances {
    // Of a history that is run once more, nothing is refused; of an unreadable tree, the run tells.
    let settings = &context.caller.settings;
    let touching = if context.is_replay {
        Touching::anything()
    } else {
        Touching::new(settings, || {
            context
                .tree()
                .map(|tree| tree.migrations)
                .unwrap_or_default()
        })
    };
    Circumstances {
        remembers_each: context.remembers_each || touching.is_strict(),
        touching,
        common: Common {
            execution_id: Uuid::new_v4().to_string(),
            transaction,
            users: context.caller.settings.variables.clone(),
            tracks: context.caller.settings.tracks.clone(),
        },
        watch: Watch::new(progress, context.caller.settings.lock_timeout),
        progress,
        folders: context.folders(),
        lock_timeout: context.caller.settings.lock_timeout,
        statement_timeout: context.caller.settings.statement_timeout,
        interrupt: context.caller.interrupt.clone(),
    }
}

/// An error before a session of a run, after other sessions have committed.
fn after(error: Error, applied: &[RunRow], is_undo: bool) -> Error {
    if applied.is_empty() {
        return error;
    }
    Error::AfterCommits {
        error: Box::new(error),
        applied: names(applied),
        is_undo,
    }
}

fn names(rows: &[RunRow]) -> Vec<Name> {
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

const LOCKS_OF_SHARDS: &str = "this is Citus: lock_timeout does not reach the shards, so a \
                               statement may wait there for ever; ALTER ROLE ... IN DATABASE \
                               ... SET lock_timeout on every node changes that";

enum Attempt {
    Done,
    Stopped(Box<Stop>),
}

/// One session: locks, plans under the lock, checks, runs the plan.
fn attempt(
    context: &Context,
    address: &Address,
    undertaking: &Undertaking<'_>,
    circumstances: &Circumstances,
    checker: &mut Checker<'_>,
    applied: &mut Vec<RunRow>,
    kept: &mut Kept,
) -> Result<Attempt, Error> {
    let (tree, mut database, ledgers) = look_under_lock(context, address, &circumstances.watch)?;
    let execution_id = &circumstances.common.execution_id;
    // The server may be another one by now.
    let lost: Vec<_> = names(applied)
        .into_iter()
        .filter(|name| !stands(&ledgers.rows, name, execution_id, undertaking.is_undo))
        .collect();
    if !lost.is_empty() {
        return Err(Error::CommitsLost { lost });
    }
    recover(&ledgers.rows, execution_id, applied);
    let plan = (undertaking.plan)(Look {
        tree: &tree,
        database: &mut database,
        ledgers: &ledgers,
        done: applied.len(),
    })?;
    let plan = kept.loads.added_to(context, &tree, plan)?;
    require_settings(context, &mut database, &plan)?;
    for missed in missed(context, &tree, &mut database, &ledgers)? {
        circumstances.progress.note(&missed);
    }
    let what = announcement(&plan, &database);
    circumstances.progress.note(&what);
    checker.check(&plan, &database)?;
    if database.server.is_citus && !plan.groups.is_empty() {
        circumstances.progress.note(LOCKS_OF_SHARDS);
    }
    let is_undo = undertaking.is_undo;
    let progress = circumstances.progress;
    if plan.is_empty() {
        record(
            context,
            &mut database,
            &ledgers.rows,
            applied,
            is_undo,
            progress,
        );
        database.close();
        return Ok(Attempt::Done);
    }
    database.make_ready()?;
    let done = execution::run(
        &mut database,
        &ledgers.tables,
        &plan,
        circumstances,
        checker,
        applied,
        &mut kept.later,
    );
    Ok(match done {
        Ok(()) => {
            record(
                context,
                &mut database,
                &ledgers.rows,
                applied,
                is_undo,
                progress,
            );
            database.close();
            Attempt::Done
        }
        Err(stop) => Attempt::Stopped(Box::new(stop)),
    })
}

/// Lets the ledgers remember what was committed before a stop. That it cannot be done changes nothing.
fn remember(
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

/// Only a whole transaction can be tried again, and only after a lock or a deadlock.
fn may_pass(failure: &Failure) -> bool {
    failure.fault.is_passing()
        && failure.outcome == Outcome::RolledBack
        && failure.earlier.lost.is_empty()
}

/// Asks the server what a stop has left. A commit that had succeeded without our hearing of it
/// is no failure: the run goes on with a new session.
fn resume(
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
