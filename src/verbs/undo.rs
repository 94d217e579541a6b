//! `migrate undo`: a run backwards, with the files that undo what was applied last.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};

use super::look::{look, require_settings};
use super::undertaking::{Look, Undertaking, carry_out};
use super::{Context, Error};
use crate::database::{Database, Ledgers};
use crate::execution::row::RunRow;
use crate::plan::scope::everything;
use crate::plan::status::compare;
use crate::plan::undo::{Extent, Undoing, select};
use crate::plan::{self, Plan, Request};
use crate::preflight::Preflight;
use crate::settings::TransactionMode;
use crate::tree::{Material, Tree};

/// What `migrate undo` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    pub extent: Extent,
    /// Refuse a plan of more than one transaction.
    pub atomic: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoRow {
    /// What a run would say of it: `applied` is when and how it was undone.
    pub run: RunRow,
    /// When it had been applied.
    pub applied_at: Option<DateTime<FixedOffset>>,
}

/// Undoes what was applied last.
///
/// # Errors
/// [`Error::Failed`] tells what the database holds.
pub fn undo(
    context: &Context,
    order: &Order,
    preflight: &Preflight<'_>,
) -> Result<Vec<UndoRow>, Error> {
    let times = std::cell::RefCell::new(Times::new());
    let undertaking = Undertaking {
        transaction: TransactionMode::All,
        is_undo: true,
        plan: &|look| {
            let Look {
                tree,
                database,
                ledgers,
                done,
            } = look;
            let rest = Order {
                extent: order.extent.after(done),
                ..order.clone()
            };
            let (plan, found) = plan_undo(context, &rest, tree, database, ledgers)?;
            times.borrow_mut().extend(found);
            Ok(plan)
        },
    };
    let undone = carry_out(context, &undertaking, preflight)?;
    Ok(rows(undone, &times.borrow()))
}

/// What an undo would do. Takes no lock and touches nothing.
pub fn dry_run(context: &Context, order: &Order) -> Result<Vec<UndoRow>, Error> {
    let (tree, mut database, ledgers) = look(context)?;
    let (plan, times) = plan_undo(context, order, &tree, &mut database, &ledgers)?;
    require_settings(context, &mut database, &plan)?;
    Ok(rows(RunRow::planned(&plan), &times))
}

/// When the migrations were applied, by file name.
type Times = BTreeMap<String, Option<DateTime<FixedOffset>>>;

fn plan_undo(
    context: &Context,
    order: &Order,
    tree: &Tree,
    database: &mut Database,
    ledgers: &Ledgers,
) -> Result<(Plan, Times), Error> {
    let scope = context.scope(tree, ledgers)?;
    // Also of those that nobody asked for: they may require what is to go.
    let in_tree = everything(tree, &Ledgers::default());
    let known = database.ledgers(&tree.migrations, |track| {
        in_tree.contains(track) || scope.contains(track)
    })?;
    let all = everything(tree, &known);
    let statuses = compare(&all, &tree.migrations, &known.rows);
    let undoing = select(&statuses, &scope, &order.extent).map_err(plan::Error::from)?;
    let folders = context.folders();
    let mut files = undoing
        .iter()
        .filter_map(|one| {
            one.migration
                .undoing(&folders, &context.caller.interrupt)
                .transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    files.iter_mut().for_each(|file| context.allow(file));
    let settings = &context.caller.settings;
    let recorded = undoing.iter().map(|one| one.row.name.clone());
    let steps = plan::down(
        recorded.collect(),
        &files,
        |migration| Material::read(migration, &folders, &context.caller.interrupt),
        settings.transaction_control,
        |track| settings.variables_of(track.as_str()),
    )?;
    let request = Request {
        atomic: order.atomic,
        ..Request::default()
    };
    Ok((plan::group(steps, &request)?, times(&undoing)))
}

fn times(undoing: &[Undoing<'_>]) -> Times {
    let time = |one: &Undoing<'_>| (one.migration.name.file_name(), one.row.applied_at);
    undoing.iter().map(time).collect()
}

fn rows(rows: Vec<RunRow>, times: &Times) -> Vec<UndoRow> {
    let row = |run: RunRow| UndoRow {
        applied_at: times.get(&run.name.file_name()).copied().flatten(),
        run,
    };
    rows.into_iter().map(row).collect()
}
