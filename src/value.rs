//! From outcomes to nushell's values, and the types that the signatures promise.
//! The only file that knows the columns' names and order.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use nu_protocol::{Record, Span, Type, Value, record};

use crate::catalog::Difference;
use crate::finding::Finding;
use crate::migration::Name;
use crate::outcome::{
    AddedRow, HistoryRow, RehearsalRow, RepairRow, RunRow, StatusRow, SummaryRow,
};
use crate::standing::State;
use crate::status::{duration as row_duration, validation_time};
use crate::validation::Check;
use crate::validation::caller::from_nuon;

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

impl Row for StatusRow {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("track", Type::String),
            ("version", or_nothing(Type::String)),
            ("description", or_nothing(Type::String)),
            ("state", Type::String),
            ("pending", Type::Bool),
            ("applied_at", or_nothing(Type::Date)),
            ("duration", or_nothing(Type::Duration)),
            ("timestamp", or_nothing(Type::Date)),
            ("name", Type::String),
            ("file", or_nothing(Type::String)),
            ("validation_time", or_nothing(Type::Duration)),
            ("changes", list()),
        ]
    }

    fn record(self, span: Span) -> Record {
        let name = self.name.as_ref();
        record! {
            "track" => Value::string(self.track.as_str(), span),
            "version" => version(name, span),
            "description" => description(name, span),
            "state" => Value::string(self.state.as_str(), span),
            "pending" => Value::bool(self.state == State::Pending, span),
            "applied_at" => date(self.applied_at, span),
            "duration" => duration(self.duration, span),
            "timestamp" => timestamp(name, span),
            "name" => Value::string(self.file_name, span),
            "file" => self.file.map_or_else(|| Value::nothing(span), |file| path(&file, span)),
            "validation_time" => duration(self.validation_time, span),
            "changes" => strings(self.changes, span),
        }
    }
}

impl Row for SummaryRow {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("track", Type::String),
            ("total", Type::Int),
            ("applied", Type::Int),
            ("pending", Type::Int),
            ("changed", Type::Int),
            ("missing", Type::Int),
            ("failed", Type::Int),
            ("last_applied_at", or_nothing(Type::Date)),
            ("duration", Type::Duration),
        ]
    }

    fn record(self, span: Span) -> Record {
        record! {
            "track" => Value::string(self.track.as_str(), span),
            "total" => int(self.total, span),
            "applied" => int(self.applied, span),
            "pending" => int(self.pending, span),
            "changed" => int(self.changed, span),
            "missing" => int(self.missing, span),
            "failed" => int(self.failed, span),
            "last_applied_at" => date(self.last_applied_at, span),
            "duration" => duration(Some(self.duration), span),
        }
    }
}

impl Row for RunRow {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("track", Type::String),
            ("name", Type::String),
            ("state", Type::String),
            ("duration", or_nothing(Type::Duration)),
            ("applied_at", or_nothing(Type::Date)),
            ("execution_id", or_nothing(Type::String)),
            ("group", Type::Int),
            ("notices", list()),
            ("validation_time", or_nothing(Type::Duration)),
            ("validation", list()),
        ]
    }

    fn record(self, span: Span) -> Record {
        let applied = self.applied.as_ref();
        let state = if applied.is_some() {
            "applied"
        } else {
            "planned"
        };
        let validation_time = self.validation_time();
        let checks = self
            .checks
            .into_iter()
            .map(|found| check(found, span))
            .collect();
        record! {
            "track" => Value::string(self.name.track.as_str(), span),
            "name" => Value::string(self.name.file_name(), span),
            "state" => Value::string(state, span),
            "duration" => duration(applied.map(|applied| applied.duration), span),
            "applied_at" => date(applied.map(|applied| applied.applied_at), span),
            "execution_id" => string(applied.map(|applied| applied.execution_id.clone()), span),
            "group" => int(self.group, span),
            "notices" => strings(self.notices, span),
            "validation_time" => duration(validation_time, span),
            "validation" => Value::list(checks, span),
        }
    }
}

impl Row for RehearsalRow {
    fn columns() -> Vec<(&'static str, Type)> {
        let mut columns = RunRow::columns();
        columns.extend([
            ("locks", list()),
            ("rewrites", list()),
            ("indexes", list()),
            ("rows", Type::Int),
        ]);
        columns
    }

    fn record(self, span: Span) -> Record {
        let state = match self.is_skipped {
            true => "skipped",
            false => "rehearsed",
        };
        let mut record = self.run.record(span);
        record.insert("state", Value::string(state, span));
        // A comparison with nothing is neither true nor false; a file that was left out took no time.
        if self.is_skipped {
            record.insert("duration", duration(Some(Duration::ZERO), span));
        }
        // Nothing was applied.
        record.insert("applied_at", Value::nothing(span));
        let locks = self
            .effects
            .locks
            .into_iter()
            .map(|lock| {
                Value::record(
                    record! {
                        "relation" => Value::string(lock.relation, span),
                        "mode" => Value::string(lock.mode, span),
                        "blocks" => Value::string(lock.blocks, span),
                        "held" => duration(Some(lock.held), span),
                        "live" => Value::bool(lock.is_live, span),
                    },
                    span,
                )
            })
            .collect();
        record.push("locks", Value::list(locks, span));
        record.push("rewrites", strings(self.effects.rewrites, span));
        record.push("indexes", strings(self.effects.indexes, span));
        let rows = i64::try_from(self.effects.rows).unwrap_or(i64::MAX);
        record.push("rows", Value::int(rows, span));
        record
    }
}

impl Row for Difference {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("kind", Type::String),
            ("name", Type::String),
            ("difference", Type::String),
            ("target", or_nothing(Type::String)),
            ("scratch", or_nothing(Type::String)),
        ]
    }

    fn record(self, span: Span) -> Record {
        let difference = self.as_str();
        record! {
            "kind" => Value::string(self.kind, span),
            "name" => Value::string(self.name, span),
            "difference" => Value::string(difference, span),
            "target" => string(self.target, span),
            "scratch" => string(self.scratch, span),
        }
    }
}

impl Row for HistoryRow {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("track", Type::String),
            ("version", or_nothing(Type::String)),
            ("name", Type::String),
            ("timestamp", or_nothing(Type::Date)),
            ("description", or_nothing(Type::String)),
            ("state", Type::String),
            ("applied_at", or_nothing(Type::Date)),
            ("duration", or_nothing(Type::Duration)),
            ("applied_by", or_nothing(Type::String)),
            ("execution_id", or_nothing(Type::String)),
            ("hash", Type::String),
            ("validation_time", or_nothing(Type::Duration)),
        ]
    }

    fn record(self, span: Span) -> Record {
        let name = self.name.as_ref();
        record! {
            "track" => Value::string(self.row.track.as_str(), span),
            "version" => version(name, span),
            "name" => Value::string(&self.row.name, span),
            "timestamp" => timestamp(name, span),
            "description" => description(name, span),
            "state" => Value::string(self.row.state.as_str(), span),
            "applied_at" => date(self.row.applied_at, span),
            "duration" => duration(row_duration(&self.row), span),
            "applied_by" => string(self.row.applied_by.clone(), span),
            "execution_id" => string(self.row.execution_id.clone(), span),
            "hash" => Value::string(&self.row.hash, span),
            "validation_time" => duration(validation_time(&self.row), span),
        }
    }
}

impl Row for RepairRow {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("track", Type::String),
            ("name", Type::String),
            ("action", Type::String),
        ]
    }

    fn record(self, span: Span) -> Record {
        record! {
            "track" => Value::string(self.track.as_str(), span),
            "name" => Value::string(self.name, span),
            "action" => Value::string(self.action, span),
        }
    }
}

impl Row for AddedRow {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![("file", Type::String), ("kind", Type::String)]
    }

    fn record(self, span: Span) -> Record {
        record! {
            "file" => path(&self.file, span),
            "kind" => Value::string(self.kind, span),
        }
    }
}

impl Row for Finding {
    fn columns() -> Vec<(&'static str, Type)> {
        vec![
            ("severity", Type::String),
            ("rule", Type::String),
            ("track", or_nothing(Type::String)),
            ("name", or_nothing(Type::String)),
            ("file", or_nothing(Type::String)),
            ("line", or_nothing(Type::Int)),
            ("message", Type::String),
            ("help", or_nothing(Type::String)),
        ]
    }

    fn record(self, span: Span) -> Record {
        record! {
            "severity" => Value::string(self.severity.as_str(), span),
            "rule" => Value::string(self.rule, span),
            "track" => string(self.track.map(|track| track.to_string()), span),
            "name" => string(self.name, span),
            "file" => self.file.map_or_else(|| Value::nothing(span), |file| path(&file, span)),
            "line" => self.line.map_or_else(|| Value::nothing(span), |line| int(line, span)),
            "message" => Value::string(self.message, span),
            "help" => string(self.help, span),
        }
    }
}

/// A column that may be empty. nushell checks what `let` is given against the promise.
fn or_nothing(kind: Type) -> Type {
    Type::one_of([kind, Type::Nothing])
}

/// A column of lists, any of which may be empty and then is a `list<any>`.
fn list() -> Type {
    Type::list(Type::Any)
}

fn check(check: Check, span: Span) -> Value {
    let result = check
        .result
        .map_or_else(|| Value::nothing(span), |text| from_nuon(&text, span));
    Value::record(
        record! {
            "check" => Value::string(check.check, span),
            "duration" => duration(Some(check.duration), span),
            "output" => strings(check.output, span),
            "result" => result,
        },
        span,
    )
}

fn strings(texts: Vec<String>, span: Span) -> Value {
    let texts = texts.into_iter().map(|text| Value::string(text, span));
    Value::list(texts.collect(), span)
}

fn version(name: Option<&Name>, span: Span) -> Value {
    string(name.map(|name| name.version.to_string()), span)
}

fn description(name: Option<&Name>, span: Span) -> Value {
    string(name.map(|name| name.description.clone()), span)
}

fn timestamp(name: Option<&Name>, span: Span) -> Value {
    date(name.and_then(|name| name.version.timestamp()), span)
}

fn string(text: Option<String>, span: Span) -> Value {
    text.map_or_else(|| Value::nothing(span), |text| Value::string(text, span))
}

fn date(moment: Option<DateTime<FixedOffset>>, span: Span) -> Value {
    moment.map_or_else(|| Value::nothing(span), |moment| Value::date(moment, span))
}

/// nushell counts durations in nanoseconds; 292 years fit.
fn duration(length: Option<Duration>, span: Span) -> Value {
    length.map_or_else(
        || Value::nothing(span),
        |length| Value::duration(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX), span),
    )
}

fn int(number: usize, span: Span) -> Value {
    Value::int(i64::try_from(number).unwrap_or(i64::MAX), span)
}

fn path(path: &Path, span: Span) -> Value {
    Value::string(path.to_string_lossy(), span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::ledger::{Row as LedgerRow, RowState};
    use crate::migration::Track;
    use crate::outcome::Applied;
    use crate::standing::examples::{migration, row};
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
