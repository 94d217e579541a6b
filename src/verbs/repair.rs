//! `migrate repair`: what may be done by hand to a ledger row, and what makes no sense.
//! The only verb that edits ledger rows by hand.

mod outcome;

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Context, Error};
use crate::database::ledger::Row;
use crate::database::ledger::table::Place;
use crate::database::reconnect::Patience;
use crate::database::{self, Address, Database};
use crate::error::Report;
use crate::execution::outcome::Outcome;
use crate::plan::scope::everything;
use crate::plan::status::{State, Status, compare};
use crate::process::watch::Watch;
use crate::psql;
use crate::tree::{self, Migration, Track};
use outcome::Change;

/// What the user wants done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumIter, strum::IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    /// Accept the file as it is now.
    Rehash,
    Forget,
    /// Say that the file is in the database.
    MarkApplied,
    /// Let the next run try the file again.
    Retry,
}

/// Something to be done to one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub action: Action,
    /// The file name, with or without `.sql`, or the version.
    pub name: String,
}

/// A row of `migrate repair`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRow {
    pub track: Track,
    pub name: String,
    /// What was done to its ledger row.
    pub action: Action,
    /// Was it only shown?
    pub is_dry_run: bool,
}

/// Edits ledger rows by hand, under the lock and in one transaction.
pub fn repair(context: &Context, orders: &[Order], dry_run: bool) -> Result<Vec<RepairRow>, Error> {
    if orders.is_empty() {
        return Err(Error::NothingToRepair);
    }
    let address = context.address()?.for_writing();
    let dialing = address.dial(&context.caller.interrupt);
    // The checksums that it writes into ledgers are of files that it has read.
    tree::forget();
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    if !dry_run {
        database.require_writable()?;
        database.lock(context.caller.settings.lock_wait, &Watch::default())?;
        database.make_ready()?;
    }
    let ledgers = database.ledgers(&tree.migrations, |_| true)?;
    let tracks = everything(&tree, &ledgers);
    let statuses = compare(&tracks, &tree.migrations, &ledgers.rows);
    let execution_id = Uuid::new_v4().to_string();
    let mut statements = String::new();
    let mut with_ledger = BTreeSet::new();
    let mut rows = Vec::new();
    for order in orders {
        let (statement, mut row) = statement(order, &statuses, &database.place, &execution_id)?;
        if with_ledger.insert(row.track.clone()) {
            let existing = ledgers.tables.iter().find(|table| table.track == row.track);
            statements += &database.place.ensure(&row.track, existing);
        }
        statements += &statement;
        row.is_dry_run = dry_run;
        rows.push(row);
    }
    if !dry_run {
        database.change(&statements).or_else(|error| {
            let changes: Vec<_> = rows
                .iter()
                .filter_map(|row| Change::of(row, &statuses, &execution_id))
                .collect();
            conclude(
                context,
                &address,
                database,
                &tree.migrations,
                &changes,
                error,
            )
        })?;
    }
    Ok(rows)
}

/// A repair whose session was lost may be in the database all the same. Then it is no failure, unless
/// the user has stopped it.
fn conclude(
    context: &Context,
    address: &Address,
    database: Database,
    migrations: &[Migration],
    changes: &[Change],
    error: database::Error,
) -> Result<(), Error> {
    let is_interrupted = error.is_interruption();
    let is_lost = matches!(
        error,
        database::Error::Psql(psql::Error::Ended { .. } | psql::Error::Lost { .. })
    );
    if !is_interrupted && !is_lost {
        return Err(error.into());
    }
    let patience = Patience::new(&context.caller.interrupt, is_interrupted);
    let (place, identity) = (database.place.clone(), database.identity.clone());
    drop(database);
    let outcome = outcome::ask(
        address,
        &place,
        identity.as_ref(),
        migrations,
        changes,
        &patience,
    );
    if outcome == Outcome::Committed && !is_interrupted {
        return Ok(());
    }
    Err(Error::RepairStopped {
        error: Box::new(error.into()),
        outcome,
    })
}

/// Of a file and a row of its name that is in the ledger of another track: the row is what can be forgotten,
/// and the file all that can be done anything else to.
fn one_of_a_name<'s, 'a>(action: Action, all: &[&'s Status<'a>]) -> Option<&'s Status<'a>> {
    let is_meant = |found: &&&Status<'_>| match action {
        Action::Forget => found.row.is_some(),
        _ => found.migration.is_some(),
    };
    let name = all.first()?.name();
    let mut meant = all.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(one), None) if all.iter().all(|found| found.name() == name) => Some(*one),
        _ => None,
    }
}

/// The statements for an order, and the row of the report.
fn statement(
    order: &Order,
    statuses: &[Status<'_>],
    place: &Place,
    execution_id: &str,
) -> Result<(String, RepairRow), Error> {
    if order.name.trim().is_empty() {
        return Err(Error::NamelessRepair {
            action: order.action.into(),
        });
    }
    let refused = |problem: &str| Error::RepairRefused {
        name: order.name.clone(),
        problem: problem.to_owned(),
    };
    let matching: Vec<_> = statuses
        .iter()
        .filter(|found| is_meant(&order.name, found))
        .collect();
    let status = match matching.as_slice() {
        [one] => *one,
        [] => return Err(refused("there is no such migration")),
        all => one_of_a_name(order.action, all)
            .ok_or_else(|| refused("several tracks have it; name the file"))?,
    };
    let statement = match (order.action, status.state, status.migration, status.row) {
        (Action::Rehash, State::Changed, Some(migration), Some(row)) => {
            place.rehash(row, &migration.checksum)
        }
        (Action::Rehash, State::Applied, ..) => return Err(refused("the file is unchanged")),
        (Action::Rehash, ..) => return Err(refused("only an applied file that has changed \
                                                    can be accepted")),
        (Action::Forget, ..) if is_needed(status, statuses) => {
            return Err(refused(
                "another migration replaces it, and counts as applied only because of this \
                 row: mark that one as applied first",
            ));
        }
        (Action::Forget, _, _, Some(row)) => place.forget(row),
        (Action::Forget, ..) => return Err(refused("no ledger knows it")),
        (
            Action::MarkApplied,
            State::Pending | State::Partial | State::Failed | State::Running,
            Some(migration),
            row,
        )
        // All that it stands for is applied, and it has no row of its own yet.
        | (Action::MarkApplied, State::Applied, Some(migration), row @ None) => mark_applied(place, migration, row, execution_id),
        (Action::MarkApplied, State::Replaced, ..) => {
            return Err(refused("another migration replaces it"));
        }
        (Action::MarkApplied, _, None, _) => return Err(refused("its file is gone")),
        (Action::MarkApplied, ..) => return Err(refused("it is applied already")),
        (Action::Retry, State::Failed | State::Running, _, Some(row)) => place.forget(row),
        (Action::Retry, ..) => return Err(refused("it is neither failed nor running")),
    };
    let name = name_of(status);
    Ok((
        statement,
        RepairRow {
            track: status.track.clone(),
            name,
            action: order.action,
            is_dry_run: false,
        },
    ))
}

/// Does another one count as applied because of this row?
fn is_needed(status: &Status<'_>, statuses: &[Status<'_>]) -> bool {
    let recorded = status.row.is_some();
    let standing = status.squash.filter(|_| recorded);
    standing.is_some_and(|squash| {
        let mut all = statuses.iter();
        all.any(|found| {
            let is_it = found.migration.is_some_and(|file| file.name == squash.name);
            is_it && found.row.is_none()
        })
    })
}

fn mark_applied(
    place: &Place,
    migration: &Migration,
    row: Option<&Row>,
    execution_id: &str,
) -> String {
    let forget = row.map_or_else(String::new, |row| place.forget(row));
    forget + &place.mark_applied(migration, execution_id)
}

fn name_of(status: &Status<'_>) -> String {
    match (status.migration, status.row) {
        (Some(migration), _) => migration.name.file_name(),
        (None, row) => row.map(|row| row.name.clone()).unwrap_or_default(),
    }
}

fn is_meant(name: &str, status: &Status<'_>) -> bool {
    let is_name = |known: &str| name == known || known.strip_suffix(".sql") == Some(name);
    is_name(&name_of(status))
        || status.row.is_some_and(|row| is_name(&row.name))
        || status
            .version()
            .is_some_and(|version| version.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::RowState;
    use crate::database::ledger::examples::row;
    use crate::plan::status::compare;
    use crate::tree::examples::{migration, tracks};

    const FILE: &str = "20240101000000_core_a.sql";

    fn attempt(action: Action, file: bool, known: Option<Row>) -> Result<String, String> {
        let files: Vec<_> = file.then(|| migration(FILE)).into_iter().collect();
        let rows: Vec<_> = known.into_iter().collect();
        let tracks = tracks(&["core"]);
        let place = Place {
            schema: "public".to_owned(),
            prefix: "m_".to_owned(),
        };
        let order = Order {
            action,
            name: "20240101000000".to_owned(),
        };
        statement(&order, &compare(&tracks, &files, &rows), &place, "id")
            .map(|(statement, _)| statement.split(' ').next().unwrap().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_action_does_what_makes_sense_and_nothing_else() {
        let changed = || Row {
            hash: "other".to_owned(),
            ..row(FILE)
        };
        let failed = || Row {
            state: RowState::Failed,
            ..row(FILE)
        };
        let ok = |statement: &str| Ok(statement.to_owned());

        assert_eq!(attempt(Action::Rehash, true, Some(changed())), ok("UPDATE"));
        assert!(
            attempt(Action::Rehash, true, Some(row(FILE))).is_err(),
            "unchanged"
        );
        assert!(attempt(Action::Rehash, true, None).is_err(), "pending");
        assert!(
            attempt(Action::Rehash, false, Some(row(FILE))).is_err(),
            "no file"
        );

        assert_eq!(
            attempt(Action::Forget, false, Some(row(FILE))),
            ok("DELETE")
        );
        assert_eq!(attempt(Action::Forget, true, Some(row(FILE))), ok("DELETE"));
        assert!(attempt(Action::Forget, true, None).is_err(), "no row");

        assert_eq!(attempt(Action::MarkApplied, true, None), ok("INSERT"));
        assert_eq!(
            attempt(Action::MarkApplied, true, Some(failed())),
            ok("DELETE")
        );
        assert!(
            attempt(Action::MarkApplied, true, Some(row(FILE))).is_err(),
            "applied"
        );
        assert!(
            attempt(Action::MarkApplied, false, Some(failed())).is_err(),
            "no file"
        );

        assert_eq!(attempt(Action::Retry, true, Some(failed())), ok("DELETE"));
        assert!(
            attempt(Action::Retry, true, Some(row(FILE))).is_err(),
            "applied"
        );
        assert!(attempt(Action::Retry, true, None).is_err(), "pending");
    }

    #[test]
    fn a_migration_may_be_named_in_three_ways() {
        let file = migration(FILE);
        let tracks = tracks(&["core"]);
        let statuses = compare(&tracks, std::slice::from_ref(&file), &[]);
        for name in [FILE, "20240101000000_core_a", "20240101000000"] {
            assert!(is_meant(name, &statuses[0]), "{name}");
        }
        for other in ["20240101", "", ".sql"] {
            assert!(!is_meant(other, &statuses[0]), "{other}");
        }
    }
}
