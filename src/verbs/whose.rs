//! Whose the objects are that migrations meet: what `execution::conflicts` decides, with what the ledgers
//! and the files know.

use super::Context;
use crate::database::catalog::{Object, Owned};
use crate::database::ledger::makers::Makers;
use crate::database::ledger::objects::{Action, Change};
use crate::database::{self, Database};
use crate::execution::Failure;
use crate::execution::conflicts::{Conflict, concerns, in_the_way, met, take};
use crate::execution::row::RehearsalRow;
use crate::process::progress::Progress;
use crate::psql;
use crate::sql::unsafe_ddl::{Family, Linting, Named};
use crate::tree::{Material, Migration, each_script};

/// Who made what. A user who may not read the ledgers is told so, and nobody's track.
pub(super) fn makers(database: &mut Database) -> Result<Makers, database::Error> {
    match database.makers() {
        Err(database::Error::Psql(psql::Error::NotPermitted { .. })) => {
            let (makers, unseen) = database.makers_seen()?;
            let progress = Progress { quiet: false };
            progress.note(&if makers == Makers::default() {
                "this user may not read the ledgers, so the tracks are unknown".to_owned()
            } else {
                let unseen: Vec<_> = unseen.iter().map(ToString::to_string).collect();
                let unseen = unseen.join(", ");
                format!(
                    "this user may not read the ledgers of {unseen}, so these tracks are unknown"
                )
            });
            Ok(makers)
        }
        makers => makers,
    }
}

/// Adds to a rehearsal's rows what each of them met. What cannot be asked is not told.
pub(super) fn add_conflicts(
    context: &Context,
    database: &mut Database,
    migrations: &[&Migration],
    rows: &mut [RehearsalRow],
) {
    let (live, mut makers) = known(database);
    for row in rows {
        let run = &row.run;
        let track = run.name.track.as_str();
        let file = migrations.iter().find(|found| found.name == run.name);
        let text = file.map(|file| text(context, file)).unwrap_or_default();
        row.conflicts = met(track, &run.objects, &text, &makers);
        let is_foreign = |found: &Conflict| {
            found
                .maker
                .as_ref()
                .is_none_or(|maker| maker.track != track)
        };
        let found = run
            .found
            .iter()
            .flat_map(|said| in_the_way(said, &live, &makers));
        row.conflicts.extend(found.filter(is_foreign));
        let stopped = run.error.iter();
        row.conflicts
            .extend(stopped.flat_map(|error| in_the_way(error, &live, &makers)));
        take(&mut makers, track, &run.name.file_name(), &run.objects);
    }
}

/// What is in the way of a migration that failed, if that is what its error is about.
pub(super) fn of_failure(context: &Context, failure: &Failure) -> Vec<Conflict> {
    let Some(diagnostic) = failure.fault.diagnostic().filter(|error| concerns(error)) else {
        return vec![];
    };
    let dial = || -> Result<Database, super::Error> {
        let dialing = context.address()?.dial(&context.caller.interrupt)?;
        Ok(dialing.answer()?)
    };
    let (live, mut makers) = dial()
        .map(|mut database| known(&mut database))
        .unwrap_or_default();
    // What the same transaction had made is gone with it; its files still tell.
    let tree = context.tree();
    for name in &failure.group {
        let file = tree.iter().flat_map(|tree| &tree.migrations);
        let Some(file) = file.into_iter().find(|file| file.name == *name) else {
            continue;
        };
        take(
            &mut makers,
            name.track.as_str(),
            &name.file_name(),
            &by_words(context, file),
        );
    }
    in_the_way(diagnostic, &live, &makers)
}

/// The objects of the database and who made them, as far as this user may know.
fn known(database: &mut Database) -> (Vec<Object>, Makers) {
    let live = database.owned().unwrap_or_default();
    let live = live.into_iter().map(|Owned(kind, name, ..)| (kind, name));
    let live = live.collect();
    (live, makers(database).unwrap_or_default())
}

/// The SQL of a migration and of what it includes.
fn text(context: &Context, migration: &Migration) -> String {
    let Ok(material) = Material::read(migration, &context.folders(), &context.caller.interrupt)
    else {
        return String::new();
    };
    let mut text = String::new();
    // What cannot be read to its end says less.
    let _ = material.scripts(|script| {
        text += &String::from_utf8_lossy(script.content);
        text.push('\n');
    });
    text
}

/// What a file makes, as its words say.
fn by_words(context: &Context, migration: &Migration) -> Vec<Change> {
    let mut linting = Linting::new(None, true);
    // The same here.
    let _ = each_script(&migration.path, &context.caller.interrupt, |script| {
        linting.take(script)
    });
    let statements = linting.finish();
    let made = statements
        .into_iter()
        .flat_map(|statement| statement.deed.made);
    made.map(|Named { family, name, .. }| {
        let kind = match family {
            Family::Relation => "table",
            Family::Type => "type",
            Family::Routine => "function",
            Family::Schema => "schema",
        };
        Change(
            Action::Created,
            kind.to_owned(),
            format!("\"{name}\""),
            None,
            None,
        )
    })
    .collect()
}
