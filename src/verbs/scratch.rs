//! `migrate rehearse --scratch`: the whole history from nothing, in a database of its own.

use std::time::Duration;

use uuid::Uuid;

use super::run::run;
use super::{Context, Error};
use crate::database;
use crate::database::catalog::{Catalog, Difference, compare};
use crate::database::throwaway::Throwaway;
use crate::plan::Request;
use crate::preflight::Preflight;
use crate::process::interrupt::Interrupt;

/// How long the clearing up may take.
const CLEARING_UP: Duration = Duration::from_secs(20);

/// Applies everything to a new database, and compares its schema with the target's. The database is
/// beside the target where that is allowed, else in a server of its own on this computer.
///
/// # Errors
/// No database can be made, or a migration fails on it; it is removed in any case.
pub fn scratch(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<Difference>, Error> {
    let mut target = context
        .address()?
        .dial(&context.caller.interrupt)?
        .answer()?;
    let expected = target.catalog()?;
    let name = format!("migrate_scratch_{}", Uuid::new_v4().simple());
    // The refusal ends psql, and so this session is not used any more.
    let found = match target.create_database(&name) {
        Ok(()) => beside(context, &name, request, preflight),
        Err(database::Error::NoScratch { detail }) => {
            on_its_own(context, &detail, request, preflight)
        }
        Err(error) => Err(error.into()),
    }?;
    Ok(compare(&expected, &found))
}

fn beside(
    context: &Context,
    name: &str,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Catalog, Error> {
    let found = context
        .on_database(name)
        .map_err(Error::from)
        .and_then(|scratch| fill(&scratch, request, preflight));
    let removed = context
        .address()?
        // Also after Ctrl-C.
        .dial(&Interrupt::after(CLEARING_UP))
        .map_err(database::Error::from)
        .and_then(|dialing| dialing.answer())
        .and_then(|mut target| Ok(target.drop_database(name)?));
    let left = removed.is_err().then(|| name.to_owned());
    let found = found.map_err(|error| in_scratch(error, left))?;
    removed?;
    Ok(found)
}

fn in_scratch(error: Error, left: Option<String>) -> Error {
    let error = Box::new(error);
    Error::InScratch { error, left }
}

fn on_its_own(
    context: &Context,
    refused: &str,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Catalog, Error> {
    let search = context
        .caller
        .shell
        .environment
        .get("PATH")
        .map(String::as_str);
    let server = Throwaway::start(&context.address()?.psql, search).map_err(|problem| {
        database::Error::NoScratch {
            detail: format!("{refused}\nNor can a server be started here: {problem}"),
        }
    })?;
    fill(&context.at(server.conninfo()), request, preflight)
        .map_err(|error| in_scratch(error, None))
}

fn fill(context: &Context, request: &Request, preflight: &Preflight<'_>) -> Result<Catalog, Error> {
    run(context, request, preflight)?;
    let mut database = context
        .address()?
        .dial(&context.caller.interrupt)?
        .answer()?;
    Ok(database.catalog()?)
}
