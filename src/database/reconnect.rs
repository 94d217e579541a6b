//! Back to the server that was changed, after its session broke: only that one can say what became
//! of the work, and only once the session's process is gone.

use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error as ThisError;

use super::identity::{Identity, Kinship};
use super::ledger::table::Place;
use super::{Address, Database, Error};
use crate::error::Report;
use crate::process::interrupt::Interrupt;
use crate::psql;

/// How long the whole look back may take; a crashed server needs a while to recover.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same when the user has pressed Ctrl-C and wants the prompt.
const SHORT_PATIENCE: Duration = Duration::from_millis(600);
/// How long a process that has lost its client may take to notice and to clean up.
const GRACE: Duration = Duration::from_millis(700);
/// The same when there is hardly time.
const SHORT_GRACE: Duration = Duration::from_millis(150);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest time between two.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Why nobody could be asked.
#[derive(Debug, ThisError)]
pub enum Unanswered {
    #[error("the server could not be asked: it does not answer")]
    Silent,
    #[error("the server could not be asked: {0}")]
    Refused(Box<Error>),
    #[error("the server that answers is a standby")]
    Standby,
    #[error(
        "the server process {0} of the lost connection is still running, and could not be ended"
    )]
    AtWork(i64),
}

/// How long to look back.
pub struct Patience {
    interrupt: Interrupt,
    grace: Duration,
}

impl Patience {
    /// As long as it may take; but whoever has pressed Ctrl-C waits for the prompt.
    pub fn new(caller: &Interrupt, is_interrupted: bool) -> Self {
        if is_interrupted || caller.requested() {
            Self {
                interrupt: Interrupt::after(SHORT_PATIENCE),
                grace: SHORT_GRACE,
            }
        } else {
            Self {
                interrupt: caller.within(PATIENCE),
                grace: GRACE,
            }
        }
    }
}

/// A server that answers, with the old session's process gone.
pub struct Reconnected {
    pub database: Database,
    pub kinship: Kinship,
}

/// Connects until the server that `before` was on answers and has done away with `before`'s process,
/// or until patience ends. A server that is starting refuses first, and a standby may be promoted.
/// The ledgers are those of `place`, whatever the search path says by now.
///
/// # Errors
/// Nobody answers who could know.
pub fn reconnect(
    address: &Address,
    place: &Place,
    before: &Identity,
    patience: &Patience,
) -> Result<Reconnected, Unanswered> {
    let interrupt = &patience.interrupt;
    // The ledgers' own schema may be gone, and that is an answer, too.
    let address = Address {
        schema: Some("pg_catalog".to_owned()),
        ..address.clone()
    };
    let mut pause = PAUSE;
    loop {
        let unanswered = match answer(&address, before, interrupt) {
            Ok(Reconnected {
                kinship: Kinship::Standby,
                ..
            }) => Unanswered::Standby,
            Ok(mut reconnected) => {
                reconnected.database.place = place.clone();
                // The processes of another server are none of ours.
                if reconnected.kinship == Kinship::Same {
                    see_off(&mut reconnected.database, before, patience)?;
                }
                return Ok(reconnected);
            }
            Err(error) if error.is_interruption() => return Err(Unanswered::Silent),
            Err(error) if is_final(&error) => return Err(Unanswered::Refused(error.into())),
            Err(error) => Unanswered::Refused(error.into()),
        };
        if interrupt.requested() {
            return Err(unanswered);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn answer(
    address: &Address,
    before: &Identity,
    interrupt: &Interrupt,
) -> Result<Reconnected, Error> {
    let mut database = address.dial(interrupt)?.answer()?;
    let kinship = before.kinship(&database.identify()?);
    Ok(Reconnected { database, kinship })
}

/// Would another try end the same way? The old process may be what takes the last connection.
fn is_final(error: &Error) -> bool {
    !matches!(
        error,
        Error::Psql(
            psql::Error::Unreachable { .. }
                | psql::Error::Full { .. }
                | psql::Error::NotConnected { .. }
                | psql::Error::Ended { .. }
                | psql::Error::Lost { .. }
        )
    )
}

/// Waits until a process is gone, and ends it when it does not go by itself: a half-open connection
/// would keep its transaction and its lock for ever.
fn see_off(
    database: &mut Database,
    before: &Identity,
    patience: &Patience,
) -> Result<(), Unanswered> {
    let refused = |error: psql::Error| {
        if error.is_interruption() {
            Unanswered::AtWork(before.backend)
        } else {
            Unanswered::Refused(Error::from(error).into())
        }
    };
    let began = Instant::now();
    let mut is_ended = false;
    while database.ask(&before.is_still_there()).map_err(refused)? == "t" {
        if patience.interrupt.requested() {
            return Err(Unanswered::AtWork(before.backend));
        }
        if began.elapsed() > patience.grace && !is_ended {
            database.ask(&before.terminate()).map_err(refused)?;
            is_ended = true;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
