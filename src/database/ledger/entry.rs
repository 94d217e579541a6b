//! What a run writes to a ledger of each of its files: that it is applied or undone, has begun or has failed.
//! Text only; the order of it all is known elsewhere.

use std::time::Duration;

use super::RowState;
use super::guard::{fails, must};
use super::table::Place;
use crate::sql::quote::Literal;
use crate::tree::Name;
use crate::tree::checksum::Parts;

/// When a file began.
#[derive(Debug, Clone, Copy)]
pub enum Started<'a> {
    /// At this moment, by the server's clock.
    At(&'a str),
    /// When this migration was done, which the same transaction has recorded.
    Behind(&'a Name),
}

#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub name: &'a Name,
    pub hash: &'a str,
    /// When its SQL began.
    pub started: Started<'a>,
    pub execution_id: &'a str,
    /// How long its checks took, if there were any.
    pub validation: Option<Duration>,
    /// Its single files, where it includes others.
    pub parts: &'a Parts,
    /// For an undo, the name under which the ledger has what it undoes.
    pub undoes: Option<&'a str>,
}

impl Place {
    /// Records a migration as applied, timed by the server's clock since it began. Prints nothing;
    /// [`Self::receipts_query`] asks what the ledger holds then. An undo is recorded by its absence,
    /// and answers with its time.
    ///
    /// `SELECT`, because Citus takes no subquery in `VALUES`. Expressions are what costs here, more
    /// than the row: each function and operator is looked up for every file anew.
    pub fn record(&self, entry: &Entry<'_>) -> String {
        if let Some(recorded) = entry.undoes {
            return self.erase(entry, recorded);
        }
        // A repeatable has one row, that of the last time.
        let replaced = if entry.name.is_repeatable() {
            format!(
                "DELETE FROM {} WHERE migration_name = {}\\;\n",
                self.table(&entry.name.track),
                Literal(&entry.name.file_name())
            )
        } else {
            String::new()
        };
        let mut columns = vec![
            (
                "migration_name",
                Literal(&entry.name.file_name()).to_string(),
            ),
            ("migration_hash", Literal(entry.hash).to_string()),
            ("applied_at", CLOCK.to_owned()),
            ("execution_time_ms", self.elapsed(entry, CLOCK)),
            ("state", format!("'{}'", RowState::Applied)),
            ("execution_id", Literal(entry.execution_id).to_string()),
            ("applied_by", "session_user".to_owned()),
        ];
        if entry.validation.is_some() {
            columns.push(("validation_time_ms", milliseconds(entry.validation)));
        }
        if !entry.parts.is_empty() {
            columns.push(("parts", json(entry.parts)));
        }
        let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        format!(
            "{replaced}INSERT INTO {} ({})\nSELECT {};\n",
            self.table(&entry.name.track),
            names.join(", "),
            values.join(", ")
        )
    }

    /// What a finished row answers: an error where a trigger or a rule has made another row
    /// of it, nothing where there is none.
    fn receipt(&self, entry: &Entry<'_>) -> String {
        format!(
            "SELECT CASE WHEN {as_written} THEN json_build_object('applied_at', applied_at,\n  \
               'execution_time_ms', execution_time_ms)::text ELSE {fails}::text END\n\
             FROM {table} WHERE migration_name = {name};\n",
            table = self.table(&entry.name.track),
            name = Literal(&entry.name.file_name()),
            as_written = as_written(entry, RowState::Applied),
            fails = fails(),
        )
    }

    /// Removes the row of what was undone, and answers as [`Self::record`] does; an error where a
    /// trigger or a rule has kept it.
    fn erase(&self, entry: &Entry<'_>, recorded: &str) -> String {
        let table = self.table(&entry.name.track);
        let it = format!(
            "migration_name IN ({}, {})",
            Literal(recorded),
            Literal(&entry.name.file_name())
        );
        format!(
            "DELETE FROM {table} WHERE {it}\\;\n\
             SELECT CASE WHEN EXISTS (SELECT FROM {table} WHERE {it}) THEN {fails}::text\n  \
               ELSE json_build_object('applied_at', now.at, 'execution_time_ms', {elapsed})::text END\n\
             FROM (SELECT pg_catalog.clock_timestamp() AS at) AS now;\n",
            fails = fails(),
            elapsed = self.elapsed(entry, "now.at"),
        )
    }

    /// Records that the undo of a file begins outside of a transaction. The row takes the file's name
    /// of today, under which all that follows looks for it.
    fn unrecord_running(&self, entry: &Entry<'_>, recorded: &str, condition: &str) -> String {
        let table = self.table(&entry.name.track);
        let name = Literal(&entry.name.file_name()).to_string();
        let id = Literal(entry.execution_id).to_string();
        let there = must(&format!(
            "NOT {condition} OR EXISTS (SELECT FROM {table} WHERE migration_name = {name} AND state = 'running'\n    \
             AND execution_id = {id})"
        ));
        format!(
            "BEGIN;\nUPDATE {table} SET migration_name = {name}, state = 'running', execution_id = {id}, \
             error = NULL\nWHERE migration_name = {} AND {condition};\n{there}COMMIT;\n",
            Literal(recorded)
        )
    }

    /// Records that a file outside of a transaction begins, where a condition holds.
    pub fn record_running(&self, entry: &Entry<'_>, condition: &str) -> String {
        if let Some(recorded) = entry.undoes {
            return self.unrecord_running(entry, recorded, condition);
        }
        format!(
            "BEGIN;\nINSERT INTO {table} (migration_name, migration_hash, applied_at, state, execution_id, applied_by,\n  \
             validation_time_ms, parts)\n\
             SELECT {name}, {hash}, pg_catalog.clock_timestamp(), 'running', {execution_id}, session_user, {validation}, {parts}\n\
             WHERE {condition};\n\
             {there}COMMIT;\n",
            table = self.table(&entry.name.track),
            there = must(&format!(
                "NOT {condition} OR EXISTS (SELECT FROM {} WHERE migration_name = {} AND {})",
                self.table(&entry.name.track),
                Literal(&entry.name.file_name()),
                as_written(entry, RowState::Running),
            )),
            name = Literal(&entry.name.file_name()),
            hash = Literal(entry.hash),
            execution_id = Literal(entry.execution_id),
            validation = milliseconds(entry.validation),
            parts = json(entry.parts),
        )
    }

    /// Records that it ended well.
    pub fn record_finished(&self, entry: &Entry<'_>) -> String {
        if let Some(recorded) = entry.undoes {
            return self.erase(entry, recorded);
        }
        format!(
            "UPDATE {table} SET state = 'applied', applied_at = now.at, execution_time_ms = {elapsed}\n\
             FROM (SELECT pg_catalog.clock_timestamp() AS at) AS now\n\
             WHERE migration_name = {name} AND execution_id = {execution_id}\\;\n{receipt}",
            table = self.table(&entry.name.track),
            receipt = self.receipt(entry),
            name = Literal(&entry.name.file_name()),
            elapsed = self.elapsed(entry, "now.at"),
            execution_id = Literal(entry.execution_id),
        )
    }

    /// The milliseconds between the beginning of a file and a moment.
    fn elapsed(&self, entry: &Entry<'_>, until: &str) -> String {
        let started = match entry.started {
            Started::At(moment) => format!("{}::timestamptz", Literal(moment)),
            Started::Behind(name) => format!(
                "(SELECT applied_at FROM {} WHERE migration_name = {})",
                self.table(&name.track),
                Literal(&name.file_name())
            ),
        };
        // A clock may be set back.
        format!(
            "greatest(0, round(pg_catalog.date_part('epoch', {until} - {started}) * 1000))::bigint"
        )
    }

    /// Asks what a run's row says: a JSON string, or null where there is none.
    pub fn state_query(&self, name: &Name, execution_id: &str) -> String {
        format!(
            "SELECT coalesce((SELECT to_json(state) FROM {}\n  \
             WHERE migration_name = {} AND execution_id = {}), 'null');\n",
            self.table(&name.track),
            Literal(&name.file_name()),
            Literal(execution_id),
        )
    }

    /// Removes the row of a file that was not begun after all.
    pub fn withdraw(&self, name: &Name, execution_id: &str) -> String {
        format!(
            "DELETE FROM {} WHERE migration_name = {} AND execution_id = {} AND state = 'running';\n",
            self.table(&name.track),
            Literal(&name.file_name()),
            Literal(execution_id),
        )
    }

    /// Records that it did not, whatever the file itself has written there.
    pub fn record_failed(&self, name: &Name, execution_id: &str, error: &str) -> String {
        let update = |error: &str| {
            format!(
                "UPDATE {table} SET state = 'failed', error = {error}\n\
                 WHERE migration_name = {name} AND execution_id = {execution_id} AND state <> 'failed';\n",
                table = self.table(&name.track),
                error = Literal(error),
                name = Literal(&name.file_name()),
                execution_id = Literal(execution_id),
            )
        };
        if error.is_ascii() {
            return update(error);
        }
        // Not every database can hold every character.
        let plain = error.replace(|character: char| !character.is_ascii(), "?");
        format!(
            "\\set ON_ERROR_STOP 0\n{}\\set ON_ERROR_STOP 1\n\\if :ERROR\n{}\\endif\n",
            update(error),
            update(&plain)
        )
    }
}

const CLOCK: &str = "pg_catalog.clock_timestamp()";

/// What of a row says which migration is where: a condition.
fn as_written(entry: &Entry<'_>, state: RowState) -> String {
    format!(
        "migration_hash = {} AND state = '{state}' AND execution_id = {}",
        Literal(entry.hash),
        Literal(entry.execution_id)
    )
}

pub(super) fn json(parts: &Parts) -> String {
    match (parts.is_empty(), serde_json::to_string(parts)) {
        (false, Ok(text)) => Literal(&text).to_string(),
        _ => "NULL".to_owned(),
    }
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(
        || "NULL".to_owned(),
        |duration| duration.as_millis().to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::migration;

    /// Citus takes no function of a row in `UPDATE ... RETURNING`, so it is read afterwards; and no
    /// subquery in `VALUES`.
    #[test]
    fn what_changes_a_row_returns_nothing() {
        let place = Place {
            schema: "ops".to_owned(),
            prefix: "migrations_".to_owned(),
        };
        let entry = Entry {
            name: &migration("20240101000000_core_a.sql").name,
            hash: "1",
            started: Started::At("2024-01-01T00:00:00Z"),
            execution_id: "2",
            validation: None,
            parts: &Parts::new(),
            undoes: None,
        };
        for statements in [
            place.record(&entry),
            place.record_running(&entry, "true"),
            place.record_finished(&entry),
        ] {
            assert!(!statements.contains("RETURNING"), "{statements}");
            assert!(!statements.contains("VALUES"), "{statements}");
        }
    }
}
