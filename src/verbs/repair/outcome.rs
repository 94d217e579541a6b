//! Whether a repair is in the database when nobody heard its end: its rows are as they were, or as
//! they were to be.

use super::{Action, RepairRow, name_of};
use crate::database::identity::{Identity, Kinship};
use crate::database::ledger::Row;
use crate::database::ledger::table::Place;
use crate::database::reconnect::{Patience, reconnect};
use crate::database::{Address, Error};
use crate::execution::outcome::Outcome;
use crate::plan::status::Status;
use crate::tree::{Migration, Track};

/// What a ledger row was, and what it was to be.
#[derive(Debug)]
pub(super) struct Change {
    track: Track,
    name: String,
    before: Option<Row>,
    after: After,
}

#[derive(Debug)]
enum After {
    Gone,
    Hash(String),
    /// Written by this repair.
    By(String),
}

impl Change {
    /// The change that a row of the report stands for.
    pub fn of(row: &RepairRow, statuses: &[Status<'_>], execution_id: &str) -> Option<Self> {
        let mut statuses = statuses.iter();
        let status =
            statuses.find(|status| *status.track == row.track && name_of(status) == row.name)?;
        Some(Self {
            track: row.track.clone(),
            name: status
                .row
                .filter(|_| row.action != Action::MarkApplied)
                .map_or_else(|| row.name.clone(), |known| known.name.clone()),
            before: status.row.cloned(),
            after: match row.action {
                Action::Forget | Action::Retry => After::Gone,
                Action::Rehash => After::Hash(status.migration?.checksum.as_str().to_owned()),
                Action::MarkApplied => After::By(execution_id.to_owned()),
            },
        })
    }

    fn row<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        rows.iter()
            .find(|row| row.track == self.track && row.name == self.name)
    }

    fn is_undone(&self, rows: &[Row]) -> bool {
        self.row(rows) == self.before.as_ref()
    }

    fn is_done(&self, rows: &[Row]) -> bool {
        match (&self.after, self.row(rows)) {
            (After::Gone, row) => row.is_none(),
            (After::Hash(hash), Some(row)) => row.hash == *hash,
            (After::By(id), Some(row)) => row.execution_id.as_ref() == Some(id),
            (_, None) => false,
        }
    }
}

/// Asks the server that was to be changed, over a new connection.
pub(super) fn ask(
    address: &Address,
    place: &Place,
    before: Option<&Identity>,
    migrations: &[Migration],
    changes: &[Change],
    patience: &Patience,
) -> Outcome {
    let look = || {
        let before = before.ok_or("it is not known which server it was")?;
        let mut server =
            reconnect(address, place, before, patience).map_err(|error| error.to_string())?;
        let refused = |error: Error| format!("the server could not be asked: {error}");
        let ledgers = server.database.ledgers(migrations, |_| true);
        Ok((server.kinship, ledgers.map_err(refused)?.rows))
    };
    look().map_or_else(
        |reason| Outcome::Unknown { reason },
        |(kinship, rows)| read(&kinship, &rows, changes),
    )
}

fn read(kinship: &Kinship, rows: &[Row], changes: &[Change]) -> Outcome {
    let reason = match kinship {
        Kinship::Same | Kinship::Restarted => {
            if changes.iter().all(|change| change.is_done(rows)) {
                return Outcome::Committed;
            }
            if changes.iter().all(|change| change.is_undone(rows)) {
                return Outcome::RolledBack;
            }
            "somebody else has changed the same rows since"
        }
        _ => "another server answers",
    };
    Outcome::Unknown {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::examples::row;

    const FILE: &str = "20240101000000_core_a.sql";

    fn change(before: Option<Row>, after: After) -> [Change; 1] {
        [Change {
            track: Track::parse("core").unwrap(),
            name: FILE.to_owned(),
            before,
            after,
        }]
    }

    fn by(id: &str) -> Row {
        Row {
            execution_id: Some(id.to_owned()),
            ..row(FILE)
        }
    }

    #[test]
    fn rows_tell_what_became_of_a_repair() {
        let same = |rows: &[Row], change: &[Change]| read(&Kinship::Same, rows, change);
        let forget = change(Some(by("run")), After::Gone);
        assert_eq!(same(&[], &forget), Outcome::Committed);
        assert_eq!(same(&[by("run")], &forget), Outcome::RolledBack);
        // It was retried, and a run has recorded it again.
        let again = same(&[by("next run")], &forget);
        assert!(matches!(again, Outcome::Unknown { .. }));

        let mark = change(None, After::By("repair".to_owned()));
        assert_eq!(same(&[by("repair")], &mark), Outcome::Committed);
        assert_eq!(same(&[], &mark), Outcome::RolledBack);

        let hash = Row {
            hash: "new".to_owned(),
            ..by("run")
        };
        let rehash = change(Some(by("run")), After::Hash("new".to_owned()));
        assert_eq!(same(&[hash], &rehash), Outcome::Committed);
        assert_eq!(same(&[by("run")], &rehash), Outcome::RolledBack);

        let elsewhere = read(&Kinship::Unclear, &[], &forget);
        assert!(matches!(elsewhere, Outcome::Unknown { .. }));
    }
}
