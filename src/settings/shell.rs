//! A snapshot of the caller: where it stands, its environment, its plugin configuration.
//! The only user of the engine's getters. The plugin's own directory and environment are those
//! of the call that started it, long ago, and must never be looked at.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use miette::Diagnostic;
use nu_plugin::EngineInterface;
use nu_protocol::{Record, ShellError, Value};
use strum::IntoEnumIterator;

use super::{Error, Key, Layer, Origin, Sourced};

/// The key of the closures in the plugin's configuration, which text cannot hold.
pub const CHECKS: &str = "checks";

/// What the rooms below `commands` may know of the shell.
#[derive(Debug, Clone)]
pub struct Shell {
    pub directory: PathBuf,
    /// The caller's environment, as far as a program can take it.
    pub environment: BTreeMap<String, String>,
    pub config: Layer,
    /// The closures under `checks` in the same place, which text cannot hold.
    pub checks: Option<Value>,
    /// The variables as nushell holds them.
    pub variables: HashMap<String, Value>,
}

pub struct Snapshot {
    directory: PathBuf,
    environment: HashMap<String, Value>,
    config: Option<Value>,
    /// Does the closure that gives the configuration lead to itself?
    is_loop: bool,
}

/// How many configurations are being asked for at this moment. A closure that calls this plugin asks
/// again before the first answer, until nu's stack is full (measured: 434 deep).
static ASKED: AtomicUsize = AtomicUsize::new(0);
/// More than many shells at once would ask for, and far from the end of nu's stack.
const DEEPEST: usize = 50;

struct Asking {
    depth: usize,
}

impl Asking {
    fn begin() -> Self {
        Self {
            depth: ASKED.fetch_add(1, Ordering::SeqCst),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shell {
    pub fn snapshot(engine: &EngineInterface) -> Result<Snapshot, ShellError> {
        let asking = Asking::begin();
        let is_loop = asking.depth >= DEEPEST;
        Ok(Snapshot {
            directory: PathBuf::from(engine.get_current_dir()?),
            environment: engine.get_env_vars()?,
            config: if is_loop {
                None
            } else {
                engine.get_plugin_config()?
            },
            is_loop,
        })
    }

    pub fn read(snapshot: Snapshot) -> Result<Self, Error> {
        if snapshot.is_loop {
            return Err(Error::ConfigurationLoop);
        }
        Self::from_values(snapshot.directory, snapshot.environment, snapshot.config)
    }

    fn from_values(
        directory: PathBuf,
        environment: HashMap<String, Value>,
        config: Option<Value>,
    ) -> Result<Self, Error> {
        let texts = environment
            .iter()
            .filter_map(|(name, value)| variable(name, value).transpose())
            .collect::<Result<_, _>>()?;
        let (config, checks) = config.map_or_else(|| Ok((Layer::new(), None)), configuration)?;
        Ok(Self {
            directory,
            environment: texts,
            config,
            checks,
            variables: environment,
        })
    }
}

/// A variable as a program takes it; `None` for what only nushell can hold.
fn variable(name: &str, value: &Value) -> Result<Option<(String, String)>, Error> {
    let name = name.to_owned();
    match text(value) {
        Some(text) => Ok(Some((name, text))),
        None if name == "PATH" => Ok(search_path(value).map(|path| (name, path))),
        None if concerns_us(&name) => Err(Error::BadVariable {
            variable: name,
            found: value.get_type().to_string(),
        }),
        None => Ok(None),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String { val, .. } | Value::Glob { val, .. } => Some(val.clone()),
        Value::Int { val, .. } => Some(val.to_string()),
        Value::Float { val, .. } => Some(val.to_string()),
        Value::Bool { val, .. } => Some(val.to_string()),
        _ => None,
    }
}

fn search_path(value: &Value) -> Option<String> {
    let folders: Vec<_> = value.as_list().ok()?.iter().filter_map(text).collect();
    Some(folders.join(":"))
}

/// To leave out one of these could mean another database.
fn concerns_us(name: &str) -> bool {
    name.starts_with("PG") || Key::iter().any(|key| key.variable() == name)
}

/// Has a call of this plugin within the closure said so? Then each call around it says the same.
fn is_loop(error: &ShellError) -> bool {
    let code = |error: &dyn Diagnostic| error.code().map(|code| code.to_string());
    code(error) == code(&Error::ConfigurationLoop)
}

/// The settings and the closures of the plugin's configuration.
fn configuration(config: Value) -> Result<(Layer, Option<Value>), Error> {
    let bad = |problem: String| Error::BadPluginConfig { problem };
    let mut record = match config {
        Value::Record { val, .. } => val.into_owned(),
        Value::Nothing { .. } => return Ok((Layer::new(), None)),
        Value::Error { error, .. } if is_loop(&error) => return Err(Error::ConfigurationLoop),
        Value::Error { error, .. } => return Err(bad(error.to_string())),
        other => {
            return Err(bad(format!(
                "expected a record, got a {}",
                other.get_type()
            )));
        }
    };
    let checks = record.remove(CHECKS);
    Ok((layer(record)?, checks))
}

fn layer(record: Record) -> Result<Layer, Error> {
    let bad = |problem: String| Error::BadPluginConfig { problem };
    record
        .into_iter()
        .map(|(name, value)| {
            let key = name
                .parse::<Key>()
                .map_err(|_| bad(format!("unknown setting `{name}`")))?;
            let text = match value {
                Value::Int { val, .. } if key == Key::Retries => Some(val.to_string()),
                Value::Record { .. } if key.is_object() => {
                    Some(object(&value).map_err(|problem| bad(format!("`{name}`: {problem}")))?)
                }
                Value::List { ref vals, .. } if key == Key::ExpectTracks => {
                    let words: Option<Vec<_>> = vals.iter().map(setting).collect();
                    words.map(|words| words.join(" "))
                }
                _ => setting(&value),
            };
            let text =
                text.ok_or_else(|| bad(format!("`{name}` cannot be a {}", value.get_type())))?;
            Ok((
                key,
                Sourced {
                    text,
                    origin: Origin::PluginConfig,
                },
            ))
        })
        .collect()
}

/// A record of texts, numbers, bools and such records as a JSON object.
pub fn object(value: &Value) -> Result<String, String> {
    json(value).map(|object| object.to_string())
}

fn json(value: &Value) -> Result<serde_json::Value, String> {
    let record = value
        .as_record()
        .map_err(|_| format!("expected a record, got a {}", value.get_type()))?;
    let object: Result<serde_json::Map<_, _>, String> = record
        .iter()
        .map(|(name, value)| {
            let value = match (value, text(value)) {
                (Value::Record { .. }, _) => json(value)?,
                (_, Some(text)) => serde_json::Value::String(text),
                (_, None) => return Err(format!("`{name}` cannot be a {}", value.get_type())),
            };
            Ok((name.clone(), value))
        })
        .collect();
    object.map(serde_json::Value::Object)
}

/// A setting as text, in the form that all sources share.
pub fn setting(value: &Value) -> Option<String> {
    match value {
        Value::String { val, .. } => Some(val.clone()),
        Value::Duration { val, .. } => Some(format!("{val}ns")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nu_protocol::record;

    fn read(environment: &[(&str, Value)], config: Option<Value>) -> Result<Shell, Error> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        Shell::from_values("/home/me".into(), environment, config)
    }

    #[test]
    fn variables_become_text_where_they_can() {
        let shell = read(
            &[
                ("PGPORT", Value::test_int(5433)),
                (
                    "PATH",
                    Value::test_list(vec![Value::test_string("/a"), Value::test_string("/b")]),
                ),
                ("ENV_CONVERSIONS", Value::test_record(record! {})),
            ],
            None,
        )
        .unwrap();
        let expected = [("PATH", "/a:/b"), ("PGPORT", "5433")];
        let found: Vec<_> = shell
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_connection_variable_that_is_no_text_is_refused() {
        for name in ["PGHOST", "DATABASE_URL", "MIGRATE_SCHEMA"] {
            let result = read(&[(name, Value::test_record(record! {}))], None);
            assert!(matches!(result, Err(Error::BadVariable { .. })), "{name}");
        }
    }

    #[test]
    fn the_configuration_is_a_record_of_known_settings() {
        let config = |record| read(&[], Some(Value::test_record(record)));
        let shell = config(record! {
            "schema" => Value::test_string("ops"),
            "lock_wait" => Value::test_duration(5_000_000_000),
        })
        .unwrap();
        assert_eq!(shell.config[&Key::LockWait].text, "5000000000ns");
        for bad in [
            record! { "shema" => Value::test_string("ops") },
            record! { "schema" => Value::test_int(5) },
        ] {
            assert!(matches!(config(bad), Err(Error::BadPluginConfig { .. })));
        }
        assert!(read(&[], Some(Value::test_string("x"))).is_err());
        assert!(read(&[], Some(Value::test_nothing())).is_ok());
    }
}
