//! A database as SQL text, by pg_dump: what it has, and which entries a dump consists of.
//! Must not know what the text is for.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::ledger::search::relations;
use super::throwaway::programs;
use super::{Address, Database, Error};
use crate::error::{Interrupted, Unreadable};
use crate::process::interrupt::Interrupt;
use crate::process::lines::Channel;
use crate::process::listener::{Heard, Listener};
use crate::process::{Child, Watchdog, spawn};
use crate::psql;

/// What no dump takes along: the extension's own words, which only its owner may repeat.
const LEFT_OUT: &str = " COMMENT - EXTENSION ";

/// pg_dump and pg_restore of one version, with the folder for their files.
pub struct Dumper {
    pg_dump: PathBuf,
    folder: TempDir,
    watchdog: Watchdog,
    interrupt: Interrupt,
}

/// A dump in pg_dump's own format, and its entries.
pub struct Dump {
    file: PathBuf,
    entries: Vec<Entry>,
}

struct Entry {
    line: String,
    /// The line without the number in this dump: what the same object has in every dump of the
    /// same database.
    object: String,
}

impl Dump {
    /// What it has, to be told from what comes later.
    pub fn objects(&self) -> BTreeSet<String> {
        let objects = self.entries.iter().map(|entry| entry.object.clone());
        objects.collect()
    }
}

impl Dumper {
    /// Those that can read the server: of its version, else the next newer one.
    pub fn find(address: &Address, major: u32, interrupt: &Interrupt) -> Result<Self, Error> {
        let search = address.connection.environment().get("PATH");
        let found = programs("pg_dump", &address.psql, search.map(String::as_str), major);
        let versions: Vec<_> = found
            .filter(|program| program.with_file_name("pg_restore").is_file())
            .filter_map(|program| Some((version(&program)?, program)))
            .collect();
        let fitting = versions.iter().filter(|(version, _)| *version >= major);
        let (_, pg_dump) =
            fitting
                .min_by_key(|(version, _)| *version)
                .ok_or_else(|| Error::NoDump {
                    wanted: major,
                    found: versions.iter().map(|(version, _)| *version).collect(),
                })?;
        let folder = tempfile::Builder::new().prefix("migrate-").tempdir();
        let folder = folder.map_err(not_started)?;
        Ok(Self {
            pg_dump: pg_dump.clone(),
            watchdog: Watchdog::start(Some(folder.path())).map_err(not_started)?,
            folder,
            interrupt: interrupt.clone(),
        })
    }

    /// Dumps a database without its ledgers.
    pub fn dump(&self, address: &Address, database: &mut Database) -> Result<Dump, Error> {
        let ledgers: Vec<String> = database.ask_json(&format!(
            "SELECT coalesce(json_agg(format('\"%s\".\"%s\"', replace(n.nspname, '\"', '\"\"'),\n  \
               replace(c.relname, '\"', '\"\"'))), '[]')\n\
             FROM ({}) AS ledger JOIN pg_catalog.pg_class c ON c.oid = ledger.oid\n  \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'S');\n",
            relations(&database.place.prefix)
        ))?;
        let file = self.folder.path().join("dump");
        let mut command = self.command("pg_dump");
        command
            .args(["-w", "-Fc", "-E", "UTF8"])
            .args(address.connection.psql_arguments())
            .env_clear()
            .envs(address.connection.environment())
            .arg("-f")
            .arg(&file);
        for ledger in ledgers {
            command.args(["-T", &ledger]);
        }
        self.run(command)?;
        let mut command = self.command("pg_restore");
        command.arg("-l").arg(&file);
        let entries = self.run(command)?.into_iter().filter_map(entry).collect();
        Ok(Dump { file, entries })
    }

    /// The text of what a dump has beyond these objects.
    pub fn text(&self, dump: &Dump, without: &BTreeSet<String>) -> Result<Vec<u8>, Error> {
        let wanted: String = dump
            .entries
            .iter()
            .filter(|entry| !without.contains(&entry.object) && !entry.object.contains(LEFT_OUT))
            .map(|entry| format!("{}\n", entry.line))
            .collect();
        let list = self.folder.path().join("list");
        fs::write(&list, wanted).map_err(not_started)?;
        let text = self.folder.path().join("text");
        let mut command = self.command("pg_restore");
        command
            .arg("-L")
            .arg(&list)
            .arg("-f")
            .arg(&text)
            .arg(&dump.file);
        self.run(command)?;
        fs::read(&text).map_err(|error| {
            Unreadable {
                path: text,
                reason: error.to_string(),
            }
            .into()
        })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.pg_dump.with_file_name(name));
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The lines that it writes, when it has ended well.
    fn run(&self, mut command: Command) -> Result<Vec<String>, Error> {
        let mut child = Child::start(&mut command).map_err(not_started)?;
        self.watchdog.guard(&child).map_err(not_started)?;
        let mut listener: Listener = Listener::new(&self.interrupt, None);
        listener.attend(&mut child);
        let (mut output, mut said) = (Vec::new(), Vec::new());
        loop {
            match listener.next(&mut child) {
                Heard::Line(Channel::Stdout, line) => output.push(line),
                Heard::Line(Channel::Stderr, line) => said.push(line),
                Heard::Interrupted => {
                    child.stop();
                    return Err(psql::Error::from(Interrupted).into());
                }
                Heard::Ended => break,
                Heard::Message(never) => match never {},
                Heard::Closed(_) | Heard::Nothing | Heard::Overdue => {}
            }
        }
        self.watchdog.release();
        match child.end() {
            Ok(status) if status.success() => Ok(output),
            _ => Err(Error::NotDumped {
                detail: said.join("\n"),
            }),
        }
    }
}

fn not_started(error: io::Error) -> Error {
    Error::NotDumped {
        detail: error.to_string(),
    }
}

/// The major version of a program of PostgreSQL: `pg_dump (PostgreSQL) 15.18 (Debian ...)`.
fn version(program: &Path) -> Option<u32> {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let output = spawn::output(&mut command).ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

fn major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("(PostgreSQL) ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// A line of `pg_restore -l`: `3346; 0 16386 TABLE DATA public customer postgres`.
fn entry(line: String) -> Option<Entry> {
    let (_, object) = line.split_once("; ").filter(|_| !line.starts_with(';'))?;
    let object = object.to_owned();
    Some(Entry { line, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_and_an_entry() {
        let said = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(major(said), Some(15));
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("pg_dump"), None);
        let found = entry("3346; 0 16386 TABLE DATA public customer postgres".to_owned());
        assert_eq!(
            found.unwrap().object,
            "0 16386 TABLE DATA public customer postgres"
        );
        assert!(entry("; Selected TOC Entries:".to_owned()).is_none());
        assert!(entry(";     TOC Entries: 9; x".to_owned()).is_none());
    }
}
