//! What the answers of a server prove about a group that stopped. Pure.
//!
//! Rows count, numbers do not: after a crash or a promotion a transaction's number may be another's.

use super::Phase;
use crate::database::identity::Kinship;
use crate::database::ledger::RowState;

/// What became of a transaction, as the server itself says afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing of it is in the database.
    RolledBack,
    /// It is in the database.
    Committed,
    /// A file has made a prepared transaction of it, which waits with its locks for somebody's word.
    Prepared { id: String },
    /// The file ran outside of a transaction, and what it did before it stopped stays.
    Partial {
        /// What its ledger row says.
        row: OwnRow,
        /// The indexes it names that no query can use.
        invalid_indexes: Vec<String>,
    },
    /// The server could not be asked, or could not know.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// The ledger row of a file that ran outside of a transaction and did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRow {
    There(RowState),
    /// The ledger is there without it.
    Gone,
    /// The ledger is not there.
    LedgerGone,
}

/// How many of the group's rows the ledgers hold, with this run's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    All,
    Some,
    None,
    /// The transaction had recorded nothing yet.
    Nothing,
}

impl Recorded {
    pub fn of(found: usize, expected: usize) -> Self {
        match (found, expected) {
            (_, 0) => Self::Nothing,
            (0, _) => Self::None,
            (found, expected) if found < expected => Self::Some,
            _ => Self::All,
        }
    }
}

/// What is known of a transaction's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// The server calls it committed.
    Committed,
    /// The same, but the session was lost, and so the number may be another's by now.
    MaybeAnothers,
    /// The server says something else, or nothing.
    NotCommitted,
}

/// What became of a transaction.
pub fn of_transaction(kinship: &Kinship, recorded: Recorded, number: Number) -> Outcome {
    match (recorded, is_same(kinship), number) {
        (Recorded::All, ..) => Outcome::Committed,
        (Recorded::Some, ..) => Outcome::Unknown {
            reason: "only some of its ledger rows exist".to_owned(),
        },
        (_, Err(reason), _) => Outcome::Unknown { reason },
        (_, Ok(()), Number::Committed) => Outcome::Committed,
        (Recorded::Nothing, Ok(()), Number::MaybeAnothers) => Outcome::Unknown {
            reason: "its number is that of a committed transaction, but since the connection \
                     was lost that may be another one"
                .to_owned(),
        },
        (Recorded::None | Recorded::Nothing, Ok(()), _) => Outcome::RolledBack,
    }
}

/// What a file outside of a transaction has left, from its ledger row.
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// What can be said at once.
    Said(Outcome),
    /// It began and did not end well: its row is to say so.
    Unfinished,
    /// Its row is there and it never began: the row is to go.
    NotBegun,
    /// It ran, and its row is not there.
    NoRow,
}

pub fn of_file_outside(
    kinship: &Kinship,
    phase: Phase,
    row: Option<RowState>,
    is_undo: bool,
) -> Left {
    match (phase, row, is_same(kinship)) {
        // Only at the end is it the run that has written this.
        (Phase::Ending, Some(RowState::Applied), _) if !is_undo => Left::Said(Outcome::Committed),
        (_, _, Err(reason)) => Left::Said(Outcome::Unknown { reason }),
        // The row that its beginning had marked is gone.
        (Phase::Ending, None, _) if is_undo => Left::Said(Outcome::Committed),
        (Phase::Beginning, None, _) => Left::Said(Outcome::RolledBack),
        // The row of what was to be undone must stay.
        (Phase::Beginning, Some(_), _) if !is_undo => Left::NotBegun,
        (_, None, _) => Left::NoRow,
        (_, Some(_), _) => Left::Unfinished,
    }
}

/// Can this server's silence about a row prove anything? If not, why.
fn is_same(kinship: &Kinship) -> Result<(), String> {
    Err(match kinship {
        Kinship::Same | Kinship::Restarted => return Ok(()),
        Kinship::Standby => "the server that answers is a standby".to_owned(),
        Kinship::Promoted { from, to } => format!(
            "the server that answers has been promoted since (timeline {to} instead of {from}) \
             and does not have its ledger rows"
        ),
        Kinship::Stranger => {
            "another database cluster answers, and does not have its ledger rows".to_owned()
        }
        Kinship::Unclear => {
            "the server that answers does not have its ledger rows, was started since, and does \
             not tell whether it is the same"
                .to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promoted() -> Kinship {
        Kinship::Promoted {
            from: "00000001".to_owned(),
            to: "00000002".to_owned(),
        }
    }

    fn is_unknown(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Unknown { .. })
    }

    #[test]
    fn rows_prove_a_commit_on_whatever_server_they_are() {
        for kinship in [Kinship::Same, Kinship::Restarted, promoted()] {
            for number in [Number::Committed, Number::NotCommitted] {
                let found = of_transaction(&kinship, Recorded::All, number);
                assert_eq!(found, Outcome::Committed);
            }
        }
        let part = of_transaction(&Kinship::Same, Recorded::Some, Number::Committed);
        assert!(is_unknown(&part));
    }

    #[test]
    fn their_absence_proves_a_rollback_only_on_the_same_server() {
        for recorded in [Recorded::None, Recorded::Nothing] {
            for kinship in [Kinship::Same, Kinship::Restarted] {
                let found = of_transaction(&kinship, recorded, Number::NotCommitted);
                assert_eq!(found, Outcome::RolledBack);
            }
            for kinship in [promoted(), Kinship::Stranger, Kinship::Unclear] {
                for number in [Number::Committed, Number::NotCommitted] {
                    assert!(is_unknown(&of_transaction(&kinship, recorded, number)));
                }
            }
        }
    }

    #[test]
    fn a_number_proves_nothing_once_the_session_was_lost() {
        let lost = |recorded| of_transaction(&Kinship::Same, recorded, Number::MaybeAnothers);
        assert_eq!(lost(Recorded::None), Outcome::RolledBack);
        assert!(is_unknown(&lost(Recorded::Nothing)));
        // The session lived to see it: the file itself has committed.
        let seen = of_transaction(&Kinship::Same, Recorded::Nothing, Number::Committed);
        assert_eq!(seen, Outcome::Committed);
    }

    #[test]
    fn an_undo_ends_with_no_row() {
        let left = |phase, row| of_file_outside(&Kinship::Same, phase, row, true);
        assert_eq!(left(Phase::Ending, None), Left::Said(Outcome::Committed));
        assert_eq!(
            left(Phase::Ending, Some(RowState::Applied)),
            Left::Unfinished
        );
        assert_eq!(
            left(Phase::Beginning, None),
            Left::Said(Outcome::RolledBack)
        );
        let marked = left(Phase::Beginning, Some(RowState::Running));
        assert_eq!(marked, Left::Unfinished);
        let elsewhere = of_file_outside(&promoted(), Phase::Ending, None, true);
        assert!(matches!(elsewhere, Left::Said(Outcome::Unknown { .. })));
    }

    #[test]
    fn a_row_that_a_file_has_made_applied_does_not_count() {
        let applied = Some(RowState::Applied);
        let left = |phase, row| of_file_outside(&Kinship::Same, phase, row, false);
        assert_eq!(left(Phase::Ending, applied), Left::Said(Outcome::Committed));
        assert_eq!(left(Phase::Running, applied), Left::Unfinished);
        assert_eq!(
            left(Phase::Running, Some(RowState::Running)),
            Left::Unfinished
        );
        assert_eq!(left(Phase::Running, None), Left::NoRow);
        assert_eq!(
            left(Phase::Beginning, None),
            Left::Said(Outcome::RolledBack)
        );
        let begun = left(Phase::Beginning, Some(RowState::Running));
        assert_eq!(begun, Left::NotBegun);
        let elsewhere = of_file_outside(&promoted(), Phase::Running, None, false);
        assert!(matches!(elsewhere, Left::Said(Outcome::Unknown { .. })));
    }
}
