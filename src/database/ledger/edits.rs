//! Rows that are changed by hand, or taken over from another tool. Text only; whether a change makes sense
//! is decided elsewhere.

use chrono::{DateTime, FixedOffset};

use super::Row;
use super::entry::json;
use super::guard::must;
use super::table::Place;
use crate::sql::quote::Literal;
use crate::tree::checksum::Checksum;
use crate::tree::{Migration, Track};

impl Place {
    pub fn rehash(&self, row: &Row, checksum: &Checksum) -> String {
        let update = format!(
            "UPDATE {} SET migration_hash = {}, parts = {} WHERE migration_name = {};\n",
            self.table(&row.track),
            Literal(checksum.as_str()),
            json(checksum.parts()),
            Literal(&row.name),
        );
        update + &must(&self.has(&row.track, &row.name, checksum))
    }

    pub fn forget(&self, row: &Row) -> String {
        let table = self.table(&row.track);
        let name = Literal(&row.name);
        let gone = format!("NOT EXISTS (SELECT FROM {table} WHERE migration_name = {name})");
        format!(
            "DELETE FROM {table} WHERE migration_name = {name};\n{}",
            must(&gone)
        )
    }

    /// Adds a row for a migration that is in the database already.
    pub fn mark_applied(&self, migration: &Migration, execution_id: &str) -> String {
        let name = &migration.name;
        let insert = format!(
            "INSERT INTO {} (migration_name, migration_hash, applied_at, execution_id, applied_by, parts)\n\
             VALUES ({}, {}, pg_catalog.clock_timestamp(), {}, session_user, {});\n",
            self.table(&name.track),
            Literal(&name.file_name()),
            Literal(migration.checksum.as_str()),
            Literal(execution_id),
            json(migration.checksum.parts()),
        );
        insert + &must(&self.has(&name.track, &name.file_name(), &migration.checksum))
    }

    /// Adds a row for a migration that another tool has applied, at that time.
    pub fn adopt(
        &self,
        migration: &Migration,
        execution_id: &str,
        applied_at: Option<DateTime<FixedOffset>>,
        execution_time_ms: Option<i64>,
    ) -> String {
        let name = &migration.name;
        let insert = format!(
            "INSERT INTO {} (migration_name, migration_hash, applied_at, execution_time_ms, execution_id,\n  \
             applied_by, parts)\n\
             VALUES ({}, {}, {}, {}, {}, session_user, {});\n",
            self.table(&name.track),
            Literal(&name.file_name()),
            Literal(migration.checksum.as_str()),
            applied_at.map_or_else(
                || "NULL".to_owned(),
                |moment| Literal(&moment.to_rfc3339()).to_string()
            ),
            execution_time_ms.map_or_else(|| "NULL".to_owned(), |time| time.to_string()),
            Literal(execution_id),
            json(migration.checksum.parts()),
        );
        insert + &must(&self.has(&name.track, &name.file_name(), &migration.checksum))
    }

    /// Is a migration recorded with this checksum? A condition.
    fn has(&self, track: &Track, name: &str, checksum: &Checksum) -> String {
        format!(
            "EXISTS (SELECT FROM {} WHERE migration_name = {} AND migration_hash = {})",
            self.table(track),
            Literal(name),
            Literal(checksum.as_str())
        )
    }
}
