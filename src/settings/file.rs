//! `migrate.json`: finds it, reads it, expands `${VAR}` in it.
//! Must not know what the values mean.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{fmt, fs, io};

use regex::Regex;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Error, Key, Layer, Origin, Sourced};
use crate::error::Unreadable;

/// The file's name in a tree or a parent folder.
pub const FILE_NAME: &str = "migrate.json";

/// Reads the file that applies to a tree: the named one, else the nearest `migrate.json` in the
/// tree or above it. No file is no error, unless one was named.
pub fn load(
    named: Option<PathBuf>,
    tree: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Layer, Error> {
    let candidates = match &named {
        Some(path) => vec![path.clone()],
        None => tree
            .ancestors()
            .map(|folder| folder.join(FILE_NAME))
            .collect(),
    };
    for path in candidates {
        Unreadable::require_regular(&path)?;
        match fs::read_to_string(&path) {
            Ok(text) => return parse(&text, &path, environment),
            Err(error) if is_absent(&error) && named.is_none() => {}
            Err(error) if is_absent(&error) => {
                return Err(Error::BadFlag {
                    flag: "config",
                    problem: format!("there is no file {}", path.display()),
                });
            }
            Err(error) => {
                let reason = error.to_string();
                return Err(Unreadable { path, reason }.into());
            }
        }
    }
    Ok(Layer::new())
}

/// `NotADirectory` too: the tree itself is judged elsewhere.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Reads a settings file's text.
///
/// # Errors
/// Not JSON, an unknown key, a value that is no string, or a variable that is not set.
pub fn parse(
    text: &str,
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Layer, Error> {
    let values: HashMap<Key, Raw> =
        serde_json::from_str(text).map_err(|error| Error::BadSettingsFile {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            problem: in_our_words(&error.to_string()),
        })?;
    values
        .into_iter()
        .map(|(key, value)| {
            let (line, column) = position(text, key);
            let text = value
                .text(key, environment)
                .map_err(|problem| Error::BadSettingsFile {
                    path: path.to_owned(),
                    line,
                    column,
                    problem: format!("`{key}`: {problem}"),
                })?;
            let origin = Origin::File {
                path: path.to_owned(),
                line,
                column,
            };
            Ok((key, Sourced { text, origin }))
        })
        .collect()
}

enum Raw {
    Text(String),
    YesNo(bool),
    Object(serde_json::Map<String, serde_json::Value>),
}

impl Raw {
    /// The text that all sources share, with its variables expanded.
    fn text(self, key: Key, environment: &BTreeMap<String, String>) -> Result<String, String> {
        match self {
            Self::Text(text) if key.is_object() => {
                Err(format!("expected an object, got the text `{text}`"))
            }
            Self::Text(text) => expand(&text, environment),
            Self::YesNo(value) if key == Key::Carry => Ok(value.to_string()),
            Self::YesNo(value) => Err(format!("expected a text, got {value}")),
            Self::Object(object) if key.is_object() => {
                let mut object = serde_json::Value::Object(object);
                expand_within(&mut object, environment)?;
                Ok(object.to_string())
            }
            Self::Object(_) => Err("expected a text, got an object".to_owned()),
        }
    }
}

/// Expands every text of an object, at any depth.
fn expand_within(
    value: &mut serde_json::Value,
    environment: &BTreeMap<String, String>,
) -> Result<(), String> {
    match value {
        serde_json::Value::String(text) => *text = expand(text, environment)?,
        serde_json::Value::Object(object) => {
            for value in object.values_mut() {
                expand_within(value, environment)?;
            }
        }
        _ => {}
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Raw;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
                Ok(Raw::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::YesNo(value))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Raw, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Raw::Object)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// serde_json ends its messages with the position, which we give in our own form, and knows
/// keys as variants.
fn in_our_words(message: &str) -> String {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(problem, _)| problem)
        .replacen("unknown variant", "unknown setting", 1)
}

/// Line and column of a key, counted from 1. The text is known to be JSON. A user's variable may have
/// the name of a setting; and of two that are the same, the last one counts.
fn position(text: &str, key: Key) -> (usize, usize) {
    static TOKEN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?s)(?<text>"(?:[^"\\]|\\.)*")(?<colon>\s*:)?|[{}]"#).ok());
    let quoted = format!("\"{key}\"");
    let mut depth = 0;
    let mut offset = 0;
    let tokens = TOKEN.iter().flat_map(|token| token.captures_iter(text));
    for token in tokens {
        match (token.name("text"), token.name("colon")) {
            (Some(found), Some(_)) if depth == 1 && found.as_str() == quoted => {
                offset = found.start();
            }
            (Some(_), _) => {}
            (None, _) if token.get_match().as_str() == "{" => depth += 1,
            (None, _) => depth -= 1,
        }
    }
    let before = text.get(..offset).unwrap_or_default();
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Replaces `${VAR}` and `${VAR:-default}`; an empty variable takes the default, as in a shell.
fn expand(value: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, tail) = after
            .split_once('}')
            .ok_or_else(|| "`${` has no closing `}`".to_owned())?;
        let (variable, default) = match inside.split_once(":-") {
            Some((variable, default)) => (variable, Some(default)),
            None => (inside, None),
        };
        let set = environment.get(variable).map(String::as_str);
        expanded.push_str(before);
        expanded.push_str(match (set, default) {
            (None | Some(""), Some(default)) => default,
            (Some(set), _) => set,
            (None, None) => return Err(format!("the variable `{variable}` is not set; set it, or write `${{{variable}:-default}}`")),
        });
        rest = tail;
    }
    Ok(expanded + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> BTreeMap<String, String> {
        [("NAME", "erp"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn variables_expand() {
        let expand = |text: &str| expand(text, &environment());
        assert_eq!(expand("plain $1 {x}").unwrap(), "plain $1 {x}");
        assert_eq!(expand("${NAME}_test").unwrap(), "erp_test");
        assert_eq!(expand("${NO:-a}${EMPTY:-b}${NAME:-c}").unwrap(), "aberp");
        assert_eq!(expand("<${EMPTY}>").unwrap(), "<>");
        assert_eq!(
            expand("${NO}").unwrap_err(),
            "the variable `NO` is not set; set it, or write `${NO:-default}`"
        );
        assert!(expand("${NO").is_err());
    }

    #[test]
    fn values_know_their_place() {
        let text = "{\n  \"schema\": \"ops\",\n  \"database\": \"${NAME}\"\n}";
        let layer = parse(text, Path::new("/db/migrate.json"), &environment()).unwrap();
        let expected = Origin::File {
            path: "/db/migrate.json".into(),
            line: 3,
            column: 3,
        };
        assert_eq!(layer[&Key::Database].text, "erp");
        assert_eq!(layer[&Key::Database].origin, expected);
    }

    #[test]
    fn variables_are_an_object_whose_texts_expand() {
        let text = r#"{"variables": {"name": "${NAME}_x", "n": 5}}"#;
        let layer = parse(text, Path::new("/db/migrate.json"), &environment()).unwrap();
        assert_eq!(layer[&Key::Variables].text, r#"{"n":5,"name":"erp_x"}"#);
    }

    #[test]
    fn a_bad_file_is_refused_with_line_and_column() {
        let cases = [
            ("{\n  \"databse\": \"x\"\n}", 2, 11),
            ("{\n  \"database\": 5\n}", 2, 15),
            ("{\n  \"database\": \"x\",\n}", 3, 1),
            ("{\n  \"database\": \"${NOPE}\"\n}", 2, 3),
            ("{\n  \"database\": {}\n}", 2, 3),
            ("{\n  \"variables\": \"x\"\n}", 2, 3),
            ("[]", 1, 0),
            ("", 1, 0),
        ];
        for (text, expected_line, expected_column) in cases {
            match parse(text, Path::new("migrate.json"), &environment()) {
                Err(Error::BadSettingsFile { line, column, .. }) => {
                    assert_eq!((line, column), (expected_line, expected_column), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
