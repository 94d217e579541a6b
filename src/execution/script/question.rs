//! A question of a late check, wrapped so that it can only read and leaves nothing behind.

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::completion;
use super::state::PSQL_STATE;
use crate::sql::quote::Argument;

/// What a question of a check runs in, so that it can only read and leaves nothing behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bracket {
    /// A part of the run's transaction.
    Savepoint,
    /// A transaction of its own.
    Transaction,
}

/// Runs the text in a file for a check, with what it prints written to another file. An error in it
/// is an answer, too.
pub fn question(bracket: Bracket, file: &Path, answer: &Path, patience: Duration) -> String {
    // Nobody can guess the name, and so nobody else can end what it began.
    let name = format!("migrate_{}", Uuid::new_v4().simple());
    let (open, close) = match bracket {
        Bracket::Savepoint => (
            format!("SAVEPOINT {name};\nSET TRANSACTION READ ONLY;"),
            format!("ROLLBACK TO SAVEPOINT {name};\nRELEASE SAVEPOINT {name};"),
        ),
        Bracket::Transaction => ("BEGIN READ ONLY;".to_owned(), "ROLLBACK;".to_owned()),
    };
    format!(
        "{open}\nSET LOCAL statement_timeout = '{}ms';\n\\o {}\n{}{PSQL_STATE}{close}\n",
        patience.as_millis().max(1),
        Argument(&answer.to_string_lossy()),
        completion::run(&file.to_string_lossy()),
    )
}
