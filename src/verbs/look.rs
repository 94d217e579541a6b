//! Files and ledgers read together, and the plan made of them.
//! Reads; must not change anything.

use super::{Context, Error};
use crate::database::{Address, Database, Ledgers};
use crate::error::{Report, count};
use crate::plan::replacement::before;
use crate::plan::scope::{everything, vanished};
use crate::plan::status::compare;
use crate::plan::{self, Obstacles, Plan, Request};
use crate::tree::{Material, Migration, Track, Tree};

/// Reads the folder while psql connects.
pub fn look(context: &Context) -> Result<(Tree, Database, Ledgers), Error> {
    let dialing = context
        .address()
        .and_then(|address| address.dial(&context.caller.interrupt));
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    let ledgers = database.ledgers(&tree.migrations, context.wants(&tree))?;
    Ok((tree, database, ledgers))
}

/// The same under the lock that admits one run at a time, on a server that can be written to.
pub fn look_under_lock(
    context: &Context,
    address: &Address,
) -> Result<(Tree, Database, Ledgers), Error> {
    let dialing = address.dial(&context.caller.interrupt);
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    database.require_writable()?;
    database.lock(context.caller.settings.lock_wait)?;
    let ledgers = database.ledgers(&tree.migrations, context.wants(&tree))?;
    Ok((tree, database, ledgers))
}

/// Tracks that stood beside those of the tree and have no file in it any more, as sentences.
pub fn missed(
    context: &Context,
    tree: &Tree,
    database: &mut Database,
    ledgers: &Ledgers,
) -> Result<Vec<String>, Error> {
    let in_tree = everything(tree, &Ledgers::default());
    let known = ledgers.tables.iter().map(|table| &table.track);
    let others: Vec<_> = known
        .filter(|track| !in_tree.contains(track))
        .cloned()
        .collect();
    if others.is_empty() || !context.tracks.is_empty() {
        return Ok(vec![]);
    }
    let mut rows = ledgers.rows.clone();
    match database.recorded(|track| others.contains(track)) {
        Ok(found) => rows.extend(found.rows),
        Err(error) if error.is_interruption() => return Err(error.into()),
        // Another track's ledger may be none of this user's business.
        Err(_) => return Ok(vec![]),
    }
    let sentence = |(track, number): (Track, usize)| {
        let migrations = count(number, "migration", "migrations");
        format!(
            "the track {track} has no file in {} any more, and {migrations} in the database, applied \
             together with what is there: is its folder empty, or a submodule not checked out?",
            tree.root.display()
        )
    };
    Ok(vanished(tree, &rows).into_iter().map(sentence).collect())
}

/// The plan of what these files and ledgers leave to be done.
pub fn make_plan(
    context: &Context,
    request: &Request,
    tree: &Tree,
    ledgers: &Ledgers,
) -> Result<Plan, Error> {
    let tracks = context.scope(tree, ledgers)?;
    let statuses = compare(&tracks, &tree.migrations, &ledgers.rows);
    let to = request.to.as_ref();
    let earlier = to.and_then(|to| before(to, &statuses, &tree.migrations));
    let statuses = match &earlier {
        Some(earlier) => compare(&tracks, earlier, &ledgers.rows),
        None => statuses,
    };
    let pending = plan::select(&statuses, &ledgers.rows, request)
        .map_err(|obstacles| plan::Error::from(Obstacles(obstacles)))?;
    let near_miss = |migration: &&Migration| migration.directives.near_miss.clone();
    if let Some(near_miss) = pending.iter().find_map(near_miss)
        && !context.is_replay
    {
        return Err(plan::Error::from(near_miss).into());
    }
    let settings = &context.caller.settings;
    let folders = context.folders();
    let steps = plan::steps(
        &pending,
        |migration| Material::read(migration, &folders),
        settings.transaction_control,
        &settings.variables,
    )?;
    Ok(plan::group(steps, request)?)
}
