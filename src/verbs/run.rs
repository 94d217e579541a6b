//! `migrate run`: what it applies, and what it would apply.

use super::look::{look, make_plan, missed, require_settings};
use super::undertaking::{Undertaking, announcement, carry_out};
use super::{Context, Error};
use crate::execution::row::RunRow;
use crate::plan::Request;
use crate::preflight::Preflight;
use crate::process::progress::Progress;

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
