//! From outcomes to nushell's values, and the types that the signatures promise.
//! The only module that knows the columns' names and order.

mod cell;
mod changes;
mod findings;
mod runs;
mod standings;

use nu_protocol::{Record, Span, Type, Value};

/// A row of a command's table.
pub trait Row {
    /// The columns and their types.
    fn columns() -> Vec<(&'static str, Type)>;

    /// The row itself.
    fn record(self, span: Span) -> Record;
}

/// The type of a table of such rows.
pub fn table_type<R: Row>() -> Type {
    let columns: Vec<_> = R::columns()
        .into_iter()
        .map(|(name, kind)| (name.to_owned(), kind))
        .collect();
    Type::Table(columns.into())
}

/// A table.
pub fn table<R: Row>(rows: Vec<R>, span: Span) -> Value {
    let rows = rows
        .into_iter()
        .map(|row| Value::record(row.record(span), span))
        .collect();
    Value::list(rows, span)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, FixedOffset};

    use super::*;
    use crate::finding::Finding;
    use crate::finding::Severity;
    use crate::ledger::{Row as LedgerRow, RowState};
    use crate::migration::Track;
    use crate::outcome::Applied;
    use crate::outcome::{AddedRow, HistoryRow, RepairRow, RunRow, StatusRow, SummaryRow};
    use crate::standing::State;
    use crate::standing::examples::{migration, row};
    use crate::validation::Check;
    use nu_protocol::CompareTypes;

    const FILE: &str = "20240101000000_core_a.sql";

    /// Every column of a full row has the promised name, order and type.
    fn keeps_its_promise<R: Row>(row: R) {
        let span = Span::test_data();
        let found: Vec<_> = row
            .record(span)
            .into_iter()
            .map(|(name, value)| (name, value.get_type()))
            .collect();
        let promised: Vec<_> = R::columns()
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect();
        assert_eq!(found.len(), promised.len());
        for ((name, kind), (promised_name, promised_kind)) in found.into_iter().zip(promised) {
            assert_eq!(name, promised_name);
            assert!(
                kind.is_subtype_of(&promised_kind),
                "{name}: {kind}, not {promised_kind}"
            );
        }
    }

    #[test]
    fn rows_are_what_the_signatures_say() {
        let moment: DateTime<FixedOffset> = "2024-01-01T00:00:00Z".parse().unwrap();
        let migration = migration(FILE);
        let name = migration.name;
        keeps_its_promise(StatusRow {
            track: name.track.clone(),
            name: Some(name.clone()),
            file_name: FILE.to_owned(),
            state: State::Applied,
            applied_at: Some(moment),
            duration: Some(Duration::from_millis(1)),
            file: Some(migration.path.clone()),
            validation_time: Some(Duration::from_millis(1)),
            changes: vec![FILE.to_owned()],
        });
        keeps_its_promise(SummaryRow {
            track: name.track.clone(),
            total: 1,
            applied: 1,
            pending: 0,
            changed: 0,
            missing: 0,
            failed: 0,
            last_applied_at: Some(moment),
            duration: Duration::from_millis(1),
        });
        keeps_its_promise(RunRow {
            name: name.clone(),
            applied: Some(Applied {
                duration: Duration::from_millis(1),
                applied_at: moment,
                execution_id: "id".to_owned(),
            }),
            group: 1,
            notices: vec!["hello".to_owned()],
            checks: vec![Check {
                check: "20240101000000_core_a.nu".to_owned(),
                duration: Duration::from_millis(1),
                output: vec!["hello".to_owned()],
                result: Some("{rows: 5}".to_owned()),
            }],
        });
        keeps_its_promise(Finding {
            line: Some(3),
            help: Some("run core first".to_owned()),
            ..Finding::about(&name, migration.path, Severity::Error, "validation-failed")
        });
        keeps_its_promise(HistoryRow {
            name: Some(name),
            row: LedgerRow {
                applied_at: Some(moment),
                state: RowState::Applied,
                execution_id: Some("id".to_owned()),
                applied_by: Some("me".to_owned()),
                ..row(FILE)
            },
        });
        keeps_its_promise(RepairRow {
            track: Track::parse("core").unwrap(),
            name: FILE.to_owned(),
            action: "forget",
        });
        keeps_its_promise(AddedRow {
            file: FILE.into(),
            kind: "migration",
        });
    }
}
