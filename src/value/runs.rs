//! What was run or rehearsed, with its checks.

use std::time::Duration;

use nu_protocol::{Record, Span, Type, Value, record};

use super::Row;
use super::cell::{date, duration, int, list, or_nothing, string, strings};
use crate::outcome::{RehearsalRow, RunRow};
use crate::validation::Check;
use crate::validation::caller::from_nuon;

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
        let state = self.ending.as_str();
        let took_no_time = self.run.applied.is_none();
        let mut record = self.run.record(span);
        record.insert("state", Value::string(state, span));
        // A comparison with nothing is neither true nor false; a file that was left out took no time.
        if took_no_time {
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
