//! One function per verb, wiring the stages in their order.
//! The only room that knows the whole sequence; must not hold rules of its own.

mod child;
mod context;
mod preflight;
mod rehearse;
mod run;
mod scratch;
mod validate;

use uuid::Uuid;

use crate::database::{Address, Database, Ledgers};
use crate::discovery::Tree;
use crate::discovery::name::parse_recorded;
use crate::error::Error;
use crate::migration::{Migration, Track};
use crate::new_migration::template::{self, Template};
use crate::outcome::{AddedRow, HistoryRow, RepairRow, RunRow, StatusRow};
use crate::plan::{self, Plan, Request};
use crate::preparation::prepare;
use crate::repair::{self, Order};
use crate::scope::everything;
use crate::settings::resolve_path;
use crate::standing::compare;
use crate::{new_migration, status as report};
pub use context::{Context, Target};
pub use preflight::Preflight;
pub use rehearse::rehearse;
pub use run::run;
pub use scratch::scratch;
pub use validate::validate;

/// Where every migration stands. `offline` looks at the files alone.
///
/// # Errors
/// See the README's list of codes.
pub fn status(context: &Context, offline: bool) -> Result<Vec<StatusRow>, Error> {
    let (tree, ledgers) = match offline {
        true => (context.tree()?, Ledgers::default()),
        false => {
            let (tree, _, ledgers) = look(context)?;
            (tree, ledgers)
        }
    };
    let tracks = context.scope(&tree, &ledgers)?;
    Ok(report::rows(&compare(
        &tracks,
        &tree.migrations,
        &ledgers.rows,
    )))
}

/// Reads the folder while psql connects.
fn look(context: &Context) -> Result<(Tree, Database, Ledgers), Error> {
    let dialing = context
        .address()
        .and_then(|address| address.dial(&context.interrupt));
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    let ledgers = database.ledgers(&tree.migrations, context.wants(&tree))?;
    Ok((tree, database, ledgers))
}

/// The same under the lock that admits one run at a time, on a server that can be written to.
fn look_under_lock(
    context: &Context,
    address: &Address,
) -> Result<(Tree, Database, Ledgers), Error> {
    let dialing = address.dial(&context.interrupt);
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    database.server.require_writable()?;
    database.lock(context.settings.lock_wait)?;
    let ledgers = database.ledgers(&tree.migrations, context.wants(&tree))?;
    Ok((tree, database, ledgers))
}

/// What the ledgers say, also of files that are gone.
///
/// # Errors
/// See the README's list of codes.
pub fn history(context: &Context) -> Result<Vec<HistoryRow>, Error> {
    if !context.root.is_dir() {
        return Err(Error::NoSuchDirectory {
            path: context.root.clone(),
        });
    }
    let wanted = |track: &Track| context.tracks.is_empty() || context.tracks.contains(track);
    let recorded = context
        .address()?
        .dial(&context.interrupt)?
        .answer()?
        .recorded(wanted)?;
    Ok(recorded
        .rows
        .into_iter()
        .map(|row| HistoryRow {
            name: parse_recorded(&row.name),
            row,
        })
        .collect())
}

/// What a run would do. Takes no lock and touches nothing.
///
/// # Errors
/// See the README's list of codes.
pub fn dry_run(context: &Context, request: &Request) -> Result<Vec<RunRow>, Error> {
    let (tree, _, ledgers) = look(context)?;
    Ok(make_plan(context, request, &tree, &ledgers)?.rows())
}

fn make_plan(
    context: &Context,
    request: &Request,
    tree: &Tree,
    ledgers: &Ledgers,
) -> Result<Plan, Error> {
    let tracks = context.scope(tree, ledgers)?;
    let standings = compare(&tracks, &tree.migrations, &ledgers.rows);
    let pending = plan::select(&standings, &ledgers.rows, request)
        .map_err(|obstacles| Error::Refused { obstacles })?;
    let control = context.settings.transaction_control;
    let steps = prepare(
        &pending,
        &context.folders(),
        control,
        &context.settings.variables,
    )?;
    plan::group(steps, request)
}

/// Edits ledger rows by hand, under the lock and in one transaction.
///
/// # Errors
/// See the README's list of codes.
pub fn repair(context: &Context, orders: &[Order], dry_run: bool) -> Result<Vec<RepairRow>, Error> {
    let address = context.address()?.for_writing();
    let dialing = address.dial(&context.interrupt);
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    if !dry_run {
        database.server.require_writable()?;
        database.lock(context.settings.lock_wait)?;
    }
    let ledgers = database.ledgers(&tree.migrations, |_| true)?;
    let tracks = everything(&tree, &ledgers);
    let standings = compare(&tracks, &tree.migrations, &ledgers.rows);
    let execution_id = Uuid::new_v4().to_string();
    let mut statements = String::new();
    let mut rows = Vec::new();
    for order in orders {
        let (statement, row) = repair::repair(order, &standings, &database.place, &execution_id)?;
        let existing = ledgers.tables.iter().find(|table| table.track == row.track);
        statements += &database.place.ensure(&row.track, existing);
        statements += &statement;
        rows.push(row);
    }
    if !dry_run {
        database.change(&statements)?;
    }
    Ok(rows)
}

/// What `migrate add` is to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddOrder {
    /// What the migration does.
    pub description: String,
    /// The template's name, or its file.
    pub template: Option<String>,
    /// For outside of a transaction?
    pub no_transaction: bool,
    /// With a validation script beside it?
    pub with_validation: bool,
}

/// Makes the next migration file, and its validation script if that is wanted.
///
/// # Errors
/// See the README's list of codes.
pub fn add(context: &Context, order: &AddOrder) -> Result<Vec<AddedRow>, Error> {
    let migrations: Vec<Migration> = match context.root.exists() {
        true => context.tree()?.migrations,
        false => vec![],
    };
    let place =
        new_migration::Place::choose(&context.root, &migrations, context.tracks.as_slice())?;
    let caller = &context.shell.directory;
    let setting = context.settings.templates.as_ref();
    let setting = setting.map(|setting| resolve_path(setting, caller));
    let folders = template::folders(&context.root, setting);
    let found = Template::find(order.template.as_deref(), caller, &folders)?;
    let wanted = new_migration::Wanted {
        description: &order.description,
        template: match order.no_transaction {
            true => found.without_transaction(),
            false => found,
        },
        with_validation: order.with_validation,
    };
    new_migration::create(&place, &migrations, &wanted, chrono::Utc::now())
}
