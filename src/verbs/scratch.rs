//! `migrate rehearse --scratch`: the whole history from nothing, in a database of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::run::run;
use super::{Context, Error};
use crate::database::catalog::{Catalog, Detail, Difference, compare};
use crate::database::throwaway::{NotStarted, Throwaway};
use crate::database::{self, Database};
use crate::plan::Request;
use crate::preflight::Preflight;
use crate::process::interrupt::Interrupt;
use crate::process::progress::Progress;
use crate::psql;
use crate::sql::cluster::{self, Reach};
use crate::tree::{Material, relative};

/// How long the clearing up may take.
const CLEARING_UP: Duration = Duration::from_secs(20);

/// What is to be made of a new database, and how much of its schema is asked for.
pub(super) struct Order<'a> {
    pub request: &'a Request,
    pub preflight: &'a Preflight<'a>,
    pub detail: Detail,
}

/// The schemas of the target and of a database that was made from the files.
pub(super) struct Schemas {
    pub target: Catalog,
    pub scratch: Catalog,
}

/// Applies everything to a new database, and compares its schema with the target's.
pub fn scratch(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<Difference>, Error> {
    let order = Order {
        request,
        preflight,
        detail: Detail::Definitions,
    };
    let Schemas { target, scratch } = schemas(context, &order)?;
    Ok(compare(&target, &scratch))
}

/// Applies the context's files to a new database.
pub(super) fn schemas(context: &Context, order: &Order<'_>) -> Result<Schemas, Error> {
    let mut database = dial(context)?;
    let target = database.catalog(order.detail)?;
    let progress = order.preflight.progress;
    let scratch = in_scratch(context, database, progress, |scratch| {
        if !scratch.has_nothing() {
            run(scratch, order.request, order.preflight)?;
        }
        Ok(dial(scratch)?.catalog(order.detail)?)
    })?;
    Ok(Schemas { target, scratch })
}

pub(super) fn dial(context: &Context) -> Result<Database, Error> {
    let dialing = context.address()?.dial(&context.caller.interrupt)?;
    Ok(dialing.answer()?)
}

/// Does some work in a new database, which is beside the target where that is allowed and does no
/// harm, else in a server of its own on this computer. It is removed in any case.
pub(super) fn in_scratch<T>(
    context: &Context,
    mut target: Database,
    progress: Progress,
    work: impl Fn(&Context) -> Result<T, Error>,
) -> Result<T, Error> {
    let work = |scratch: &Context| {
        prepare(scratch)?;
        work(scratch)
    };
    let reaches = reaches(context)?;
    if let Some(first) = reaches.first() {
        let why = format!("{first} would change the target's whole server");
        return on_its_own(context, target, &reaches, &why, progress, work);
    }
    let name = format!("migrate_scratch_{}", Uuid::new_v4().simple());
    match target.create_database(&name) {
        Ok(()) => beside(context, &name, work),
        Err(psql::Error::Refused { diagnostic } | psql::Error::NotPermitted { diagnostic }) => {
            let why = format!(
                "no database can be made on the target's server ({})",
                diagnostic.message
            );
            on_its_own(context, dial(context)?, &reaches, &why, progress, work)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes the schema of the ledgers.
fn prepare(scratch: &Context) -> Result<(), Error> {
    if let Some(schema) = &scratch.caller.settings.schema {
        dial(&scratch.without_schema())?.create_schema(schema)?;
    }
    Ok(())
}

/// A statement of a migration that reaches beyond its database.
pub(super) struct Reaching {
    pub file: String,
    reach: Reach,
}

impl fmt::Display for Reaching {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reaching { file, reach } = self;
        write!(formatter, "{} in {file}:{}", reach.words, reach.line)
    }
}

/// What the files of the tree have of it.
pub(super) fn reaches(context: &Context) -> Result<Vec<Reaching>, Error> {
    let tree = context.tree()?;
    let folders = context.folders();
    let mut found = Vec::new();
    for migration in &tree.migrations {
        let material = Material::read(migration, &folders, &context.caller.interrupt)?;
        let scripts = material.scripts(|script| {
            let file = relative(&context.root, script.path);
            let reaches = cluster::reaches(script).into_iter();
            found.extend(reaches.map(|reach| Reaching {
                file: file.clone(),
                reach,
            }));
        });
        scripts?;
    }
    Ok(found)
}

fn beside<T>(
    context: &Context,
    name: &str,
    work: impl Fn(&Context) -> Result<T, Error>,
) -> Result<T, Error> {
    let scratch = context.on_database(name)?;
    let found = work(&scratch);
    let removed = remove(context, &scratch, name);
    let left = removed.is_err().then(|| name.to_owned());
    match (found, removed) {
        (Ok(found), Ok(())) => Ok(found),
        (Err(error), _) | (Ok(_), Err(error)) => Err(Error::InScratch {
            error: Box::new(error),
            place: None,
            left,
        }),
    }
}

/// Removes the scratch database, also after Ctrl-C.
fn remove(context: &Context, scratch: &Context, name: &str) -> Result<(), Error> {
    let in_time = Interrupt::after(CLEARING_UP);
    let dial = |context: &Context| -> Result<Database, Error> {
        Ok(context.address()?.dial(&in_time)?.answer()?)
    };
    if dial(context)?.drop_database(name).is_ok() {
        return Ok(());
    }
    // It may have another schema for ledgers than the target, or none.
    dial(&scratch.without_schema())?.untie()?;
    Ok(dial(context)?.drop_database(name)?)
}

fn on_its_own<T>(
    context: &Context,
    mut target: Database,
    reaches: &[Reaching],
    why: &str,
    progress: Progress,
    work: impl Fn(&Context) -> Result<T, Error>,
) -> Result<T, Error> {
    let search = context
        .caller
        .shell
        .environment
        .get("PATH")
        .map(String::as_str);
    let wanted = target.server.major();
    let interrupt = &context.caller.interrupt;
    let started = Throwaway::start(&context.address()?.psql, search, wanted, interrupt);
    let throwaway = started.map_err(|reason| match reason {
        NotStarted::Interrupted(interrupted) => interrupted.into(),
        NotStarted::Problem(problem) => database::Error::NoScratch {
            detail: format!("{why}\nA server cannot be started here either: {problem}"),
        },
    })?;
    let scratch = context.at(throwaway.conninfo());
    let mut server = dial(&scratch.without_schema())?;
    // Migrations grant to roles that others make. One that they make themselves must not be there.
    let mut roles = target.roles()?;
    // Those that tracks run as, the target may not have yet.
    let tracks = context.caller.settings.tracks.values();
    let missing: BTreeSet<_> = tracks
        .filter_map(|own| own.role.clone())
        .filter(|role| !roles.contains(role))
        .collect();
    roles.extend(missing.iter().cloned());
    let is_made = |role: &String| reaches.iter().any(|reaching| reaching.reach.makes(role));
    roles.retain(|role| !is_made(role));
    for role in missing.iter().filter(|role| !is_made(role)) {
        progress.note(&format!(
            "the target has no role {role}, which a track runs as: the role is created only for \
             the rehearsal"
        ));
    }
    server.create_roles(&roles)?;
    let place = place(server.server.major(), wanted);
    progress.note(&format!("{place}, because {why}"));
    drop((target, server));
    work(&scratch).map_err(|error| Error::InScratch {
        error: Box::new(error),
        place: Some(format!("{place}, because {why}")),
        left: None,
    })
}

/// Where the scratch database is, in words.
fn place(major: u32, wanted: u32) -> String {
    let place =
        format!("the scratch database is in a PostgreSQL {major} of its own on this computer");
    if major == wanted {
        place
    } else {
        format!(
            "{place} (the target is PostgreSQL {wanted}, so the versions may cause \
                 differences)"
        )
    }
}
