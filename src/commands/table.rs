//! Tables: a command's columns, and their values as nushell holds them.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use nu_protocol::{ListStream, PipelineData, PipelineMetadata, Record, Signals, Span, Type, Value};

use crate::tree::Name;

/// A row of a command's table.
///
/// On a terminal of up to 120 characters nushell shows the columns that fit, from the left; where 14
/// characters are left, it squeezes the next one in, and its cells become tall. So what a person looks
/// for stands first, what is narrow stands before what is wide, and ids, hashes, absolute paths and
/// long texts stand last. Cells are plain values, so that `to csv` can write them; lists and tables
/// are asked for ([`Full`]). `tests/tables.rs` shows them.
pub trait Row: Sized + 'static {
    /// On a wider terminal: the last column that is shown where not all are, if it is in the right
    /// half, and others that stay whole.
    const PRIORITY: &'static [&'static str];

    fn columns() -> Vec<Column<Self>>;
}

/// A row with what `--full` asks for.
pub struct Full<R>(pub R);

/// What a row holds in a column.
type Cell<R> = Box<dyn Fn(&R, Span) -> Value + Send>;

/// A column: its name, what it means, the type that the signature promises, and what a row holds in it.
pub struct Column<R> {
    pub name: &'static str,
    pub meaning: &'static str,
    kind: Type,
    value: Cell<R>,
}

impl<R: 'static> Full<R> {
    /// The columns of such a row, one of them in another form.
    pub fn with(columns: Vec<Column<R>>, other: Column<R>) -> Vec<Column<Self>> {
        let columns = columns
            .into_iter()
            .filter(|column| column.name != other.name);
        let mut columns: Vec<_> = columns.collect();
        columns.push(other);
        let columns = columns.into_iter();
        columns
            .map(|column| column.of(|row: &Self| &row.0))
            .collect()
    }
}

impl<R: 'static> Column<R> {
    /// The same column of a row that holds such a row.
    pub fn of<W: 'static>(self, row: fn(&W) -> &R) -> Column<W> {
        Column {
            name: self.name,
            meaning: self.meaning,
            kind: self.kind,
            value: Box::new(move |whole, span| (self.value)(row(whole), span)),
        }
    }

    /// Any value. nushell checks what `let` is given against the type.
    pub fn new(name: &'static str, kind: Type, value: fn(&R, Span) -> Value) -> Self {
        Self::boxed(name, kind, Box::new(value))
    }

    fn boxed(name: &'static str, kind: Type, value: Cell<R>) -> Self {
        Self {
            name,
            meaning: "",
            kind,
            value,
        }
    }

    /// What stands in it, in a few words for the help. A test asks for it.
    pub fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    pub fn text(name: &'static str, value: fn(&R) -> String) -> Self {
        Self::boxed(
            name,
            Type::String,
            Box::new(move |row, span| Value::string(value(row), span)),
        )
    }

    /// A text that may be missing.
    pub fn optional_text(name: &'static str, value: fn(&R) -> Option<String>) -> Self {
        Self::optional(name, Type::String, value, Value::string)
    }

    pub fn texts(name: &'static str, value: fn(&R) -> Vec<String>) -> Self {
        Self::boxed(
            name,
            list(),
            Box::new(move |row, span| texts(value(row), span)),
        )
    }

    pub fn int(name: &'static str, value: fn(&R) -> usize) -> Self {
        Self::boxed(
            name,
            Type::Int,
            Box::new(move |row, span| int(value(row), span)),
        )
    }

    pub fn optional_int(name: &'static str, value: fn(&R) -> Option<usize>) -> Self {
        Self::optional(name, Type::Int, value, int)
    }

    #[allow(dead_code, reason = "a kind of cell that not every command has")]
    pub fn bool(name: &'static str, value: fn(&R) -> bool) -> Self {
        Self::boxed(
            name,
            Type::Bool,
            Box::new(move |row, span| Value::bool(value(row), span)),
        )
    }

    pub fn optional_bool(name: &'static str, value: fn(&R) -> Option<bool>) -> Self {
        Self::optional(name, Type::Bool, value, Value::bool)
    }

    #[allow(dead_code, reason = "a kind of cell that not every command has")]
    pub fn duration(name: &'static str, value: fn(&R) -> Duration) -> Self {
        Self::boxed(
            name,
            Type::Duration,
            Box::new(move |row, span| duration(value(row), span)),
        )
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
        Self::boxed(
            name,
            Type::one_of([kind, Type::Nothing]),
            Box::new(move |row, span| {
                value(row).map_or_else(|| nothing(span), |found| as_value(found, span))
            }),
        )
    }
}

/// The columns that say which migration a row is about, and what became of it.
pub fn which<R: 'static>(
    name: fn(&R) -> &Name,
    state: fn(&R) -> String,
    states: &'static str,
) -> Vec<Column<R>> {
    let text = |column, value: Box<dyn Fn(&R) -> String + Send>| {
        let value = move |row: &R, span| Value::string(value(row), span);
        Column::boxed(column, Type::String, Box::new(value))
    };
    let version = move |row: &R, span| match name(row).digits() {
        Some(version) => Value::string(version.as_str(), span),
        None => Value::nothing(span),
    };
    let text_or_nothing = Type::one_of([Type::String, Type::Nothing]);
    vec![
        text("track", Box::new(move |row| name(row).track.to_string()))
            .means("the track of the migration"),
        Column::boxed("version", text_or_nothing, Box::new(version))
            .means("the timestamp of 14 digits; empty for a repeatable"),
        text("state", Box::new(state)).means(states),
        text(
            "description",
            Box::new(move |row| name(row).description.clone()),
        )
        .means("the description in the file name"),
    ]
}

/// The type of a table of such rows.
pub fn table_type<R: Row>() -> Type {
    let columns: Vec<_> = R::columns()
        .into_iter()
        .map(|column| (column.name.to_owned(), column.kind))
        .collect();
    Type::Table(columns.into())
}

/// How many rows nushell's `table` prints at a time.
const PAGE: usize = 1000;

/// The table of these rows. More than a page of them is a stream: its first rows are there while others
/// are made, and `first 5` ends it early. A shorter table is one value: of 1000 rows that takes the two
/// processes a third less time, because in a stream each row is sent and acknowledged by itself.
pub fn table<R: Row + Send>(rows: Vec<R>, span: Span) -> PipelineData {
    let metadata = PipelineMetadata::default().with_table_width_priority_columns(span, R::PRIORITY);
    let columns = R::columns();
    let is_stream = rows.len() > PAGE;
    let records = rows.into_iter().map(move |row| {
        let cells = columns.iter();
        let cells = cells.map(|column| (column.name.to_owned(), (column.value)(&row, span)));
        Value::record(cells.collect::<Record>(), span)
    });
    if is_stream {
        let stream = ListStream::new(records, span, Signals::empty());
        PipelineData::list_stream(stream, Some(metadata))
    } else {
        PipelineData::value(Value::list(records.collect(), span), Some(metadata))
    }
}

/// A column of lists, any of which may be empty and then is a `list<any>`.
pub fn list() -> Type {
    Type::list(Type::Any)
}

pub fn texts(texts: Vec<String>, span: Span) -> Value {
    let texts = texts.into_iter().map(|text| Value::string(text, span));
    Value::list(texts.collect(), span)
}

/// In whole milliseconds, as the ledgers have them; what took any time took one. nushell counts
/// nanoseconds, and 292 years fit.
pub fn duration(length: Duration, span: Span) -> Value {
    let milliseconds = length.as_nanos().div_ceil(1_000_000);
    let nanoseconds = i64::try_from(milliseconds.saturating_mul(1_000_000));
    Value::duration(nanoseconds.unwrap_or(i64::MAX), span)
}

/// A text in a single line: nushell draws a row as tall as its tallest cell, even where that cell is
/// in a column which it does not show.
pub fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

/// What was said, in a single line.
pub fn said(lines: &[String]) -> String {
    one_line(&lines.join("; "))
}

pub fn int(number: usize, span: Span) -> Value {
    Value::int(i64::try_from(number).unwrap_or(i64::MAX), span)
}
