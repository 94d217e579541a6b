//! Ledger rows for unit tests, of this room and those above.

use super::{Row, RowState};
use crate::tree::examples::migration;

/// The row of an applied migration of that file name.
pub fn row(file: &str) -> Row {
    let migration = migration(file);
    Row {
        track: migration.name.track.clone(),
        name: file.to_owned(),
        hash: migration.checksum.as_str().to_owned(),
        applied_at: None,
        execution_time_ms: Some(5),
        state: RowState::Applied,
        execution_id: None,
        applied_by: None,
        error: None,
        validation_time_ms: Some(3),
        parts: migration.checksum.parts().clone(),
    }
}
