//! What was found: by `validate`, and between two schemas.

use nu_protocol::{Record, Span, Type, Value, record};

use super::Row;
use super::cell::{int, or_nothing, path, string};
use crate::catalog::Difference;
use crate::finding::Finding;

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
