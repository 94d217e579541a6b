//! `migrate rehearse --scratch`: the whole history from nothing, in a database of its own.

use std::time::Duration;

use uuid::Uuid;

use super::Context;
use super::preflight::Preflight;
use super::run::run;
use crate::catalog::{Catalog, Difference, compare};
use crate::database::Database;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::plan::Request;

/// How long the clearing up may take, also after Ctrl-C.
const CLEARING_UP: Duration = Duration::from_secs(20);

/// Makes a new database beside the target, applies everything to it, and compares the schemas.
///
/// # Errors
/// The database cannot be made, or a migration fails on it; it is removed in any case.
pub fn scratch(
    context: &Context,
    request: &Request,
    preflight: &Preflight<'_>,
) -> Result<Vec<Difference>, Error> {
    let mut target = context.address()?.dial(&context.interrupt)?.answer()?;
    let expected = catalog(&mut target)?;
    let name = format!("migrate_scratch_{}", Uuid::new_v4().simple());
    target.create_database(&name)?;
    let found = context
        .on_database(&name)
        .and_then(|scratch| fill(&scratch, request, preflight));
    // Over a new connection: this one may have been interrupted.
    let removed = context
        .address()?
        .dial(&Interrupt::after(CLEARING_UP))
        .and_then(|dialing| dialing.answer())
        .and_then(|mut target| target.drop_database(&name));
    let found = found?;
    removed?;
    Ok(compare(&expected, &found))
}

fn fill(context: &Context, request: &Request, preflight: &Preflight<'_>) -> Result<Catalog, Error> {
    run(context, request, preflight)?;
    let mut database = context.address()?.dial(&context.interrupt)?.answer()?;
    catalog(&mut database)
}

fn catalog(database: &mut Database) -> Result<Catalog, Error> {
    let prefix = database.place.prefix.clone();
    let entries = database.catalog()?;
    Ok(Catalog::new(entries, |name| {
        name.split(['.', ' '])
            .any(|part| part.trim_matches('"').starts_with(&prefix))
    }))
}
