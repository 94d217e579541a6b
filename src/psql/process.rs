//! How psql is started. Must not know what is said to it.

use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};

use crate::process::Child;
use crate::psql::connection::Connection;

/// The script psql reads: a descriptor of its own, because a file's `\copy ... from pstdin`
/// would eat a script that comes on standard input.
pub const DRIVER: &str = "/dev/fd/3";
const DRIVER_DESCRIPTOR: i32 = 3;

/// psql's exit status for a connection that went bad (psql manual, "Exit Status").
pub const CONNECTION_LOST: i32 = 2;

/// Every argument but those that name the database.
const ARGUMENTS: [&str; 11] = [
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
    DRIVER,
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
        .args(connection.psql_arguments())
        .env_clear()
        .envs(connection.environment())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .fd_mappings(vec![FdMapping {
            parent_fd: OwnedFd::from(script),
            child_fd: DRIVER_DESCRIPTOR,
        }])
        .map_err(io::Error::other)?;
    Ok((Child::start(&mut command)?, driver))
}
