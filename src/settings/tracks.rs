//! What holds for the files of one track alone. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Touch, parse_variables};
use crate::sql::quote::{Identifier, set_all};
use crate::sql::variables::Variables;

/// The settings of each track that has some, by its name.
pub type Tracks = BTreeMap<String, TrackSettings>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackSettings {
    /// Who its files are run as.
    pub role: Option<String>,
    /// As PostgreSQL's setting has it: names with commas in between.
    pub search_path: Option<String>,
    /// Settings of the server's.
    pub settings: Variables,
    /// psql's variables, in place of those of the same name that hold for all tracks.
    pub variables: Variables,
    /// What its files may touch that is not its own.
    pub touch: Option<Touch>,
}

/// The same as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    role: Option<String>,
    search_path: Option<String>,
    touch: Option<String>,
    #[serde(default)]
    settings: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    variables: serde_json::Map<String, serde_json::Value>,
}

/// Reads a JSON object of objects.
pub fn parse(text: &str) -> Result<Tracks, String> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|_| r#"expected an object such as {"acme": {"role": "acme_owner"}}"#.to_owned())?;
    object
        .into_iter()
        .map(|(track, value)| {
            let own = one(value).map_err(|problem| format!("`{track}`: {problem}"))?;
            Ok((track, own))
        })
        .collect()
}

fn one(value: serde_json::Value) -> Result<TrackSettings, String> {
    let written: Written = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let texts = |object: serde_json::Map<_, _>| {
        parse_variables(&serde_json::Value::Object(object).to_string())
    };
    let is_empty = |text: &Option<String>| text.as_deref() == Some("");
    if is_empty(&written.role) {
        return Err("`role` is empty".to_owned());
    }
    if let Some(name) = ["role", "search_path"]
        .iter()
        .find(|name| written.settings.contains_key(**name))
    {
        return Err(format!("`{name}` belongs beside `settings`, not in it"));
    }
    let touch = written.touch.map(|word| word.parse::<Touch>());
    Ok(TrackSettings {
        touch: touch
            .transpose()
            .map_err(|problem| format!("`touch`: {problem}"))?,
        role: written.role,
        search_path: written.search_path,
        settings: settings(written.settings)?,
        variables: texts(written.variables)?,
    })
}

/// Names of the server's settings may have a dot, which psql's variables may not.
fn settings(object: serde_json::Map<String, serde_json::Value>) -> Result<Variables, String> {
    object
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                serde_json::Value::String(text) if !text.contains('\0') => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(bool) => bool.to_string(),
                _ => {
                    return Err(format!(
                        "the value of `{name}` must be a text, a number or a bool"
                    ));
                }
            };
            Ok((name, value))
        })
        .collect()
}

impl TrackSettings {
    /// What the server is told before a file of the track. The role comes last: it may not have the
    /// right to all that is set.
    pub fn statements(&self) -> Vec<String> {
        let path = self.search_path.as_ref();
        let pairs: Vec<_> = self
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(path.map(|path| ("search_path", path.as_str())))
            .collect();
        let role = self.role.as_ref();
        set_all(&pairs)
            .into_iter()
            .chain(role.map(|role| format!("SET ROLE {}", Identifier(role))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_is_told() {
        let text = r#"{"acme": {"role": "acme \"owner\"", "search_path": "acme, public",
            "settings": {"app.tenant": "it's", "work_mem": 64}, "variables": {"x": 1}}}"#;
        let tracks = parse(text).unwrap();
        let acme = &tracks["acme"];
        assert_eq!(
            acme.statements(),
            [
                "SELECT FROM (VALUES ('app.tenant', 'it''s'), ('work_mem', '64'), \
                 ('search_path', 'acme, public')) AS setting (name, value)\n  \
                 WHERE pg_catalog.set_config(name, value, false) IS NULL",
                "SET ROLE \"acme \"\"owner\"\"\"",
            ]
        );
        assert_eq!(acme.variables["x"], "1");
        assert_eq!(TrackSettings::default().statements(), Vec::<String>::new());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, problem) in [
            ("[]", "expected an object"),
            (r#"{"acme": "x"}"#, "`acme`: invalid type"),
            (r#"{"acme": {"rol": "x"}}"#, "`acme`: unknown field `rol`"),
            (r#"{"acme": {"role": ""}}"#, "`role` is empty"),
            (
                r#"{"acme": {"touch": "all"}}"#,
                "`acme`: `touch`: expected `own`, `declared` or `any`, got `all`",
            ),
            (
                r#"{"acme": {"settings": {"role": "x"}}}"#,
                "beside `settings`",
            ),
            (r#"{"acme": {"settings": {"a": []}}}"#, "must be a text"),
            (r#"{"acme": {"variables": {"a b": 1}}}"#, "a b"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.contains(problem), "{text}: {found}");
        }
    }
}
