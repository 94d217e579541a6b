//! Sessions that stay open for a while, for the next command of the same shell.
//! A cache: must not be given a session that has run a user's file, nor one that is not clean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::Session;
use super::connection::Connection;
use super::log::Log;
use crate::process::interrupt::Interrupt;

/// How many stay open at most: each is a connection that somebody else may need.
const MOST: usize = 8;

/// What nushell changes with every command line, and no connection depends on.
const VOLATILE: [&str; 2] = ["CMD_DURATION_MS", "LAST_EXIT_CODE"];

/// Everything that a session was started with. Only who would start the same one gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Way {
    psql: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

struct Kept {
    number: u64,
    way: Way,
    session: Session,
}

#[derive(Default)]
struct Pool {
    latest: u64,
    kept: Vec<Kept>,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    latest: 0,
    kept: Vec::new(),
});

impl Way {
    pub fn of(psql: &Path, connection: &Connection, folder: &Path) -> Self {
        let mut environment = connection.environment().clone();
        environment.retain(|name, _| !VOLATILE.contains(&name.as_str()));
        Self {
            psql: psql.to_owned(),
            folder: folder.to_owned(),
            arguments: connection.psql_arguments(),
            environment,
        }
    }

    /// A session that was started so, if one is kept. Its server may be gone meanwhile.
    pub fn take(&self, interrupt: &Interrupt, log: Option<&Log>) -> Option<Session> {
        let mut pool = pool();
        let place = pool.kept.iter().position(|kept| kept.way == *self)?;
        let mut session = pool.kept.swap_remove(place).session;
        session.serve(interrupt, log);
        Some(session)
    }

    /// Keeps a session that is as good as new, and closes it when nobody has taken it after `period`.
    pub fn keep(self, session: Session, period: Duration) {
        let mut pool = pool();
        pool.latest += 1;
        let number = pool.latest;
        let too_many = (pool.kept.len() == MOST).then(|| pool.kept.remove(0));
        pool.kept.push(Kept {
            number,
            way: self,
            session,
        });
        drop(pool);
        if let Some(kept) = too_many {
            kept.session.leave();
        }
        thread::spawn(move || {
            thread::sleep(period);
            let place = |pool: &Pool| pool.kept.iter().position(|kept| kept.number == number);
            let mut pool = self::pool();
            let over = place(&pool).map(|place| pool.kept.swap_remove(place));
            drop(pool);
            drop(over);
        });
    }
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
