//! From a call's arguments to the core's types.
//! The only reader of flags; must not act on them.

use nu_plugin::EvaluatedCall;
use nu_protocol::Value;

use crate::app::Target;
use crate::error::Error;
use crate::migration::{Track, Version};
use crate::plan::Request;
use crate::repair::{Action, Order};
use crate::settings::{Key, Layer, Origin, Sourced, TransactionMode};
use crate::shell::setting;

/// The flags that give a setting.
const SETTINGS: [(&str, Key); 6] = [
    ("database", Key::Database),
    ("transaction", Key::Transaction),
    ("lock-wait", Key::LockWait),
    ("lock-timeout", Key::LockTimeout),
    ("statement-timeout", Key::StatementTimeout),
    ("retries", Key::Retries),
];

/// What every command is told.
///
/// # Errors
/// A flag's value is of no use.
pub(super) fn target(call: &EvaluatedCall) -> Result<Target, Error> {
    Ok(Target {
        directory: positional(call, 0),
        tracks: tracks(call)?,
        config: call.get_flag_value("config").as_ref().and_then(setting),
        flags: flags(call),
    })
}

/// The text of a positional argument.
pub(super) fn positional(call: &EvaluatedCall, index: usize) -> String {
    call.positional
        .get(index)
        .and_then(setting)
        .unwrap_or_default()
}

/// Is the switch on?
pub(super) fn switch(call: &EvaluatedCall, name: &str) -> bool {
    call.has_flag(name).unwrap_or(false)
}

/// What `migrate run` is asked for.
///
/// # Errors
/// A flag's value is of no use.
pub(super) fn request(
    call: &EvaluatedCall,
    transaction: TransactionMode,
) -> Result<Request, Error> {
    Ok(Request {
        to: call
            .get_flag_value("to")
            .map(|value| version(&value))
            .transpose()?,
        steps: call
            .get_flag_value("steps")
            .map(|value| steps(&value))
            .transpose()?,
        transaction,
        allow_out_of_order: switch(call, "allow-out-of-order"),
        atomic: switch(call, "atomic"),
    })
}

fn flags(call: &EvaluatedCall) -> Layer {
    SETTINGS
        .iter()
        .filter_map(|&(flag, key)| {
            let value = call.get_flag_value(flag)?;
            let text = match value {
                Value::Int { val, .. } => val.to_string(),
                other => setting(&other)?,
            };
            Some((
                key,
                Sourced {
                    text,
                    origin: Origin::Flag,
                },
            ))
        })
        .collect()
}

fn tracks(call: &EvaluatedCall) -> Result<Vec<Track>, Error> {
    one_or_more(call, "track")
        .iter()
        .map(|name| {
            let text = setting(name).unwrap_or_default();
            Track::parse(&text).ok_or_else(|| Error::BadFlag {
                flag: "track",
                problem: format!(
                    "`{text}` is no track: lower-case letters, digits and hyphens, starting with a letter"
                ),
            })
        })
        .collect()
}

/// What `migrate repair` is to do.
///
/// # Errors
/// Nothing at all.
pub(super) fn orders(call: &EvaluatedCall) -> Result<Vec<Order>, Error> {
    let orders: Vec<_> = [
        Action::Rehash,
        Action::Forget,
        Action::MarkApplied,
        Action::Retry,
    ]
    .into_iter()
    .flat_map(|action| {
        let names = one_or_more(call, action.as_str());
        names.into_iter().map(move |name| Order {
            action,
            name: text(&name),
        })
    })
    .collect();
    match orders.is_empty() {
        true => Err(Error::NothingToRepair),
        false => Ok(orders),
    }
}

/// The values of a flag that takes one or a list.
fn one_or_more(call: &EvaluatedCall, flag: &str) -> Vec<Value> {
    match call.get_flag_value(flag) {
        None => vec![],
        Some(Value::List { vals, .. }) => vals.into_owned(),
        Some(one) => vec![one],
    }
}

/// A name, which may be digits and then come as a number.
fn text(value: &Value) -> String {
    match value {
        Value::Int { val, .. } => val.to_string(),
        other => setting(other).unwrap_or_default(),
    }
}

/// A version as 14 digits, which nushell may read as a number, or as a datetime.
fn version(value: &Value) -> Result<Version, Error> {
    if let Value::Date { val, .. } = value {
        return Ok(Version::at(val.to_utc()));
    }
    let text = text(value);
    Version::parse(&text).ok_or_else(|| Error::BadFlag {
        flag: "to",
        problem: format!("expected 14 digits (YYYYMMDDHHMMSS) or a datetime, got `{text}`"),
    })
}

fn steps(value: &Value) -> Result<usize, Error> {
    let number = value.as_int().unwrap_or(-1);
    usize::try_from(number).map_err(|_| Error::BadFlag {
        flag: "steps",
        problem: "expected 0 or a larger number".to_owned(),
    })
}
