//! A plan carried out, up or down: in sessions, one after the other, until it is done or cannot be.
//! Decides only whether to go on; what broke and what it left, `execution` tells.

use uuid::Uuid;

use super::carry::Loads;
use super::look::{look_under_lock, missed, require_settings};
use super::record::record;
use super::resume::{after, may_pass, names, recover, remember, resume};
use super::whose::of_failure;
use super::{Context, Error};
use crate::database::{Address, Database, Ledgers};
use crate::execution::fault::Fault;
use crate::execution::outcome::stands;
use crate::execution::retry;
use crate::execution::row::RunRow;
use crate::execution::touch::Touching;
use crate::execution::{self, Circumstances, Common, Failure, Later, Stop};
use crate::plan::Plan;
use crate::preflight::{Checker, Preflight};
use crate::process::progress::Progress;
use crate::process::watch::Watch;
use crate::settings::TransactionMode;
use crate::tree::Tree;

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

/// What is about to be done, and where: a variable may have named another database than was meant.
pub(super) fn announcement(plan: &Plan, database: &Database) -> String {
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
    let done = if plan.is_empty() {
        Ok(())
    } else {
        database.make_ready()?;
        execution::run(
            &mut database,
            &ledgers.tables,
            &plan,
            circumstances,
            checker,
            applied,
            &mut kept.later,
        )
    };
    if let Err(stop) = done {
        return Ok(Attempt::Stopped(Box::new(stop)));
    }
    record(
        context,
        &mut database,
        &ledgers.rows,
        applied,
        undertaking.is_undo,
        circumstances.progress,
    );
    database.close();
    Ok(Attempt::Done)
}
