//! The lock that admits one run at a time to a set of ledgers.
//! Computes its key and reads its holder; must not speak to psql itself.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::ledger::table::Place;

/// The key of the advisory lock for these ledgers. PostgreSQL keeps advisory locks apart by
/// database, so the database is no part of it.
pub fn key(place: &Place) -> i64 {
    let identity = format!("nu_plugin_migrate\0{}\0{}", place.schema, place.prefix);
    let digest = Sha256::digest(identity);
    let mut first = [0; 8];
    first
        .iter_mut()
        .zip(digest)
        .for_each(|(byte, digest)| *byte = digest);
    i64::from_be_bytes(first)
}

/// How long to pause before another try: short at first, because most runs are.
pub fn pause(attempt: u32) -> Duration {
    Duration::from_millis(25 * 2_u64.pow(attempt.min(4)))
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holder {
    /// The server process.
    pub pid: i64,
    /// The database user.
    pub user: Option<String>,
    /// What the program calls itself.
    pub application: Option<String>,
    /// Where it connects from.
    pub address: Option<String>,
    /// When it connected.
    pub since: Option<String>,
    /// Its latest statement, if we may see it.
    pub query: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "server process {}", self.pid)?;
        for (label, value) in [
            ("user", &self.user),
            ("application", &self.application),
            ("from", &self.address),
            ("since", &self.since),
        ] {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                write!(formatter, ", {label} {value}")?;
            }
        }
        match &self.query {
            Some(query) => write!(formatter, "\n{}", first_line(query)),
            None => Ok(()),
        }
    }
}

fn first_line(query: &str) -> String {
    let line = query.lines().next().unwrap_or_default();
    line.chars().take(70).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ledgers_have_another_key() {
        let place = |schema: &str, prefix: &str| Place {
            schema: schema.to_owned(),
            prefix: prefix.to_owned(),
        };
        let usual = key(&place("public", "migrations_"));
        assert_eq!(usual, key(&place("public", "migrations_")));
        assert_ne!(usual, key(&place("ops", "migrations_")));
        assert_ne!(usual, key(&place("public", "m_")));
    }

    #[test]
    fn the_holder_is_named_as_far_as_it_is_known() {
        let holder = Holder {
            pid: 42,
            user: Some("deploy".to_owned()),
            application: Some(String::new()),
            address: None,
            since: Some("2024-01-01T00:00:00+00:00".to_owned()),
            query: Some("CREATE INDEX x\nON y (z)".to_owned()),
        };
        assert_eq!(
            holder.to_string(),
            "server process 42, user deploy, since 2024-01-01T00:00:00+00:00\nCREATE INDEX x"
        );
    }
}
