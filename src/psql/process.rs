//! How psql is started. Must not know what is said to it.

use std::io::{self, PipeWriter};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::Child;
use crate::process::spawn::{DESCRIPTORS, path_of};
use crate::psql::connection::Connection;

/// Is this what psql calls the script that it reads? That has a descriptor of its own, because a file's
/// `\copy ... from pstdin` would eat a script that comes on standard input.
pub fn is_driver(file: &str) -> bool {
    Path::new(file).parent() == Some(Path::new(DESCRIPTORS))
}

/// psql's exit status for a connection that went bad (psql manual, "Exit Status").
pub const CONNECTION_LOST: i32 = 2;

/// Every argument but the script and those that name the database.
const ARGUMENTS: [&str; 10] = [
    "-X",
    "-q",
    "-A",
    "-t",
    "-w",
    "-v",
    "ON_ERROR_STOP=1",
    "-v",
    "VERBOSITY=verbose",
    "-f",
];

/// Starts psql with exactly the connection's environment; gives also the end of the pipe that it
/// reads its script from.
pub fn start(
    psql: &Path,
    connection: &Connection,
    folder: &Path,
) -> io::Result<(Child, PipeWriter)> {
    let (script, driver) = io::pipe()?;
    let mut command = Command::new(psql);
    command
        .args(ARGUMENTS)
        .arg(path_of(&script))
        .args(connection.psql_arguments())
        .env_clear()
        .envs(connection.environment())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok((Child::start_with(&mut command, script)?, driver))
}
