//! The modes of PostgreSQL's table locks: how strong each is, and whom it keeps waiting.
//! Source: PostgreSQL manual, "Explicit Locking".

use serde::Deserialize;
use strum::{Display, EnumProperty};

/// From weak to strong. Read as `pg_locks` writes it, shown as SQL does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Display, EnumProperty,
)]
pub enum LockMode {
    #[serde(rename = "AccessShareLock")]
    #[strum(serialize = "ACCESS SHARE", props(blocks = "DDL"))]
    AccessShare,
    #[serde(rename = "RowShareLock")]
    #[strum(serialize = "ROW SHARE", props(blocks = "DDL"))]
    RowShare,
    #[serde(rename = "RowExclusiveLock")]
    #[strum(serialize = "ROW EXCLUSIVE", props(blocks = "DDL"))]
    RowExclusive,
    #[serde(rename = "ShareUpdateExclusiveLock")]
    #[strum(serialize = "SHARE UPDATE EXCLUSIVE", props(blocks = "VACUUM and DDL"))]
    ShareUpdateExclusive,
    #[serde(rename = "ShareLock")]
    #[strum(serialize = "SHARE", props(blocks = "writers"))]
    Share,
    #[serde(rename = "ShareRowExclusiveLock")]
    #[strum(serialize = "SHARE ROW EXCLUSIVE", props(blocks = "writers"))]
    ShareRowExclusive,
    #[serde(rename = "ExclusiveLock")]
    #[strum(serialize = "EXCLUSIVE", props(blocks = "writers"))]
    Exclusive,
    #[serde(rename = "AccessExclusiveLock")]
    #[strum(serialize = "ACCESS EXCLUSIVE", props(blocks = "everybody"))]
    AccessExclusive,
}

impl LockMode {
    /// Who waits for it.
    pub fn blocks(self) -> &'static str {
        self.get_str("blocks").unwrap_or_default()
    }
}
