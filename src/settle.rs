//! After a stop: asks the server what became of the transaction, over a new connection.
//! The old one cannot know; a run must not guess.

use std::thread;
use std::time::Duration;

use crate::database::Address;
use crate::error::{Error, Fate};
use crate::interrupt::Interrupt;
use crate::script::Transaction;

/// How long the server may take to notice that psql is gone.
const PAUSE: Duration = Duration::from_millis(30);

/// The fate of a transaction, found out within `patience`.
pub fn settle(address: &Address, transaction: Option<&Transaction>, patience: Duration) -> Fate {
    let Some(transaction) = transaction else {
        return Fate::RolledBack;
    };
    match ask(address, transaction, patience) {
        Ok(answer) => read(&answer),
        Err(Error::Interrupted) => Fate::Unknown {
            reason: "it does not answer".to_owned(),
        },
        Err(error) => Fate::Unknown {
            reason: error.to_string(),
        },
    }
}

fn ask(address: &Address, transaction: &Transaction, patience: Duration) -> Result<String, Error> {
    let interrupt = Interrupt::after(patience);
    let mut database = address.dial(&interrupt)?.answer()?;
    loop {
        let answer = database.fate(transaction)?;
        if answer != "in progress" || interrupt.requested() {
            return Ok(answer);
        }
        thread::sleep(PAUSE);
    }
}

fn read(answer: &str) -> Fate {
    match answer {
        "committed" => Fate::Committed,
        "aborted" => Fate::RolledBack,
        "in progress" => Fate::Unknown {
            reason: "it is still at work on it".to_owned(),
        },
        _ => Fate::Unknown {
            reason: "it has forgotten the transaction".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_clear_word_counts() {
        assert_eq!(read("committed"), Fate::Committed);
        assert_eq!(read("aborted"), Fate::RolledBack);
        for unclear in ["in progress", ""] {
            assert!(matches!(read(unclear), Fate::Unknown { .. }), "{unclear}");
        }
    }
}
