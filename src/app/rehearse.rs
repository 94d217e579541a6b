//! `migrate rehearse`: a run whose transaction is always rolled back.

use super::preflight::{Checker, Preflight};
use super::run::failure;
use super::{Context, look_under_lock, make_plan};
use crate::error::Error;
use crate::outcome::RehearsalRow;
use crate::plan::Request;
use crate::runner;
use crate::settle::settle;

/// Executes what is pending, looks at what it does, and rolls back.
///
/// # Errors
/// As a run; nothing of it stays in any case.
pub fn rehearse(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<RehearsalRow>, Error> {
    let address = context.address()?.for_writing();
    let circumstances = context.circumstances(request.transaction, preflight.progress);
    let execution_id = circumstances.common.execution_id.clone();
    let mut checker = Checker::new(context, preflight, &execution_id);
    let (tree, mut database, ledgers) = look_under_lock(context, &address)?;
    let plan = make_plan(context, request, &tree, &ledgers)?;
    checker.check(&plan, &database)?;
    runner::rehearse(
        &mut database,
        &ledgers.tables,
        &plan,
        &circumstances,
        &mut checker,
    )
    .map_err(|stop| {
        // The old session may still be at work; the new one asks what became of it.
        drop(database);
        let fate = settle(&address, &stop, &execution_id);
        failure(stop, fate, &[]).into()
    })
}
