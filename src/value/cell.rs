//! Single values, and the types of columns that may be empty.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use nu_protocol::{Span, Type, Value};

/// A column that may be empty. nushell checks what `let` is given against the promise.
pub(super) fn or_nothing(kind: Type) -> Type {
    Type::one_of([kind, Type::Nothing])
}

/// A column of lists, any of which may be empty and then is a `list<any>`.
pub(super) fn list() -> Type {
    Type::list(Type::Any)
}

pub(super) fn strings(texts: Vec<String>, span: Span) -> Value {
    let texts = texts.into_iter().map(|text| Value::string(text, span));
    Value::list(texts.collect(), span)
}

pub(super) fn string(text: Option<String>, span: Span) -> Value {
    text.map_or_else(|| Value::nothing(span), |text| Value::string(text, span))
}

pub(super) fn date(moment: Option<DateTime<FixedOffset>>, span: Span) -> Value {
    moment.map_or_else(|| Value::nothing(span), |moment| Value::date(moment, span))
}

/// nushell counts durations in nanoseconds; 292 years fit.
pub(super) fn duration(length: Option<Duration>, span: Span) -> Value {
    length.map_or_else(
        || Value::nothing(span),
        |length| Value::duration(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX), span),
    )
}

pub(super) fn int(number: usize, span: Span) -> Value {
    Value::int(i64::try_from(number).unwrap_or(i64::MAX), span)
}

pub(super) fn path(path: &Path, span: Span) -> Value {
    Value::string(path.to_string_lossy(), span)
}
