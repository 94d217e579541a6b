//! What a running plugin remembers of the ledgers that it has read, so that rows which nobody has written
//! since are neither sent nor parsed again. A cache: must give rows only for the mark that they had.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Row;
use crate::psql::connection::Reached;

/// How many rows are remembered at most; what was read longest ago goes first.
const MOST: usize = 50_000;

/// The question, and the server and database that were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub database: Reached,
    pub query: String,
}

struct Known {
    asked: Asked,
    /// What tells these versions of rows from all others, as [`super::rows`] asks for it.
    mark: String,
    rows: Vec<Row>,
}

static MEMORY: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// Was an answer to this remembered?
pub fn knows(asked: &Asked) -> bool {
    memory().iter().any(|known| known.asked == *asked)
}

/// The rows, if they have this mark.
pub fn recall(asked: &Asked, mark: &str) -> Option<Vec<Row>> {
    let memory = memory();
    let known = memory.iter().find(|known| known.asked == *asked)?;
    (known.mark == mark).then(|| known.rows.clone())
}

pub fn remember(asked: Asked, mark: String, rows: Vec<Row>) {
    let mut memory = memory();
    memory.retain(|known| known.asked != asked);
    memory.push(Known { asked, mark, rows });
    let mut count = 0;
    let newest = memory.iter().rev().take_while(|known| {
        count += known.rows.len() + 1;
        count <= MOST
    });
    let too_many = memory.len() - newest.count();
    memory.drain(..too_many);
}

/// Forgets a database that is about to be changed: to find that out would take a message to the server.
pub fn forget(database: &Reached) {
    memory().retain(|known| known.asked.database != *database);
}

fn memory() -> MutexGuard<'static, Vec<Known>> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::examples::row;

    #[test]
    fn rows_are_remembered_with_their_mark_until_others_need_the_room() {
        let asked = |number: usize| Asked {
            database: Reached {
                host: "unit test".to_owned(),
                port: number.to_string(),
                user: "me".to_owned(),
                database: "erp".to_owned(),
            },
            query: "rows".to_owned(),
        };
        let rows = vec![row("20240101000000_core_a.sql")];
        remember(asked(1), "one".to_owned(), rows.clone());
        assert!(knows(&asked(1)) && !knows(&asked(2)));
        assert_eq!(recall(&asked(1), "one"), Some(rows.clone()));
        assert_eq!(recall(&asked(1), "two"), None);

        remember(asked(1), "two".to_owned(), vec![]);
        assert_eq!(recall(&asked(1), "one"), None);
        assert_eq!(recall(&asked(1), "two"), Some(vec![]));

        remember(asked(2), "one".to_owned(), vec![rows[0].clone(); MOST - 1]);
        assert!(!knows(&asked(1)) && knows(&asked(2)));
        forget(&asked(2).database);
        assert!(!knows(&asked(2)));
        remember(asked(3), "one".to_owned(), vec![rows[0].clone(); MOST]);
        assert!(!knows(&asked(3)), "more than there is room for");
    }
}
