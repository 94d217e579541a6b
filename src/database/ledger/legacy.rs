//! Makes the predecessor's hashes comparable with ours.
//! Reads the files in question; must not change the ledger.

use std::collections::BTreeMap;

use super::Row;
use crate::error::Unreadable;
use crate::tree::{self, checksum};
use crate::tree::{Migration, Track, Version};

/// Replaces an MD5 hash by our checksum of today's file where the file still has that MD5, so
/// that only a file that really changed differs.
pub fn translate(rows: &mut [Row], migrations: &[Migration]) -> Result<(), Unreadable> {
    if !rows.iter().any(|row| checksum::is_legacy(&row.hash)) {
        return Ok(());
    }
    let files = by_identity(migrations);
    for row in rows.iter_mut().filter(|row| checksum::is_legacy(&row.hash)) {
        let Some(migration) = file_of(row, &files) else {
            continue;
        };
        if checksum::matches_legacy(&row.hash, &tree::content(&migration.path)?) {
            row.hash = migration.checksum.as_str().to_owned();
        }
    }
    Ok(())
}

/// The files that the predecessor recorded with other line endings than they have today. They count
/// as unchanged.
pub fn other_line_endings<'a>(
    rows: &[Row],
    migrations: &'a [Migration],
) -> Result<Vec<&'a Migration>, Unreadable> {
    let files = by_identity(migrations);
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| checksum::is_legacy(&row.hash)) {
        let Some(migration) = file_of(row, &files) else {
            continue;
        };
        let content = tree::content(&migration.path)?;
        if checksum::matches_legacy(&row.hash, &content)
            && !checksum::is_exactly_legacy(&row.hash, &content)
        {
            found.push(migration);
        }
    }
    Ok(found)
}

type Files<'a> = BTreeMap<(&'a Track, &'a Version), &'a Migration>;

fn by_identity(migrations: &[Migration]) -> Files<'_> {
    migrations
        .iter()
        .map(|migration| ((&migration.name.track, &migration.name.version), migration))
        .collect()
}

fn file_of<'a>(row: &Row, files: &Files<'a>) -> Option<&'a Migration> {
    files.get(&(&row.track, &row.version()?)).copied()
}
