//! `migrate repair`: what may be done by hand to a ledger row, and what makes no sense.
//! Pure; gives the SQL of the ledger, must not run it.

use crate::error::Error;
use crate::ledger::Row;
use crate::ledger::table::Place;
use crate::migration::Migration;
use crate::outcome::RepairRow;
use crate::standing::{Standing, State};

/// What the user wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Accept the file as it is now.
    Rehash,
    /// Remove the row.
    Forget,
    /// Say that the file is in the database.
    MarkApplied,
    /// Let the next run try the file again.
    Retry,
}

impl Action {
    /// The action as users read it; also its flag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rehash => "rehash",
            Self::Forget => "forget",
            Self::MarkApplied => "mark-applied",
            Self::Retry => "retry",
        }
    }
}

/// Something to be done to one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub action: Action,
    /// The file name, with or without `.sql`, or the version.
    pub name: String,
}

/// The statements for an order, and the row of the report.
///
/// # Errors
/// There is no such migration, or the order makes no sense for it.
pub fn repair(
    order: &Order,
    standings: &[Standing<'_>],
    place: &Place,
    execution_id: &str,
) -> Result<(String, RepairRow), Error> {
    let refused = |problem: &str| Error::RepairRefused {
        name: order.name.clone(),
        problem: problem.to_owned(),
    };
    let matching: Vec<_> = standings
        .iter()
        .filter(|found| is_meant(&order.name, found))
        .collect();
    let standing = match matching.as_slice() {
        [one] => *one,
        [] => return Err(refused("there is no such migration")),
        _ => return Err(refused("several tracks have it; name the file")),
    };
    let statement = match (
        order.action,
        standing.state,
        standing.migration,
        standing.row,
    ) {
        (Action::Rehash, State::Changed, Some(migration), Some(row)) => {
            place.rehash(row, &migration.checksum)
        }
        (Action::Rehash, State::Applied, ..) => return Err(refused("the file is unchanged")),
        (Action::Rehash, ..) => return Err(refused("only an applied file that changed can be")),
        (Action::Forget, _, _, Some(row)) => place.forget(row),
        (Action::Forget, ..) => return Err(refused("no ledger knows it")),
        (
            Action::MarkApplied,
            State::Pending | State::Failed | State::Running,
            Some(migration),
            row,
        ) => mark_applied(place, migration, row, execution_id),
        (Action::MarkApplied, _, None, _) => return Err(refused("its file is gone")),
        (Action::MarkApplied, ..) => return Err(refused("it is applied already")),
        (Action::Retry, State::Failed | State::Running, _, Some(row)) => place.forget(row),
        (Action::Retry, ..) => return Err(refused("it is neither failed nor running")),
    };
    let name = name_of(standing);
    Ok((
        statement,
        RepairRow {
            track: standing.track.clone(),
            name,
            action: order.action.as_str(),
        },
    ))
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

fn name_of(standing: &Standing<'_>) -> String {
    match (standing.migration, standing.row) {
        (Some(migration), _) => migration.name.file_name(),
        (None, row) => row.map(|row| row.name.clone()).unwrap_or_default(),
    }
}

fn is_meant(name: &str, standing: &Standing<'_>) -> bool {
    let recorded = standing
        .row
        .map(|row| row.name.as_str())
        .unwrap_or_default();
    let file = name_of(standing);
    let is_name = |known: &str| name == known || known.strip_suffix(".sql") == Some(name);
    is_name(&file)
        || is_name(recorded)
        || standing
            .version()
            .is_some_and(|version| version.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RowState;
    use crate::standing::compare;
    use crate::standing::examples::{migration, row, tracks};

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
        repair(&order, &compare(&tracks, &files, &rows), &place, "id")
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
        let standings = compare(&tracks, std::slice::from_ref(&file), &[]);
        for name in [FILE, "20240101000000_core_a", "20240101000000"] {
            assert!(is_meant(name, &standings[0]), "{name}");
        }
        assert!(!is_meant("20240101", &standings[0]));
    }
}
