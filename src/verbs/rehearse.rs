//! `migrate rehearse`: a run whose transaction is always rolled back.

use super::look::{look_under_lock, make_plan};
use super::run::{circumstances, failure};
use super::{Context, Error};
use crate::execution::row::RehearsalRow;
use crate::execution::{self, outcome};
use crate::plan::Request;
use crate::preflight::{Checker, Preflight};

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
    let circumstances = circumstances(context, request.transaction, preflight.progress);
    let execution_id = circumstances.common.execution_id.clone();
    let mut checker = Checker::new(&context.caller, preflight, &execution_id);
    let (tree, mut database, ledgers) = look_under_lock(context, &address)?;
    let plan = make_plan(context, request, &tree, &ledgers, &mut database)?;
    checker.check(&plan, &database)?;
    execution::rehearse(
        &mut database,
        &ledgers.tables,
        &plan,
        &circumstances,
        &mut checker,
    )
    .map_err(|stop| {
        // The old session may still be at work; the new one asks what became of it.
        drop(database);
        let interrupt = &context.caller.interrupt;
        let left = outcome::ask(&address, &stop, &execution_id, vec![], interrupt);
        failure(stop, left).into()
    })
}
