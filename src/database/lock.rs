//! The lock that admits one run at a time to a set of ledgers.
//! Polls for it and names its holder; what a run does under it is not known here.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::identity::{Identity, Known, identify};
use super::ledger::memory;
use super::ledger::table::Place;
use super::questions::CHECKS_CONNECTION;
use super::{Database, Error, parse, parse_json, questions, unexpected};
use crate::error::Interrupted;
use crate::process::watch::{LONG, Watch};
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

/// How long a run that is done may keep the lock: nobody waits for its psql to end.
const PARTING: Duration = Duration::from_millis(200);

/// From when on a wait is told of: most runs are shorter.
const TELLING: Duration = Duration::from_millis(300);

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

impl Holder {
    fn in_one_line(&self) -> String {
        self.to_string().replacen('\n', ": ", 1)
    }
}

fn first_line(query: &str) -> String {
    let line = query.lines().next().unwrap_or_default();
    line.chars().take(70).collect()
}

/// What a try to take the lock has brought.
#[derive(Deserialize)]
struct Tried {
    got: bool,
    /// The server process that tried.
    backend: i64,
    /// Does the server look whether psql is still there?
    checks_connection: bool,
}

impl Database {
    /// Refuses what cannot be written to, or is not the place for a history.
    pub fn require_writable(&mut self) -> Result<(), Error> {
        self.server.require_writable()?;
        if self.server.is_citus && self.ask(questions::is_citus_worker())? == "t" {
            let psql::connection::Reached { host, port, .. } = self.server.reached();
            return Err(Error::CitusWorker { host, port });
        }
        Ok(())
    }

    /// Takes the lock that admits one run at a time, waiting as long as `patience`, and for a moment at least.
    /// It is freed when psql ends.
    ///
    /// # Errors
    /// Another run kept it all the time, or the user pressed Ctrl-C.
    pub fn lock(&mut self, patience: Duration, watch: &Watch) -> Result<(), Error> {
        let key = key(&self.place);
        // A socket of this computer knows no silence.
        let is_local = self.server.host.starts_with('/');
        let keepalives = self.keepalives.take().filter(|_| !is_local);
        let attempt = try_lock(key, &self.server.session_timeouts());
        // The ledgers count as they are under the lock, and are asked for together with it.
        let first = format!(
            "{}{attempt}{}",
            questions::watch_connection(self.server.version),
            self.place.tables_query()
        );
        let answer = self.ask(&first)?;
        let (tried, ledgers) = answer.split_once('\n').unwrap_or((&answer, "[]"));
        let mut tried = self.tried(tried)?;
        if tried.got {
            self.found = Some(parse_json(ledgers)?);
        } else {
            self.found = None;
            let later = self.lock_later(key, &attempt, patience.max(PARTING), watch);
            watch.end_waiting(later.is_ok());
            tried = later?;
        }
        self.checks_connection = tried.checks_connection;
        self.keepalives = match (keepalives, self.server.is_kept_alive) {
            (Some(keepalives), None) => {
                let answer = self.ask(&questions::keep_alive_unless_set(keepalives))?;
                Some(keepalives).filter(|_| answer == "t")
            }
            (keepalives, is_kept) => keepalives.filter(|_| is_kept == Some(true)),
        };
        Ok(())
    }

    /// Tries until another run has freed it.
    fn lock_later(
        &mut self,
        key: i64,
        attempt: &str,
        patience: Duration,
        watch: &Watch,
    ) -> Result<Tried, Error> {
        let started = Instant::now();
        let mut next_look = TELLING;
        for number in 0.. {
            let waited = started.elapsed();
            if waited >= patience {
                let holders: Vec<Holder> = self.ask_json(&lock_holder(key))?;
                return Err(Error::Locked {
                    holder: holders.into_iter().next(),
                    waited,
                });
            }
            if waited >= next_look {
                next_look = waited + LONG;
                let holders: Vec<Holder> = self.ask_json(&lock_holder(key))?;
                let holder = holders.first().map(Holder::in_one_line);
                watch.wait("waits for another run", holder);
            }
            thread::sleep(pause(number).min(patience - waited));
            let answer = self.ask(attempt)?;
            let tried = self.tried(&answer)?;
            if tried.got {
                return Ok(tried);
            }
        }
        Err(Interrupted.into())
    }

    fn tried(&self, answer: &str) -> Result<Tried, Error> {
        let tried: Tried = parse_json(answer)?;
        if tried.backend == self.server.backend {
            Ok(tried)
        } else {
            Err(psql::Error::Pooled.into())
        }
    }

    /// What a session needs before it changes something: psql must not outlive the plugin, and its
    /// process on the server must be found again when the session is lost.
    ///
    /// # Errors
    /// psql fails, or no process can be started.
    pub fn make_ready(&mut self) -> Result<(), psql::Error> {
        memory::forget(&self.server.reached());
        self.session.send(&identify());
        // A process is started while the server answers.
        self.session.watch()?;
        let output = self.session.receive().map_err(unexpected)?;
        self.know(parse(&output)?);
        Ok(())
    }

    /// Which server this is, and which of its processes serves us.
    ///
    /// # Errors
    /// psql fails.
    pub fn identify(&mut self) -> Result<Identity, psql::Error> {
        let known: Known = self.ask_json(&identify())?;
        Ok(self.know(known))
    }

    fn know(&mut self, known: Known) -> Identity {
        self.has_plpgsql = known.has_plpgsql;
        self.identity = Some(known.identity.clone());
        known.identity
    }
}

/// Tries to take the lock that admits one run at a time; never blocks inside the server, where a
/// waiter would deadlock with `CREATE INDEX CONCURRENTLY`. Prepares the session for a long life, too.
fn try_lock(key: i64, timeouts: &[String]) -> String {
    let timeouts: Vec<_> = timeouts
        .iter()
        .map(|name| format!(",\n  '{name}', pg_catalog.set_config('{name}', '0', false)"))
        .collect();
    format!(
        "SELECT json_build_object(\n  \
           'got', pg_catalog.pg_try_advisory_lock({key}),\n  \
           'backend', pg_catalog.pg_backend_pid(),\n  \
           'checks_connection', {CHECKS_CONNECTION}{});\n",
        timeouts.concat()
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
