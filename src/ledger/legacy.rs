//! Makes the predecessor's hashes comparable with ours.
//! Reads the files in question; must not change the ledger.

use std::collections::BTreeMap;

use super::Row;
use crate::discovery::{self, checksum};
use crate::error::Error;
use crate::migration::Migration;

/// Replaces an MD5 hash by our checksum of today's file where the file still has that MD5, so
/// that only a file that really changed differs.
///
/// # Errors
/// A file cannot be read.
pub fn translate(rows: &mut [Row], migrations: &[Migration]) -> Result<(), Error> {
    if !rows.iter().any(|row| checksum::is_legacy(&row.hash)) {
        return Ok(());
    }
    let files: BTreeMap<_, _> = migrations
        .iter()
        .map(|migration| ((&migration.name.track, &migration.name.version), migration))
        .collect();
    for row in rows.iter_mut().filter(|row| checksum::is_legacy(&row.hash)) {
        let Some(version) = row.version() else {
            continue;
        };
        let Some(migration) = files.get(&(&row.track, &version)) else {
            continue;
        };
        if checksum::matches_legacy(&row.hash, &discovery::content(&migration.path)?) {
            row.hash = migration.checksum.as_str().to_owned();
        }
    }
    Ok(())
}
