//! Where processes are started: the one place, because a pipe that one of them inherits must not
//! reach another that starts at the same moment. Must not know what they are for.
//!
//! A child that gets its pipe by being forked takes a copy of the plugin's memory with it: over a
//! millisecond for 16 MB, six for 60. Without that, the system starts it in 0.1 ms, whatever the size.

use std::io::{self, PipeReader};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

static STARTING: Mutex<()> = Mutex::new(());

/// Starts a process.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    start(command)
}

/// Starts a process that can read this pipe under [`path_of`] it.
pub fn spawn_with(command: &mut Command, pipe: PipeReader) -> io::Result<Child> {
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    fcntl(&pipe, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let child = start(command);
    // Closed before the next one may start.
    drop(pipe);
    child
}

/// Where the process that inherits a pipe finds it.
pub fn path_of(pipe: &PipeReader) -> PathBuf {
    PathBuf::from(DESCRIPTORS).join(pipe.as_raw_fd().to_string())
}

/// Where a process finds its descriptors.
pub const DESCRIPTORS: &str = "/dev/fd";

/// Runs a process to its end and takes what it prints.
pub fn output(command: &mut Command) -> io::Result<Output> {
    spawn(command)?.wait_with_output()
}

#[allow(clippy::disallowed_methods, reason = "this is the one place")]
fn start(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_pipe_reaches_one_process_and_no_other() {
        let (reader, mut writer) = io::pipe().unwrap();
        let others: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| spawn(Command::new("/bin/sleep").arg("60")).unwrap()))
            .collect();
        let mut command = Command::new("/usr/bin/head");
        command.args(["-c", "7"]).arg(path_of(&reader));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = spawn_with(&mut command, reader).unwrap();
        writer.write_all(b"for one").unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"for one");
        let others: Vec<_> = others.into_iter().map(|one| one.join().unwrap()).collect();
        // Whoever else could read it would keep it open.
        let refused = writer
            .write_all(b"for nobody")
            .map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::BrokenPipe));
        for mut other in others {
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
