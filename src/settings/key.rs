//! The names of the settings. Must not hold values.

use std::fmt;

use serde::Deserialize;

/// A setting, by the name it has in `migrate.json` and in the plugin's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The database: a name, a conninfo string or a URL.
    Database,
    /// The psql program.
    Psql,
    /// The schema of the ledgers.
    Schema,
    /// What a ledger's name starts with.
    TablePrefix,
    /// `all`, `track` or `each`.
    Transaction,
    /// `migration`, `tree` or `caller`.
    WorkingDirectory,
    /// `refuse`, `separate` or `unwrap`.
    TransactionControl,
    /// How long to wait for another run.
    LockWait,
    /// How long a statement may wait for a lock.
    LockTimeout,
    /// How long a statement may take.
    StatementTimeout,
    /// How often a group is tried again.
    Retries,
    /// The user's own commands for validation scripts.
    Prelude,
    /// How long a validation script may take.
    ValidationTimeout,
    /// The user's psql variables: an object.
    Variables,
    /// A folder of templates for new migrations.
    Templates,
}

impl Key {
    /// Every setting there is.
    pub const ALL: [Self; 15] = [
        Self::Database,
        Self::Psql,
        Self::Schema,
        Self::TablePrefix,
        Self::Transaction,
        Self::WorkingDirectory,
        Self::TransactionControl,
        Self::LockWait,
        Self::LockTimeout,
        Self::StatementTimeout,
        Self::Retries,
        Self::Prelude,
        Self::ValidationTimeout,
        Self::Variables,
        Self::Templates,
    ];

    /// The key in `migrate.json` and `$env.config.plugins.migrate`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Psql => "psql",
            Self::Schema => "schema",
            Self::TablePrefix => "table_prefix",
            Self::Transaction => "transaction",
            Self::WorkingDirectory => "working_directory",
            Self::TransactionControl => "transaction_control",
            Self::LockWait => "lock_wait",
            Self::LockTimeout => "lock_timeout",
            Self::StatementTimeout => "statement_timeout",
            Self::Retries => "retries",
            Self::Prelude => "prelude",
            Self::ValidationTimeout => "validation_timeout",
            Self::Variables => "variables",
            Self::Templates => "templates",
        }
    }

    /// The environment variable.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Database => "DATABASE_URL",
            Self::Psql => "MIGRATE_PSQL",
            Self::Schema => "MIGRATE_SCHEMA",
            Self::TablePrefix => "MIGRATE_TABLE_PREFIX",
            Self::Transaction => "MIGRATE_TRANSACTION",
            Self::WorkingDirectory => "MIGRATE_WORKING_DIRECTORY",
            Self::TransactionControl => "MIGRATE_TRANSACTION_CONTROL",
            Self::LockWait => "MIGRATE_LOCK_WAIT",
            Self::LockTimeout => "MIGRATE_LOCK_TIMEOUT",
            Self::StatementTimeout => "MIGRATE_STATEMENT_TIMEOUT",
            Self::Retries => "MIGRATE_RETRIES",
            Self::Prelude => "MIGRATE_PRELUDE",
            Self::ValidationTimeout => "MIGRATE_VALIDATION_TIMEOUT",
            Self::Variables => "MIGRATE_VARIABLES",
            Self::Templates => "MIGRATE_TEMPLATES",
        }
    }

    /// The setting of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// All names, for messages.
    pub fn names() -> String {
        Self::ALL.map(|key| format!("`{key}`")).join(", ")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
