//! Files and ledgers read together, and the plan made of them.
//! Reads; must not change anything.

use std::collections::{BTreeMap, BTreeSet};

use super::seal::require_sealed;
use super::{Context, Error};
use crate::database::{Address, Database, Ledgers};
use crate::error::{Report, count};
use crate::plan::repeatables::{Due, by_variables, due};
use crate::plan::replacement::before;
use crate::plan::scope::{everything, vanished};
use crate::plan::status::{State, Status, compare};
use crate::plan::{self, Obstacles, Plan, Reason, Request, Step};
use crate::process::watch::Watch;
use crate::sql::cluster;
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
    watch: &Watch,
) -> Result<(Tree, Database, Ledgers), Error> {
    let dialing = address.dial(&context.caller.interrupt);
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    database.require_writable()?;
    database.lock(context.caller.settings.lock_wait, watch)?;
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
            "the track {track} has no file in {} any more, but {migrations} in the database: \
             look for an empty folder, or a submodule that is not checked out",
            tree.root.display()
        )
    };
    Ok(vanished(tree, &rows).into_iter().map(sentence).collect())
}

/// Refuses a plan of tracks whose settings the server does not take. A role that the plan itself makes
/// need not be there yet.
pub fn require_settings(
    context: &Context,
    database: &mut Database,
    plan: &Plan,
) -> Result<(), Error> {
    let carried = plan.carried.iter().flat_map(|one| &one.files);
    let tracks: BTreeSet<_> = plan
        .steps()
        .chain(&plan.standby)
        .chain(carried)
        .map(|step| &step.migration.name.track)
        .collect();
    for track in tracks {
        let Some(own) = context.caller.settings.tracks.get(track.as_str()) else {
            continue;
        };
        let Err(error) = database.try_settings(track.as_str(), own) else {
            continue;
        };
        let role = own.role.as_deref().unwrap_or_default();
        let is_settings = matches!(error, crate::database::Error::TrackSettings { .. });
        if !(is_settings && makes_role(context, plan, role)?) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Has a file of the plan a statement that makes this role?
fn makes_role(context: &Context, plan: &Plan, role: &str) -> Result<bool, plan::Error> {
    for step in plan.steps() {
        let material = Material::read(
            &step.migration,
            &context.folders(),
            &context.caller.interrupt,
        )?;
        let mut makes_it = false;
        material.scripts(|script| {
            makes_it |= cluster::reaches(script)
                .iter()
                .any(|reach| reach.makes(role));
        })?;
        if makes_it {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The plan of what these files and ledgers leave to be done.
pub fn make_plan(
    context: &Context,
    request: &Request,
    tree: &Tree,
    ledgers: &Ledgers,
    database: &mut Database,
) -> Result<Plan, Error> {
    let tracks = context.scope(tree, ledgers)?;
    require_sealed(context, tree, &tracks)?;
    let statuses = compare(&tracks, &tree.migrations, &ledgers.rows);
    let to = request.to.as_ref();
    let earlier = to.and_then(|to| before(to, &statuses, &tree.migrations));
    let mut statuses = match &earlier {
        Some(earlier) => compare(&tracks, earlier, &ledgers.rows),
        None => statuses,
    };
    look_at_variables(context, &mut statuses)?;
    look_at_dependencies(database, &mut statuses)?;
    let pending = plan::select_all(&statuses, &ledgers.rows, request)
        .map_err(|obstacles| plan::Error::from(Obstacles(obstacles)))?;
    let near_miss = |migration: &&Migration| migration.directives.near_miss.clone();
    if let Some(near_miss) = pending.iter().find_map(near_miss)
        && !context.is_replay
    {
        return Err(plan::Error::from(near_miss).into());
    }
    let settings = &context.caller.settings;
    let folders = context.folders();
    let read = |migrations: &[&Migration]| {
        plan::steps(
            migrations,
            |migration| Material::read(migration, &folders, &context.caller.interrupt),
            settings.transaction_control,
            |track| settings.variables_of(track.as_str()),
        )
    };
    let plan = plan::group(with_reasons(read(&pending)?, &statuses), request)?;
    let standby = plan::standby(&statuses, &pending);
    Ok(Plan {
        standby: read(&standby)?,
        ..plan
    })
}

/// Finds the repeatables that are due because a variable has another value.
pub fn look_at_variables(
    context: &Context,
    statuses: &mut [Status<'_>],
) -> Result<(), plan::Error> {
    let settings = &context.caller.settings;
    for status in statuses.iter_mut() {
        let repeatable = status.migration.filter(|found| found.name.is_repeatable());
        if let (Some(migration), State::Applied) = (repeatable, status.state) {
            let material =
                Material::read(migration, &context.folders(), &context.caller.interrupt)?;
            let users = settings.variables_of(status.track.as_str());
            *status = by_variables(*status, &material, &users)?;
        }
    }
    Ok(())
}

/// Finds the repeatables that are due because what they stand on has changed.
pub fn look_at_dependencies(
    database: &mut Database,
    statuses: &mut [Status<'_>],
) -> Result<(), crate::database::Error> {
    let is_applied = |status: &&mut Status<'_>| {
        status.is_repeatable() && status.state == State::Applied && status.migration.is_some()
    };
    let mut applied: Vec<_> = statuses.iter_mut().filter(is_applied).collect();
    let tracks: BTreeSet<_> = applied.iter().map(|status| status.track).collect();
    let due = database.due_by_dependency(&Vec::from_iter(tracks))?;
    for status in &mut applied {
        if due.contains(&status.name()) {
            **status = status.due(Due::Dependency);
        }
    }
    Ok(())
}

fn with_reasons(mut steps: Vec<Step>, statuses: &[Status<'_>]) -> Vec<Step> {
    let due: BTreeMap<_, _> = due(statuses)
        .map(|(migration, due)| (&migration.name, due))
        .collect();
    for step in &mut steps {
        if let Some(due) = due.get(&step.migration.name) {
            step.reason = Some(Reason::Repeatable(*due));
        }
    }
    steps
}
