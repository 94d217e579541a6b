//! Where migrations stand: `status`, its summary, `history`.

use nu_protocol::{Record, Span, Type, Value, record};

use super::Row;
use super::cell::{date, duration, int, list, or_nothing, path, string, strings};
use crate::migration::Name;
use crate::outcome::{HistoryRow, StatusRow, SummaryRow};
use crate::standing::State;
use crate::status::{duration as row_duration, validation_time};

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

fn version(name: Option<&Name>, span: Span) -> Value {
    string(name.map(|name| name.version.to_string()), span)
}

fn description(name: Option<&Name>, span: Span) -> Value {
    string(name.map(|name| name.description.clone()), span)
}

fn timestamp(name: Option<&Name>, span: Span) -> Value {
    date(name.and_then(|name| name.version.timestamp()), span)
}
