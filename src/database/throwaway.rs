//! A temporary PostgreSQL server, for users who may not make databases elsewhere.
//! Needs the server's programs on this computer; must not know what the server is for.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::error::Interrupted;
use crate::process::interrupt::Interrupt;
use crate::process::{Child, Watchdog};

/// How long the server may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it has.
const POLL: Duration = Duration::from_millis(20);
/// Where Debian and its relatives keep the programs, out of PATH.
const DEBIAN: &str = "/usr/lib/postgresql";
const USER: &str = "migrate";

/// Why there is no server.
#[derive(Debug)]
pub enum NotStarted {
    Interrupted(Interrupted),
    /// What is missing, or what the programs said.
    Problem(String),
}

impl From<Interrupted> for NotStarted {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl From<String> for NotStarted {
    fn from(problem: String) -> Self {
        Self::Problem(problem)
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Problem(error.to_string())
    }
}

/// A running server; it ends, and its files go, when this is dropped.
pub struct Throwaway {
    // Declared in the order of ending: the server first, its files last.
    server: Child,
    _watchdog: Watchdog,
    folder: TempDir,
}

impl Throwaway {
    /// Makes a cluster in a temporary folder and starts its server. Only this user reaches it, over a
    /// socket in that folder.
    ///
    /// # Errors
    /// What is missing, what the programs said, or Ctrl-C.
    pub fn start(
        psql: &Path,
        search: Option<&str>,
        major: u32,
        interrupt: &Interrupt,
    ) -> Result<Self, NotStarted> {
        let missing = || "there is no `initdb` on this computer".to_owned();
        let initdb = find(psql, search, major).ok_or_else(missing)?;
        let account = account()?;
        let folder = tempfile::Builder::new()
            .prefix("migrate-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        Self::run(&initdb, account.as_ref(), folder, interrupt)
    }

    fn run(
        initdb: &Path,
        account: Option<&User>,
        folder: TempDir,
        interrupt: &Interrupt,
    ) -> Result<Self, NotStarted> {
        let path = folder.path();
        if let Some(account) = account {
            chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw()))?;
        }
        let watchdog = Watchdog::start(Some(path))?;
        let log = path.join("log");
        let mut command = command(initdb, account, path);
        command
            .args(["-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        let mut making = Child::start(&mut command)?;
        watchdog.guard(&making)?;
        while !making.has_ended() {
            if interrupt.requested() {
                making.stop();
                return Err(Interrupted.into());
            }
            thread::sleep(POLL);
        }
        if !making.end()?.success() {
            return Err(said(&log).into());
        }
        let mut command = self::command(&initdb.with_file_name("postgres"), account, path);
        command
            .args(["-D", "data", "-k"])
            .arg(path)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-p", "5432"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        let server = Child::start(&mut command)?;
        watchdog.guard(&server)?;
        let mut throwaway = Self {
            server,
            _watchdog: watchdog,
            folder,
        };
        throwaway.wait(interrupt)?;
        Ok(throwaway)
    }

    /// Waits until the server takes connections: it writes so into its lock file.
    fn wait(&mut self, interrupt: &Interrupt) -> Result<(), NotStarted> {
        let deadline = Instant::now() + PATIENCE;
        let lock = self.folder.path().join("data/postmaster.pid");
        while !fs::read_to_string(&lock).is_ok_and(|text| is_ready(&text)) {
            if interrupt.requested() {
                return Err(Interrupted.into());
            }
            if self.server.has_ended() || Instant::now() > deadline {
                return Err(said(&self.folder.path().join("log")).into());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    pub fn conninfo(&self) -> String {
        let folder = self.folder.path().display();
        format!("host='{folder}' port='5432' user='{USER}' dbname='postgres'")
    }
}

fn said(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// Does a server's lock file say that it takes connections? Its eighth line does (PostgreSQL's
/// `miscadmin.h`); others hold paths, in which any word may stand.
fn is_ready(lock: &str) -> bool {
    lock.lines()
        .nth(7)
        .is_some_and(|status| status.trim() == "ready")
}

fn find(psql: &Path, search: Option<&str>, major: u32) -> Option<PathBuf> {
    programs("initdb", psql, search, major).next()
}

/// One of PostgreSQL's programs, wherever it is installed: of this major version where Debian keeps
/// it; then beside psql, on the caller's PATH, and the newest of Debian's.
pub fn programs(
    name: &str,
    psql: &Path,
    search: Option<&str>,
    major: u32,
) -> impl Iterator<Item = PathBuf> {
    let same = Path::new(DEBIAN).join(format!("{major}/bin")).join(name);
    let debian = debian_folders().into_iter().map(|folder| folder.join(name));
    let on_path = which::which_in_global(name, search).into_iter().flatten();
    let all = [same, psql.with_file_name(name)].into_iter();
    all.chain(on_path.collect::<Vec<_>>())
        .chain(debian.collect::<Vec<_>>())
        .filter(|program| program.is_file())
}

/// The folders of Debian's programs, the newest major first.
pub fn debian_folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut majors: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable();
    majors
        .iter()
        .rev()
        .map(|major| Path::new(DEBIAN).join(format!("{major}/bin")))
        .collect()
}

/// The server refuses to run as root; root has others to run it.
pub fn account() -> Result<Option<User>, String> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .map(Some)
        .ok_or_else(|| "root cannot run a server, and there is no user `postgres`".to_owned())
}

fn command(program: &Path, account: Option<&User>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some(account) = account {
        command.gid(account.gid.as_raw()).uid(account.uid.as_raw());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_ends_a_start_and_leaves_nothing() {
        let pressed = Interrupt::after(Duration::ZERO);
        match Throwaway::start(Path::new("psql"), None, 15, &pressed) {
            Err(NotStarted::Interrupted(Interrupted)) => {}
            // There is no server's program on this computer.
            Err(NotStarted::Problem(problem)) => assert!(problem.contains("initdb"), "{problem}"),
            Ok(_) => panic!("it started"),
        }
    }

    #[test]
    fn a_path_does_not_make_a_server_ready() {
        let lock = |status: &str| {
            format!("123\n/home/ready/data\n1700000000\n5432\n/tmp/ready\n\n  1 2\n{status}\n")
        };
        assert!(is_ready(&lock("ready   ")));
        assert!(!is_ready(&lock("starting")));
        assert!(!is_ready("123\n/home/ready/data\n"));
    }
}
