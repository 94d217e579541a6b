//! Settings: what each one is, and which source wins.
//! Pure but for `file`, which reads `migrate.json`; must not know nushell or psql.
//!
//! Precedence: flag, `$env.config.plugins.migrate`, `migrate.json`, environment, default.
//! All sources give text, so that a value is parsed in one place and an error can name the origin.

mod caller;
mod choice;
pub mod error;
pub mod file;
mod key;
mod origin;
pub mod overview;
mod period;
pub mod shell;
pub mod tracks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use strum::IntoEnumIterator;

use crate::sql::rules::Rule;
use crate::sql::variables::{self, Variables};
pub use caller::Caller;
pub use choice::{Touch, TransactionControl, TransactionMode, WorkingDirectory};
pub use error::Error;
pub use key::Key;
pub use origin::{Origin, Sourced};
pub use period::Period;
pub use shell::Shell;
use tracks::Tracks;

/// The longest ledger prefix: PostgreSQL's names have 63 bytes, a track has up to 40.
const LONGEST_PREFIX: usize = 23;

/// The values that one source gives.
pub type Layer = BTreeMap<Key, Sourced>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A database name, a conninfo string or a URL; libpq's own variables decide when unset.
    pub database: Option<Sourced>,
    /// The psql program: a name to look up on PATH, or a path.
    pub psql: Sourced,
    /// The schema of the ledgers; `current_schema()` when unset.
    pub schema: Option<String>,
    /// What a ledger table's name starts with; the track follows.
    pub table_prefix: String,
    pub transaction: TransactionMode,
    pub working_directory: WorkingDirectory,
    /// What a migration's own BEGIN and COMMIT mean.
    pub transaction_control: TransactionControl,
    /// Rules that no file has to keep.
    pub allow: BTreeSet<Rule>,
    /// How long to wait for another run to end.
    pub lock_wait: Duration,
    /// How long a statement may wait for a lock; zero is for ever.
    pub lock_timeout: Duration,
    /// How long a statement may take; zero is for ever.
    pub statement_timeout: Duration,
    /// After how much silence of the network both ends give up; zero leaves it to the system.
    pub network_timeout: Duration,
    /// How long psql stays open for the next command; zero is not at all.
    pub keep_session: Duration,
    /// How often a group is tried again after a lock timeout or a deadlock.
    pub retries: u32,
    /// Is what repeatables made dropped where it stands in the way of a step, and made again?
    pub carry: bool,
    /// Does a run record the schema that it leaves?
    pub record_schema: bool,
    /// A nu file with the user's own commands for validation scripts.
    pub prelude: Option<Sourced>,
    pub validation_timeout: Duration,
    /// The user's psql variables: the sources are joined, name by name.
    pub variables: Variables,
    /// The tracks that the directory must hold.
    pub expect_tracks: Vec<String>,
    /// What holds for single tracks: the sources are joined, track by track.
    pub tracks: Tracks,
    /// What a track may touch that is not its own, if its own settings do not say.
    pub touch: Touch,
    pub templates: Option<Sourced>,
    /// Where to write down what is said to psql and what it answers.
    pub log: Option<Sourced>,
}

impl Settings {
    /// Merges the sources, the strongest first, and parses every value.
    ///
    /// # Errors
    /// A value does not parse; the error names the setting and the origin.
    pub fn resolve(layers: [Layer; 4]) -> Result<Self, Error> {
        let [flags, plugin_config, file, environment] = layers;
        let found = Found([flags, plugin_config, file, environment, defaults()]);
        Ok(Self {
            database: found.text(Key::Database),
            psql: found.required(Key::Psql),
            schema: found.text(Key::Schema).map(|schema| schema.text),
            table_prefix: found.parsed::<Prefix>(Key::TablePrefix)?.0,
            transaction: found.parsed(Key::Transaction)?,
            working_directory: found.parsed(Key::WorkingDirectory)?,
            transaction_control: found.parsed(Key::TransactionControl)?,
            allow: found.parsed::<Rules>(Key::Allow)?.0,
            lock_wait: found.parsed::<Period>(Key::LockWait)?.0,
            lock_timeout: found.parsed::<Period>(Key::LockTimeout)?.0,
            statement_timeout: found.parsed::<Period>(Key::StatementTimeout)?.0,
            network_timeout: found.parsed::<Period>(Key::NetworkTimeout)?.0,
            keep_session: found.parsed::<Period>(Key::KeepSession)?.0,
            retries: found.parsed::<Count>(Key::Retries)?.0,
            carry: found.parsed::<YesNo>(Key::Carry)?.0,
            record_schema: found.parsed::<YesNo>(Key::RecordSchema)?.0,
            prelude: found.text(Key::Prelude),
            validation_timeout: found.parsed::<Period>(Key::ValidationTimeout)?.0,
            variables: found.joined(Key::Variables, parse_variables)?,
            tracks: found.joined(Key::Tracks, tracks::parse)?,
            expect_tracks: found.words(Key::ExpectTracks),
            touch: found.parsed(Key::Touch)?,
            templates: found.text(Key::Templates),
            log: found.text(Key::Log),
        })
    }
}

impl Settings {
    /// What a track may touch that is not its own.
    pub fn touch_of(&self, track: &str) -> Touch {
        let own = self.tracks.get(track).and_then(|own| own.touch);
        own.unwrap_or(self.touch)
    }

    /// The schemas where a track's files look for names, as far as the settings tell.
    pub fn path_of(&self, track: &str) -> Vec<String> {
        let own = self.tracks.get(track);
        let path = own.and_then(|own| own.search_path.as_deref());
        let schemas = path.unwrap_or("public").split(',');
        schemas
            .map(|schema| schema.trim().trim_matches('"').to_owned())
            .filter(|schema| schema != "$user")
            .collect()
    }

    /// The psql variables of a track's files.
    pub fn variables_of(&self, track: &str) -> Variables {
        variables_of(&self.variables, &self.tracks, track)
    }
}

/// The same from its parts.
pub fn variables_of(users: &Variables, tracks: &Tracks, track: &str) -> Variables {
    let own = tracks.get(track).map(|own| own.variables.clone());
    let mut all = users.clone();
    all.extend(own.into_iter().flatten());
    all
}

fn defaults() -> Layer {
    let origin = Origin::Default;
    Key::iter()
        .filter_map(|key| {
            let text = key.default_text()?.to_owned();
            let origin = origin.clone();
            Some((key, Sourced { text, origin }))
        })
        .collect()
}

/// The settings that the environment gives. An empty variable counts as unset.
pub fn from_environment(environment: &BTreeMap<String, String>) -> Layer {
    Key::iter()
        .filter_map(|key| {
            let variable = key.variable();
            let text = environment.get(variable)?;
            let origin = Origin::Environment(variable);
            (!text.is_empty()).then(|| {
                (
                    key,
                    Sourced {
                        text: text.clone(),
                        origin,
                    },
                )
            })
        })
        .collect()
}

/// All layers, the strongest first, the defaults last.
struct Found([Layer; 5]);

impl Found {
    fn text(&self, key: Key) -> Option<Sourced> {
        self.0.iter().find_map(|layer| layer.get(&key)).cloned()
    }

    /// The words of a setting that is a list.
    fn words(&self, key: Key) -> Vec<String> {
        let text = self.text(key).map(|found| found.text).unwrap_or_default();
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    /// The value of a setting that has a default.
    fn required(&self, key: Key) -> Sourced {
        self.text(key).unwrap_or_else(|| Sourced {
            text: String::new(),
            origin: Origin::Default,
        })
    }

    fn parsed<T: FromStr<Err = String>>(&self, key: Key) -> Result<T, Error> {
        let Sourced { text, origin } = self.required(key);
        text.parse().map_err(|problem| Error::BadSetting {
            key,
            origin,
            problem,
        })
    }

    /// All sources together; for a name that several give, the strongest decides.
    fn joined<T>(
        &self,
        key: Key,
        parse: impl Fn(&str) -> Result<BTreeMap<String, T>, String>,
    ) -> Result<BTreeMap<String, T>, Error> {
        let mut joined = BTreeMap::new();
        for layer in self.0.iter().rev() {
            let Some(Sourced { text, origin }) = layer.get(&key) else {
                continue;
            };
            let given = parse(text).map_err(|problem| Error::BadSetting {
                key,
                origin: origin.clone(),
                problem,
            })?;
            joined.extend(given);
        }
        Ok(joined)
    }
}

/// Reads variables from a JSON object of texts, numbers and bools.
fn parse_variables(text: &str) -> Result<Variables, String> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|_| r#"expected an object such as {"tenant": "acme"}"#.to_owned())?;
    object
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(bool) => bool.to_string(),
                _ => {
                    return Err(format!(
                        "the value of `{name}` must be a text, a number or a bool"
                    ));
                }
            };
            variables::check_name(&name)?;
            variables::check_value(&name, &value)?;
            Ok((name, value))
        })
        .collect()
}

struct Count(u32);

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("expected a number, got `{text}`"))
    }
}

struct YesNo(bool);

impl FromStr for YesNo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("expected true or false, got `{text}`"))
    }
}

struct Rules(BTreeSet<Rule>);

impl FromStr for Rules {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        let rule = |name| Rule::to_allow(name).map_err(|problem| format!("`{name}`: {problem}"));
        names.map(rule).collect::<Result<_, _>>().map(Self)
    }
}

struct Prefix(String);

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.len() {
            1..=LONGEST_PREFIX if !text.contains('\0') => Ok(Self(text.to_owned())),
            length => Err(format!(
                "expected 1 to {LONGEST_PREFIX} bytes, so that a track's name still fits \
                 into PostgreSQL's 63, got {length}"
            )),
        }
    }
}

/// A path in a setting, read from where the setting stands: a `migrate.json` may say
/// `./bin/psql` and mean its own folder.
pub fn resolve_path(setting: &Sourced, caller: &Path) -> PathBuf {
    match &setting.origin {
        Origin::File { path, .. } => path.parent().unwrap_or(caller).join(&setting.text),
        _ => caller.join(&setting.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(origin: Origin, key: Key, text: &str) -> Layer {
        Layer::from([(
            key,
            Sourced {
                text: text.to_owned(),
                origin,
            },
        )])
    }

    #[test]
    fn the_first_source_wins() {
        let [flag, config, environment] = [
            layer(Origin::Flag, Key::Transaction, "each"),
            layer(Origin::PluginConfig, Key::Transaction, "track"),
            layer(Origin::Environment("MIGRATE_SCHEMA"), Key::Schema, "ops"),
        ];
        let settings = Settings::resolve([flag, config, Layer::new(), environment]).unwrap();
        assert_eq!(settings.transaction, TransactionMode::Each);
        assert_eq!(settings.schema.as_deref(), Some("ops"));
        assert_eq!(settings.table_prefix, "migrations_");
        assert_eq!(settings.lock_wait, Duration::from_secs(30));
        assert_eq!(settings.database, None);
    }

    #[test]
    fn a_bad_value_names_its_origin() {
        let bad = [
            (Key::Transaction, "none"),
            (Key::WorkingDirectory, "home"),
            (Key::LockWait, "soon"),
            (Key::Allow, "forbidden-command, changed"),
            (Key::TablePrefix, ""),
            (Key::TablePrefix, "a_prefix_of_24_characters"),
        ];
        for (key, text) in bad {
            let layers = [
                Layer::new(),
                Layer::new(),
                Layer::new(),
                layer(Origin::Flag, key, text),
            ];
            match Settings::resolve(layers) {
                Err(Error::BadSetting {
                    key: found, origin, ..
                }) => {
                    assert_eq!((found, origin), (key, Origin::Flag));
                }
                other => panic!("{key:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn variables_are_joined_name_by_name() {
        let source = |origin, text| layer(origin, Key::Variables, text);
        let layers = [
            source(Origin::Flag, r#"{"a": "flag", "n": 5}"#),
            source(Origin::PluginConfig, r#"{"a": "config", "b": true}"#),
            Layer::new(),
            source(
                Origin::Environment("MIGRATE_VARIABLES"),
                r#"{"b": "no", "c": ""}"#,
            ),
        ];
        let variables = Settings::resolve(layers).unwrap().variables;
        let found: Vec<_> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(found, ["a=flag", "b=true", "c=", "n=5"]);
        for bad in [
            "x",
            "[]",
            r#"{"a": null}"#,
            r#"{"1": "x"}"#,
            r#"{"track_name": "x"}"#,
        ] {
            let layers = [
                source(Origin::Flag, bad),
                Layer::new(),
                Layer::new(),
                Layer::new(),
            ];
            assert!(
                matches!(Settings::resolve(layers), Err(Error::BadSetting { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let environment = [
            ("DATABASE_URL", ""),
            ("MIGRATE_SCHEMA", "ops"),
            ("PGDATABASE", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let layer = from_environment(&BTreeMap::from(environment));
        assert_eq!(layer.keys().copied().collect::<Vec<_>>(), [Key::Schema]);
    }
}
