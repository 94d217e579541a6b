//! The lock that admits one run at a time to a set of ledgers.
//! Polls for it and names its holder; what a run does under it is not known here.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::identity::{Identity, identify};
use super::ledger::table::Place;
use super::{Database, Error, questions};
use crate::psql;

/// The key of the advisory lock for these ledgers. PostgreSQL keeps advisory locks apart by
/// database, so the database is no part of it.
fn key(place: &Place) -> i64 {
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
fn pause(attempt: u32) -> Duration {
    Duration::from_millis(25 * 2_u64.pow(attempt.min(4)))
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holder {
    pub pid: i64,
    pub user: Option<String>,
    /// What the program calls itself.
    pub application: Option<String>,
    pub address: Option<String>,
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

/// What is known of a session once its connection is watched.
#[derive(Deserialize)]
struct Watched {
    checks_connection: bool,
    #[serde(flatten)]
    identity: Identity,
}

impl Database {
    /// Which server this is, and which of its processes serves us.
    ///
    /// # Errors
    /// psql fails.
    pub fn identify(&mut self) -> Result<Identity, psql::Error> {
        self.ask_json(&identify())
    }

    /// Refuses what cannot be written to, or is not the place for a history.
    pub fn require_writable(&mut self) -> Result<(), Error> {
        self.server.require_writable()?;
        if self.server.is_citus && self.ask(questions::is_citus_worker())? == "t" {
            let psql::connection::Reached { host, port, .. } = self.server.reached();
            return Err(Error::CitusWorker { host, port });
        }
        Ok(())
    }

    /// Takes the lock that admits one run at a time, waiting as long as `patience`.
    /// It is freed when psql ends.
    ///
    /// # Errors
    /// Another run kept it all the time, or the user pressed Ctrl-C.
    pub fn lock(&mut self, patience: Duration) -> Result<(), Error> {
        self.session.watch()?;
        let watched: Watched = self.ask_json(&format!(
            "{}{}",
            questions::watch_connection(&self.server.session_timeouts),
            identify()
        ))?;
        self.checks_connection = watched.checks_connection;
        self.identity = Some(watched.identity);
        // A socket of this computer knows no silence.
        self.keepalives = match self.keepalives {
            Some(keepalives) if !self.server.host.starts_with('/') => {
                let answer = self.ask(&questions::keep_alive(keepalives))?;
                Some(keepalives).filter(|_| answer == "t")
            }
            _ => None,
        };
        let key = key(&self.place);
        let started = Instant::now();
        for attempt in 0.. {
            let (got, backend): (bool, i64) = self.ask_json(&try_lock(key))?;
            if backend != self.server.backend {
                return Err(psql::Error::Pooled.into());
            }
            if got {
                return Ok(());
            }
            let waited = started.elapsed();
            if waited >= patience {
                let holders: Vec<Holder> = self.ask_json(&lock_holder(key))?;
                return Err(Error::Locked {
                    holder: holders.into_iter().next(),
                    waited,
                });
            }
            thread::sleep(pause(attempt).min(patience - waited));
        }
        Ok(())
    }
}

/// Tries to take the lock that admits one run at a time; never blocks inside the server, where a
/// waiter would deadlock with `CREATE INDEX CONCURRENTLY`. Answers also with the server process.
fn try_lock(key: i64) -> String {
    format!(
        "SELECT json_build_array(pg_catalog.pg_try_advisory_lock({key}), \
         pg_catalog.pg_backend_pid());\n"
    )
}

/// A condition: does this session hold the lock of these ledgers? `DISCARD ALL` in a file frees it.
pub fn is_held(place: &Place) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND {})",
        is_lock(key(place))
    )
}

/// Is the row `l` of pg_locks this lock, and granted?
fn is_lock(key: i64) -> String {
    format!(
        "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1\n    \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database\n      \
             WHERE datname = pg_catalog.current_database())\n    \
           AND l.classid::bigint = ({key}::bigint >> 32) & 4294967295\n    \
           AND l.objid::bigint = {key}::bigint & 4294967295"
    )
}

/// Asks who holds that lock: an array of one object, or of none.
fn lock_holder(key: i64) -> String {
    questions::holders(&is_lock(key))
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
