//! The settings there are: name, flag, environment variable and default of each.

use serde::Deserialize;
use strum::{Display, EnumIter, EnumProperty, EnumString, IntoEnumIterator};

/// A setting. Its name in `migrate.json` and in `$env.config.plugins.migrate` is its `Display`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    Display,
    EnumIter,
    EnumProperty,
    EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Key {
    /// The database: a name, a conninfo string or a URL.
    #[strum(props(flag = "database", variable = "DATABASE_URL"))]
    Database,
    /// The psql program: a name to look up on PATH, or a path.
    #[strum(props(variable = "MIGRATE_PSQL", default = "psql"))]
    Psql,
    #[strum(props(variable = "MIGRATE_SCHEMA"))]
    Schema,
    /// What a ledger's name starts with.
    #[strum(props(variable = "MIGRATE_TABLE_PREFIX", default = "migrations_"))]
    TablePrefix,
    #[strum(props(
        flag = "transaction",
        variable = "MIGRATE_TRANSACTION",
        default = "all"
    ))]
    Transaction,
    #[strum(props(variable = "MIGRATE_WORKING_DIRECTORY", default = "migration"))]
    WorkingDirectory,
    #[strum(props(variable = "MIGRATE_TRANSACTION_CONTROL", default = "refuse"))]
    TransactionControl,
    /// Rules of `validate` that no file has to keep, as if each said so.
    #[strum(props(variable = "MIGRATE_ALLOW"))]
    Allow,
    #[strum(props(flag = "lock-wait", variable = "MIGRATE_LOCK_WAIT", default = "30sec"))]
    LockWait,
    /// How long a statement may wait for a lock.
    #[strum(props(
        flag = "lock-timeout",
        variable = "MIGRATE_LOCK_TIMEOUT",
        default = "5sec"
    ))]
    LockTimeout,
    #[strum(props(
        flag = "statement-timeout",
        variable = "MIGRATE_STATEMENT_TIMEOUT",
        default = "0sec"
    ))]
    StatementTimeout,
    /// After how much silence of the network psql and the server give each other up.
    #[strum(props(variable = "MIGRATE_NETWORK_TIMEOUT", default = "6sec"))]
    NetworkTimeout,
    /// How long psql stays open for the next command of the same shell.
    #[strum(props(variable = "MIGRATE_KEEP_SESSION", default = "0sec"))]
    KeepSession,
    #[strum(props(flag = "retries", variable = "MIGRATE_RETRIES", default = "3"))]
    Retries,
    /// Is what stands in the way of a step dropped and made again?
    #[strum(props(variable = "MIGRATE_CARRY", default = "true"))]
    Carry,
    /// Does a run keep the schema in the database, for `drift` to compare with?
    #[strum(props(variable = "MIGRATE_RECORD_SCHEMA", default = "false"))]
    RecordSchema,
    /// The user's own commands for validation scripts.
    #[strum(props(variable = "MIGRATE_PRELUDE"))]
    Prelude,
    #[strum(props(variable = "MIGRATE_VALIDATION_TIMEOUT", default = "60sec"))]
    ValidationTimeout,
    /// The user's psql variables: an object.
    #[strum(props(flag = "set", variable = "MIGRATE_VARIABLES"))]
    Variables,
    /// Tracks without which the directory is not whole.
    #[strum(props(flag = "expect-tracks", variable = "MIGRATE_EXPECT_TRACKS"))]
    ExpectTracks,
    /// What holds for the files of one track: an object of objects.
    #[strum(props(variable = "MIGRATE_TRACKS"))]
    Tracks,
    /// What a track may touch that is not its own.
    #[strum(props(variable = "MIGRATE_TOUCH", default = "any"))]
    Touch,
    #[strum(props(variable = "MIGRATE_TEMPLATES"))]
    Templates,
    /// A file for what is said to psql and what it answers.
    #[strum(props(flag = "log", variable = "MIGRATE_LOG"))]
    Log,
}

impl Key {
    /// Is its value an object?
    pub fn is_object(self) -> bool {
        matches!(self, Self::Variables | Self::Tracks)
    }

    /// The flag that gives it, where there is one.
    pub fn flag(self) -> Option<&'static str> {
        self.get_str("flag")
    }

    /// The environment variable that gives it.
    pub fn variable(self) -> &'static str {
        self.get_str("variable").unwrap_or_default()
    }

    /// What holds where nobody gives it, as a text like any other.
    pub fn default_text(self) -> Option<&'static str> {
        self.get_str("default")
    }

    /// All names, for messages.
    pub fn names() -> String {
        let names: Vec<_> = Self::iter().map(|key| format!("`{key}`")).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_variable_of_its_own() {
        let variables: std::collections::BTreeSet<_> = Key::iter().map(Key::variable).collect();
        assert_eq!(variables.len(), Key::iter().count());
        assert!(!variables.contains(""));
    }
}
