//! What of the calling shell another nu can take. Pure.

use std::collections::HashMap;

use nu_protocol::engine::EngineState;
use nu_protocol::{Record, ShellError, Span, Value};
use nuon::ToNuonConfig;

/// Variables that nushell sets by itself, and those that only make sense in the shell they
/// stand in. PATH crosses as text: every nu makes a list of it.
const OWN: [&str; 10] = [
    "CMD_DURATION_MS",
    "CURRENT_FILE",
    "ENV_CONVERSIONS",
    "FILE_PWD",
    "LAST_EXIT_CODE",
    "NU_VERSION",
    "OLDPWD",
    "PATH",
    "PROCESS_PATH",
    "PWD",
];

/// The parts of a configuration that only the line editor uses: large, and of no use to a script.
const INTERACTIVE: [&str; 3] = ["hooks", "keybindings", "menus"];

/// The variables that a process's environment cannot hold: lists, records, numbers, dates and
/// the like, without what cannot leave its shell, such as closures.
pub fn typed_variables(environment: &HashMap<String, Value>) -> Record {
    let mut variables: Vec<_> = environment
        .iter()
        .filter(|(name, value)| {
            !OWN.contains(&name.as_str()) && !matches!(value, Value::String { .. })
        })
        .filter_map(|(name, value)| Some((name.clone(), portable(value)?)))
        .collect();
    variables.sort_by(|one, other| one.0.cmp(&other.0));
    variables.into_iter().collect()
}

/// A value without the closures in it; `None` where nothing would be left.
fn portable(value: &Value) -> Option<Value> {
    let span = value.span();
    match value {
        Value::Closure { .. } | Value::Custom { .. } | Value::Error { .. } => None,
        Value::Record { val, .. } if !val.is_empty() => {
            let kept: Record = val
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), portable(value)?)))
                .collect();
            (!kept.is_empty()).then(|| Value::record(kept, span))
        }
        Value::List { vals, .. } if !vals.is_empty() => {
            let kept: Vec<_> = vals.iter().filter_map(portable).collect();
            (!kept.is_empty()).then(|| Value::list(kept, span))
        }
        other => Some(other.clone()),
    }
}

/// A value as NUON.
pub fn to_nuon(value: &Value) -> Result<String, ShellError> {
    nuon::to_nuon(&EngineState::new(), value, ToNuonConfig::default())
}

/// What a check gave, as NUON: nothing is nothing, and what cannot leave its shell is left out.
pub fn result_of(value: &Value) -> Option<String> {
    match value {
        Value::Nothing { .. } => None,
        other => to_nuon(&portable(other)?).ok(),
    }
}

/// A value from NUON; text that is none stays text.
pub fn from_nuon(text: &str, span: Span) -> Value {
    nuon::from_nuon(text, Some(span)).unwrap_or_else(|_| Value::string(text, span))
}

/// Text as a literal of nushell.
pub fn literal(text: &str) -> String {
    let value = Value::string(text, Span::unknown());
    to_nuon(&value).unwrap_or_default()
}

/// The configuration for a child: the caller's, with this plugin's settings and with errors as
/// text that can be shown elsewhere.
pub fn configuration(callers: Option<&Value>, plugin: Record) -> Value {
    let span = Span::unknown();
    let mut config = match callers.and_then(portable) {
        Some(Value::Record { val, .. }) => val.into_owned(),
        _ => Record::new(),
    };
    for key in INTERACTIVE {
        config.remove(key);
    }
    config.insert("use_ansi_coloring", Value::bool(false, span));
    config.insert("error_style", Value::string("fancy", span));
    let mut plugins = match config.remove("plugins") {
        Some(Value::Record { val, .. }) => val.into_owned(),
        _ => Record::new(),
    };
    plugins.insert("migrate", Value::record(plugin, span));
    config.insert("plugins", Value::record(plugins, span));
    Value::record(config, span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nu_protocol::engine::Closure;
    use nu_protocol::{BlockId, record};

    fn closure() -> Value {
        let closure = Closure {
            block_id: BlockId::new(0),
            captures: vec![],
        };
        Value::test_closure(closure)
    }

    #[test]
    fn what_has_a_type_crosses_and_closures_do_not() {
        let environment = HashMap::from([
            (
                "LIST".to_owned(),
                Value::test_list(vec![Value::test_int(1), closure()]),
            ),
            (
                "RECORD".to_owned(),
                Value::test_record(
                    record! { "a" => Value::test_duration(5), "f" => closure(), "g" => Value::test_record(record! { "f" => closure() }) },
                ),
            ),
            ("TEXT".to_owned(), Value::test_string("goes by itself")),
            ("PROMPT_COMMAND".to_owned(), closure()),
            ("LAST_EXIT_CODE".to_owned(), Value::test_int(0)),
        ]);
        let text = to_nuon(&Value::test_record(typed_variables(&environment))).unwrap();
        assert_eq!(text, "{LIST: [1], RECORD: {a: 5ns}}");
    }

    #[test]
    fn literals_hold_anything() {
        for text in ["/tmp/it's", "a\"b\\c\n", "", "größe $x (1)"] {
            let found = from_nuon(&literal(text), Span::test_data());
            assert_eq!(found.as_str().unwrap(), text);
        }
    }

    #[test]
    fn the_configuration_keeps_the_rest() {
        let callers = Value::test_record(record! {
            "table" => Value::test_record(record! { "mode" => Value::test_string("light") }),
            "use_ansi_coloring" => Value::test_bool(true),
            "keybindings" => Value::test_list(vec![]),
            "plugins" => Value::test_record(record! { "other" => Value::test_int(1), "migrate" => closure() }),
        });
        let plugin = record! { "schema" => Value::test_string("ops") };
        let text = to_nuon(&configuration(Some(&callers), plugin)).unwrap();
        assert_eq!(
            text,
            "{table: {mode: light}, use_ansi_coloring: false, error_style: fancy, \
             plugins: {other: 1, migrate: {schema: ops}}}"
        );
    }
}
