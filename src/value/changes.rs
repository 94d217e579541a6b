//! What was made or edited: `add`, `repair`.

use nu_protocol::{Record, Span, Type, Value, record};

use super::Row;
use super::cell::path;
use crate::outcome::{AddedRow, RepairRow};

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
