//! `migrate rehearse`: a run whose transaction is always rolled back.

use std::collections::BTreeSet;

use super::carry::Loads;
use super::look::{look_under_lock, make_plan, require_settings};
use super::resume::failure;
use super::undertaking::circumstances;
use super::whose::{add_conflicts, of_failure};
use super::{Context, Error};
use crate::database::{Database, Ledgers};
use crate::execution::row::RehearsalRow;
use crate::execution::touch::Touching;
use crate::execution::{self, Circumstances, Stop, outcome};
use crate::plan::{Plan, Request};
use crate::preflight::{Checker, Preflight};
use crate::settings::TransactionMode;

/// Executes what is pending, looks at what it does, and rolls back.
///
/// # Errors
/// As a run; nothing of it stays in any case.
pub fn rehearse(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<RehearsalRow>, Error> {
    let mut loads = Loads::default();
    loop {
        let rehearsed = on_stage(context, request, preflight, &loads, |stage| {
            let mut rows = execution::rehearse(
                &mut stage.database,
                &stage.ledgers.tables,
                &stage.plan,
                stage.circumstances,
                &mut stage.checker,
            )?;
            let carried = stage.plan.carried.iter().flat_map(|one| &one.files);
            let steps = stage.plan.steps().chain(&stage.plan.standby).chain(carried);
            let migrations: Vec<_> = steps.map(|step| &step.migration).collect();
            add_conflicts(context, &mut stage.database, &migrations, &mut rows);
            Ok(rows)
        });
        let mut failure = match rehearsed {
            Err(Error::Failed(failure)) => failure,
            other => return other,
        };
        let is_carried = loads.take(context, &mut failure, preflight.progress)?;
        // Where an error of one says nothing about the others, they are rehearsed all the same.
        let goes_on = request.transaction == TransactionMode::Each;
        if is_carried || goes_on && loads.settle(&failure) {
            continue;
        }
        return Err(failure.into());
    }
}

/// What a rehearsal needs: a session with the lock, and a plan that has passed its checks.
pub(super) struct Stage<'a> {
    pub database: Database,
    pub ledgers: Ledgers,
    pub plan: Plan,
    pub circumstances: &'a Circumstances,
    pub checker: Checker<'a>,
}

/// Why a rehearsal has ended early.
pub(super) enum Ended {
    Stopped(Box<Stop>),
    Refused(Error),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        Self::Stopped(Box::new(stop))
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Rehearses, and asks the server what became of it where that has stopped.
pub(super) fn on_stage<T>(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
    loads: &Loads,
    work: impl FnOnce(&mut Stage<'_>) -> Result<T, Ended>,
) -> Result<T, Error> {
    let address = context.address()?.for_writing();
    let mut circumstances = circumstances(context, request.transaction, preflight.progress);
    let execution_id = circumstances.common.execution_id.clone();
    let mut checker = Checker::new(&context.caller, preflight, &execution_id);
    let (tree, mut database, ledgers) = look_under_lock(context, &address, &circumstances.watch)?;
    let all = ledgers.tables.iter().map(|table| &table.track);
    let tracks: BTreeSet<_> = all
        .chain(tree.migrations.iter().map(|file| &file.name.track))
        .collect();
    if tracks.len() > 1 && !context.is_replay {
        let settings = &context.caller.settings;
        circumstances.touching = Touching::telling(settings, tree.migrations.clone());
    }
    let plan = make_plan(context, request, &tree, &ledgers, &mut database)?;
    let plan = loads.added_to(context, &tree, plan)?;
    require_settings(context, &mut database, &plan)?;
    checker.check(&plan, &database)?;
    database.make_ready()?;
    let mut stage = Stage {
        database,
        ledgers,
        plan,
        circumstances: &circumstances,
        checker,
    };
    work(&mut stage).map_err(|ended| match ended {
        Ended::Refused(error) => error,
        Ended::Stopped(stop) => {
            // The old session may still be at work; the new one asks what became of it.
            drop(stage);
            let interrupt = &context.caller.interrupt;
            let left = outcome::ask(&address, &stop, &execution_id, vec![], interrupt);
            let mut failure = failure(*stop, left);
            failure.conflicts = of_failure(context, &failure);
            failure.waited = circumstances.watch.waited();
            failure.into()
        }
    })
}
