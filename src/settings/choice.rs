//! Settings that are one of a few words. Pure.

use std::fmt;
use std::str::FromStr;

/// How many migrations share a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionMode {
    /// Everything that is pending, all or nothing.
    #[default]
    All,
    /// Each track its own.
    Track,
    /// Each migration its own.
    Each,
}

/// The folder that relative paths of `\copy` and `\!` start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkingDirectory {
    /// The migration's own.
    #[default]
    Migration,
    /// The directory given to the command.
    Tree,
    /// Where the user stands.
    Caller,
}

/// What a migration's own BEGIN and COMMIT mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionControl {
    /// They are an error.
    #[default]
    Refuse,
    /// The file runs as it is, outside of any transaction of ours, as a group of its own.
    Separate,
    /// The outer pair is left out, and the file runs inside our transaction.
    Unwrap,
}

impl FromStr for TransactionMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "track" => Ok(Self::Track),
            "each" => Ok(Self::Each),
            _ => Err(format!("expected `all`, `track` or `each`, got `{text}`")),
        }
    }
}

impl fmt::Display for TransactionMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::All => "all",
            Self::Track => "track",
            Self::Each => "each",
        })
    }
}

impl FromStr for WorkingDirectory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "migration" => Ok(Self::Migration),
            "tree" => Ok(Self::Tree),
            "caller" => Ok(Self::Caller),
            _ => Err(format!(
                "expected `migration`, `tree` or `caller`, got `{text}`"
            )),
        }
    }
}

impl FromStr for TransactionControl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "separate" => Ok(Self::Separate),
            "unwrap" => Ok(Self::Unwrap),
            _ => Err(format!(
                "expected `refuse`, `separate` or `unwrap`, got `{text}`"
            )),
        }
    }
}
