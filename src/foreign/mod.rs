//! Other tools: what their history tables say, and what that means for our files.
//! Pure: SQL as text, answers as data; must not speak to a database, nor write files.

pub mod checksum;
pub mod error;
pub mod folder;
pub mod history;
pub mod matching;
mod table;
mod version;

pub use error::Error;
pub use table::{Layout, Located, choose};
pub use version::version;

/// A tool whose histories can be taken over.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::VariantNames,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Tool {
    Sqlx,
    Dbmate,
    GolangMigrate,
    Goose,
    Flyway,
    Refinery,
    Sqitch,
    Diesel,
    /// The interpreted predecessor of this tool, whose ledgers are ours already.
    Predecessor,
}
