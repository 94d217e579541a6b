//! Tables: a command's columns, and their values as nushell holds them.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use nu_protocol::{Record, Span, Type, Value};

/// A row of a command's table.
pub trait Row: Sized + 'static {
    /// What stays when the terminal is too narrow for everything.
    const PRIORITY: &'static [&'static str];

    fn columns() -> Vec<Column<Self>>;
}

/// What a row holds in a column.
type Cell<R> = Box<dyn Fn(&R, Span) -> Value>;

/// A column: its name, the type that the signature promises, and what a row holds in it.
pub struct Column<R> {
    pub name: &'static str,
    kind: Type,
    value: Cell<R>,
}

impl<R: 'static> Column<R> {
    /// Any value. nushell checks what `let` is given against the type.
    pub fn new(name: &'static str, kind: Type, value: fn(&R, Span) -> Value) -> Self {
        let value = Box::new(value);
        Self { name, kind, value }
    }

    pub fn text(name: &'static str, value: fn(&R) -> String) -> Self {
        Self {
            name,
            kind: Type::String,
            value: Box::new(move |row, span| Value::string(value(row), span)),
        }
    }

    /// A text that may be missing.
    pub fn optional_text(name: &'static str, value: fn(&R) -> Option<String>) -> Self {
        Self::optional(name, Type::String, value, Value::string)
    }

    pub fn texts(name: &'static str, value: fn(&R) -> Vec<String>) -> Self {
        Self {
            name,
            kind: list(),
            value: Box::new(move |row, span| texts(value(row), span)),
        }
    }

    pub fn int(name: &'static str, value: fn(&R) -> usize) -> Self {
        Self {
            name,
            kind: Type::Int,
            value: Box::new(move |row, span| int(value(row), span)),
        }
    }

    pub fn optional_int(name: &'static str, value: fn(&R) -> Option<usize>) -> Self {
        Self::optional(name, Type::Int, value, int)
    }

    pub fn bool(name: &'static str, value: fn(&R) -> bool) -> Self {
        Self {
            name,
            kind: Type::Bool,
            value: Box::new(move |row, span| Value::bool(value(row), span)),
        }
    }

    pub fn optional_bool(name: &'static str, value: fn(&R) -> Option<bool>) -> Self {
        Self::optional(name, Type::Bool, value, Value::bool)
    }

    pub fn duration(name: &'static str, value: fn(&R) -> Duration) -> Self {
        Self {
            name,
            kind: Type::Duration,
            value: Box::new(move |row, span| duration(value(row), span)),
        }
    }

    pub fn optional_duration(name: &'static str, value: fn(&R) -> Option<Duration>) -> Self {
        Self::optional(name, Type::Duration, value, duration)
    }

    pub fn optional_date(
        name: &'static str,
        value: fn(&R) -> Option<DateTime<FixedOffset>>,
    ) -> Self {
        Self::optional(name, Type::Date, value, Value::date)
    }

    fn optional<T: 'static>(
        name: &'static str,
        kind: Type,
        value: fn(&R) -> Option<T>,
        as_value: fn(T, Span) -> Value,
    ) -> Self {
        let nothing = Value::nothing;
        Self {
            name,
            kind: Type::one_of([kind, Type::Nothing]),
            value: Box::new(move |row, span| {
                value(row).map_or_else(|| nothing(span), |found| as_value(found, span))
            }),
        }
    }
}

/// The type of a table of such rows.
pub fn table_type<R: Row>() -> Type {
    let columns: Vec<_> = R::columns()
        .into_iter()
        .map(|column| (column.name.to_owned(), column.kind))
        .collect();
    Type::Table(columns.into())
}

pub fn table<R: Row>(rows: &[R], span: Span) -> Value {
    let columns = R::columns();
    let record = |row: &R| -> Record {
        columns
            .iter()
            .map(|column| (column.name.to_owned(), (column.value)(row, span)))
            .collect()
    };
    let rows = rows.iter().map(|row| Value::record(record(row), span));
    Value::list(rows.collect(), span)
}

/// A column of lists, any of which may be empty and then is a `list<any>`.
pub fn list() -> Type {
    Type::list(Type::Any)
}

pub fn texts(texts: Vec<String>, span: Span) -> Value {
    let texts = texts.into_iter().map(|text| Value::string(text, span));
    Value::list(texts.collect(), span)
}

/// nushell counts durations in nanoseconds; 292 years fit.
pub fn duration(length: Duration, span: Span) -> Value {
    Value::duration(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX), span)
}

pub fn int(number: usize, span: Span) -> Value {
    Value::int(i64::try_from(number).unwrap_or(i64::MAX), span)
}
