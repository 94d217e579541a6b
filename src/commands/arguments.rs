//! From a call's arguments to the core's types.
//! The only reader of flags; must not act on them.

use nu_plugin::EvaluatedCall;
use nu_protocol::Value;

use strum::{IntoEnumIterator, VariantNames};

use crate::checks::{Source, closures_of};
use crate::database::catalog::Detail;
use crate::foreign::Tool;
use crate::plan::Request;
use crate::plan::undo::Extent;
use crate::settings::shell::{object, setting};
use crate::settings::{Error, Key, Layer, Origin, Sourced, TransactionMode};
use crate::tree::{Track, Version};
use crate::verbs::Target;
use crate::verbs::adopt::Source as Adoption;
use crate::verbs::repair::{Action, Order};
use crate::verbs::squash::Order as SquashOrder;

/// What every command is told.
///
/// # Errors
/// A value is of no use. Never skipped: without it the command might change something else.
pub fn target(call: &EvaluatedCall) -> Result<Target, Error> {
    Ok(Target {
        directory: positional(call, 0, "directory")?,
        tracks: tracks(call)?,
        config: flag(call, "config")?,
        flags: flags(call)?,
    })
}

/// The text of a positional argument.
pub fn positional(call: &EvaluatedCall, index: usize, name: &'static str) -> Result<String, Error> {
    let value = call.positional.get(index);
    let text = value
        .map(|value| usable(value, name))
        .transpose()?
        .unwrap_or_default();
    if text.is_empty() {
        return Err(Error::BadArgument {
            name,
            problem: "it is empty".to_owned(),
        });
    }
    Ok(text)
}

/// The names behind the directory: at least one.
pub fn names(call: &EvaluatedCall) -> Result<Vec<String>, Error> {
    let more = call.positional.len().max(2);
    (1..more)
        .map(|index| positional(call, index, "name"))
        .collect()
}

/// The value of a flag that must be given.
pub fn required(call: &EvaluatedCall, name: &'static str) -> Result<String, Error> {
    let value = flag(call, name)?.filter(|value| !value.is_empty());
    value.ok_or_else(|| Error::BadFlag {
        flag: name,
        problem: "it must be given".to_owned(),
    })
}

/// How much of a schema is asked for.
pub fn detail(call: &EvaluatedCall) -> Result<Detail, Error> {
    Ok(if switch(call, "all")? {
        Detail::Everything
    } else {
        Detail::Definitions
    })
}

pub fn switch(call: &EvaluatedCall, name: &'static str) -> Result<bool, Error> {
    call.has_flag(name).map_err(|_| Error::BadFlag {
        flag: name,
        problem: "expected true or false".to_owned(),
    })
}

pub fn flag(call: &EvaluatedCall, name: &'static str) -> Result<Option<String>, Error> {
    value(call, name)?
        .map(|value| usable(&value, name))
        .transpose()
}

/// The value of a flag that makes sense once: of two, nushell would give the first alone.
fn value(call: &EvaluatedCall, flag: &'static str) -> Result<Option<Value>, Error> {
    let given = call.named.iter().filter(|(name, _)| name.item == flag);
    if given.count() > 1 {
        return Err(Error::BadFlag {
            flag,
            problem: "it is given more than once".to_owned(),
        });
    }
    Ok(call.get_flag_value(flag))
}

fn usable(value: &Value, flag: &'static str) -> Result<String, Error> {
    match value {
        Value::Int { val, .. } => Ok(val.to_string()),
        Value::Glob { val, .. } => Ok(val.clone()),
        other => setting(other).ok_or_else(|| Error::BadFlag {
            flag,
            problem: format!("it cannot be of the type {}", other.get_type()),
        }),
    }
}

/// What `migrate run` is asked for.
pub fn request(call: &EvaluatedCall, transaction: TransactionMode) -> Result<Request, Error> {
    Ok(Request {
        to: value(call, "to")?
            .map(|value| version(&value))
            .transpose()?,
        steps: value(call, "steps")?
            .map(|value| steps(&value))
            .transpose()?,
        transaction,
        allow_out_of_order: switch(call, "allow-out-of-order")?,
        atomic: switch(call, "atomic")?,
    })
}

/// How far `migrate undo` is to go.
pub fn extent(call: &EvaluatedCall) -> Result<Extent, Error> {
    Ok(Extent {
        to: value(call, "to")?
            .map(|value| version(&value))
            .transpose()?,
        steps: value(call, "steps")?
            .map(|value| steps(&value))
            .transpose()?,
    })
}

/// Whose word `migrate adopt` is to take.
pub fn adoption(call: &EvaluatedCall) -> Result<Adoption, Error> {
    let baseline = value(call, "baseline")?;
    match (flag(call, "from")?, baseline) {
        (Some(name), None) => Ok(Adoption::Tool {
            tool: tool(&name)?,
            table: flag(call, "table")?,
        }),
        (None, Some(value)) => Ok(Adoption::Baseline(version_of("baseline", &value)?)),
        (from, _) => Err(Error::BadFlag {
            flag: if from.is_some() { "baseline" } else { "from" },
            problem: "say either --from TOOL or --baseline TIMESTAMP".to_owned(),
        }),
    }
}

/// What `migrate import` is to read, and where it is to write.
pub fn import_order(call: &EvaluatedCall) -> Result<(Tool, String), Error> {
    let missing = |flag: &'static str, problem: &str| Error::BadFlag {
        flag,
        problem: problem.to_owned(),
    };
    let from =
        flag(call, "from")?.ok_or_else(|| missing("from", "say which tool's files these are"))?;
    let into = flag(call, "into")?.filter(|into| !into.is_empty());
    let into = into.ok_or_else(|| missing("into", "say where the files go, such as ./db/core"))?;
    Ok((tool(&from)?, into))
}

/// What `migrate squash` is to replace.
pub fn squash_order(call: &EvaluatedCall) -> Result<SquashOrder, Error> {
    let to = value(call, "to")?.ok_or_else(|| Error::BadFlag {
        flag: "to",
        problem: "say up to which timestamp, such as --to 20240108090000".to_owned(),
    })?;
    Ok(SquashOrder {
        to: version(&to)?,
        dry_run: switch(call, "dry-run")?,
    })
}

fn tool(name: &str) -> Result<Tool, Error> {
    name.parse().map_err(|_| Error::BadFlag {
        flag: "from",
        problem: format!("there is no `{name}`, only {}", Tool::VARIANTS.join(", ")),
    })
}

/// The settings that flags give.
fn flags(call: &EvaluatedCall) -> Result<Layer, Error> {
    let mut layer = Layer::new();
    for key in Key::iter() {
        let Some(name) = key.flag() else { continue };
        let text = if key == Key::ExpectTracks {
            let words = one_or_more(call, name)?;
            if words.is_empty() {
                continue;
            }
            let words: Result<Vec<_>, _> = words.iter().map(|word| usable(word, name)).collect();
            words?.join(" ")
        } else {
            match value(call, name)? {
                None => continue,
                Some(value) if key == Key::Variables => {
                    object(&value).map_err(|problem| Error::BadFlag {
                        flag: name,
                        problem,
                    })?
                }
                Some(value) => usable(&value, name)?,
            }
        };
        let origin = Origin::Flag;
        layer.insert(key, Sourced { text, origin });
    }
    Ok(layer)
}

fn tracks(call: &EvaluatedCall) -> Result<Vec<Track>, Error> {
    one_or_more(call, "track")?
        .iter()
        .map(|name| {
            let text = usable(name, "track")?;
            Track::parse(&text).ok_or_else(|| Error::BadFlag {
                flag: "track",
                problem: format!(
                    "`{text}` is not a track name: lower-case letters, digits and hyphens, \
                     starting with a letter"
                ),
            })
        })
        .collect()
}

/// What `migrate repair` is to do.
pub fn orders(call: &EvaluatedCall) -> Result<Vec<Order>, Error> {
    let mut orders = Vec::new();
    for action in Action::iter() {
        let flag: &'static str = action.into();
        for name in one_or_more(call, flag)? {
            orders.push(Order {
                action,
                name: usable(&name, flag)?,
            });
        }
    }
    Ok(orders)
}

/// The closures of `--check`.
pub fn checks(call: &EvaluatedCall) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for value in one_or_more(call, "check")? {
        let found = closures_of(&value, "--check").map_err(|problem| Error::BadFlag {
            flag: "check",
            problem,
        })?;
        sources.extend(found);
    }
    Ok(sources)
}

/// The values of a flag that takes one or a list.
fn one_or_more(call: &EvaluatedCall, flag: &'static str) -> Result<Vec<Value>, Error> {
    // A flag may be repeated; nushell itself gives only the first.
    let given = call.named.iter().filter(|(name, _)| name.item == flag);
    let mut values = Vec::new();
    for value in given.filter_map(|(_, value)| value.as_ref()) {
        match value {
            Value::List { vals, .. } if vals.is_empty() => {
                return Err(Error::BadFlag {
                    flag,
                    problem: "the list is empty".to_owned(),
                });
            }
            Value::List { vals, .. } => values.extend(vals.iter().cloned()),
            one => values.push(one.clone()),
        }
    }
    Ok(values)
}

/// A version as 14 digits, which nushell may read as a number, or as a datetime.
fn version(value: &Value) -> Result<Version, Error> {
    version_of("to", value)
}

fn version_of(flag: &'static str, value: &Value) -> Result<Version, Error> {
    if let Value::Date { val, .. } = value {
        return Ok(Version::at(val.to_utc()));
    }
    let text = usable(value, flag)?;
    Version::parse(&text).ok_or_else(|| Error::BadFlag {
        flag,
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
