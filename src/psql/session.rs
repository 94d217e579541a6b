//! One psql process: text goes in, sections of output come back.
//! Must not know what the text means.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use super::driver::Driver;
use super::log::{Log, Transcript};
use super::stream::{Kept, Sections};
use super::vigil::Vigil;
use super::{Error, process};
use crate::process::interrupt::Interrupt;
use crate::process::lines::Channel;
use crate::process::listener::{Heard, Listener};
use crate::process::{Child, Watchdog};
use crate::psql::connection::Connection;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

/// Why a section never came.
#[derive(Debug)]
pub enum Ending {
    /// psql ended; this is what it still said.
    Exited {
        /// How it ended; `None` when the operating system did not tell.
        status: Option<ExitStatus>,
        /// What it printed since the last section.
        output: Output,
    },
    /// The user pressed Ctrl-C; psql was told to cancel and has ended.
    Interrupted,
    /// It took longer than it may; psql was told to cancel and has ended.
    Overdue,
}

const SILENT: &str = "the network is silent: nothing that psql sends arrives any more";

/// Nothing of what psql sends arrives any more.
struct Silence;

/// One psql process and the pipes to it.
pub struct Session {
    // Declared first, so that it is closed before the process is waited for: psql ends at the
    // end of its script.
    driver: Driver,
    watchdog: Option<Watchdog>,
    process: Child,
    listener: Listener<Silence>,
    /// Where the user has not said himself when a silent network is given up.
    _vigil: Option<Vigil>,
    /// For files that only psql is to read. It goes with the session, whatever ends it.
    folder: Option<TempDir>,
    stdout: Sections,
    stderr: Sections,
    mark: String,
    transcript: Transcript,
}

impl Session {
    /// Starts psql. It connects on its own time; the first section shows whether it could.
    pub fn start(
        psql: &Path,
        connection: &Connection,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let (mut process, driver) =
            process::start(psql, connection, folder).map_err(|error| Error::NotStarted {
                psql: psql.to_owned(),
                reason: error.to_string(),
            })?;
        let driver = Driver::new(driver).map_err(|error| Error::NotStarted {
            psql: psql.to_owned(),
            reason: error.to_string(),
        })?;
        let transcript = Transcript::of(connection.log.as_ref(), process.id());
        transcript.happened(&began(psql, connection));
        let mut listener = Listener::new(interrupt, None);
        listener.attend(&mut process);
        let mailbox = listener.mailbox();
        let vigil = connection.keepalives.map(|keepalives| {
            Vigil::start(process.id(), keepalives.silence(), move || {
                mailbox.post(Silence);
            })
        });
        Ok(Self {
            driver,
            process,
            watchdog: None,
            folder: None,
            listener,
            _vigil: vigil,
            stdout: Sections::default(),
            stderr: Sections::default(),
            // Nothing a migration prints can end a section by chance.
            transcript,
            mark: format!("migrate-{}", Uuid::new_v4().simple()),
        })
    }

    /// Makes sure that psql does not outlive the plugin, for a session that takes locks; nor does the
    /// private folder that it gets where one can be made.
    pub fn watch(&mut self) -> Result<(), Error> {
        self.folder = tempfile::Builder::new()
            .prefix("migrate-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .ok();
        let watchdog = Watchdog::start(self.folder()).and_then(|watchdog| {
            watchdog.guard(&self.process)?;
            Ok(watchdog)
        });
        self.watchdog = Some(watchdog.map_err(|error| Error::NotStarted {
            psql: "/bin/sh".into(),
            reason: error.to_string(),
        })?);
        Ok(())
    }

    /// Serves another command from now on: hears its Ctrl-C, and is written down in its log.
    pub fn serve(&mut self, interrupt: &Interrupt, log: Option<&Log>) {
        self.listener.interrupt = interrupt.clone();
        self.transcript = Transcript::of(log, self.process.id());
        self.transcript.happened("psql is an earlier command's");
    }

    /// Was it made ready for files?
    pub fn is_watched(&self) -> bool {
        self.watchdog.is_some()
    }

    /// The private folder of a watched session.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }

    /// Sends text and ends a section after what it prints. The text must end with a line end.
    pub fn send(&mut self, text: &str) {
        self.send_for(text, Kept::All);
    }

    /// The same for a file, of which only the latest lines are kept.
    pub fn send_file(&mut self, text: &str) {
        self.send_for(text, Kept::Latest);
    }

    fn send_for(&mut self, text: &str, kept: Kept) {
        self.stdout.expect(kept);
        self.stderr.expect(kept);
        self.transcript.sent(text);
        let mark = &self.mark;
        let text = format!("{text}\\echo {mark}\n\\warn {mark}\n");
        // A psql that is gone shows in the next section, with the reason.
        self.driver.write(&text);
    }

    /// Sends text that prints nothing.
    pub fn instruct(&mut self, text: &str) {
        self.transcript.sent(text);
        self.driver.write(text);
    }

    /// Waits for the next section, in the order of sending.
    ///
    /// # Errors
    /// psql ended, or the user pressed Ctrl-C.
    pub fn receive(&mut self) -> Result<Output, Ending> {
        self.receive_live(&mut |_, _| {})
    }

    /// The same, and tells of every line of that section the moment it comes.
    pub fn receive_live(
        &mut self,
        on_line: &mut dyn FnMut(Channel, &str),
    ) -> Result<Output, Ending> {
        // Sections were sent ahead, and this one may have begun while the one before was read.
        for line in self.stdout.begun() {
            on_line(Channel::Stdout, line);
        }
        for line in self.stderr.begun() {
            on_line(Channel::Stderr, line);
        }
        loop {
            if self.stdout.has_complete() && (self.stderr.has_complete() || self.stderr.is_closed())
            {
                return Ok(Output {
                    stdout: self.stdout.next_complete(),
                    stderr: self.stderr.next_complete(),
                });
            }
            self.listener.is_hurried = !self.driver.flush();
            match self.listener.next(&mut self.process) {
                Heard::Line(channel, line) => {
                    let sections = match channel {
                        Channel::Stdout => &mut self.stdout,
                        Channel::Stderr => &mut self.stderr,
                    };
                    let text = line.strip_suffix(&self.mark).unwrap_or(&line);
                    if text.len() == line.len() || !text.is_empty() {
                        self.transcript.received(channel, text);
                        if !sections.has_complete() {
                            on_line(channel, text);
                        }
                    }
                    sections.push(line, &self.mark);
                }
                Heard::Closed(Channel::Stdout) | Heard::Nothing => {}
                Heard::Closed(Channel::Stderr) => self.stderr.close(),
                Heard::Ended => return Err(self.exited()),
                Heard::Interrupted => {
                    self.cancel();
                    return Err(Ending::Interrupted);
                }
                Heard::Overdue => {
                    self.cancel();
                    return Err(Ending::Overdue);
                }
                Heard::Message(Silence) => {
                    self.transcript.happened(SILENT);
                    self.process.kill();
                    self.exited();
                    return Err(Ending::Exited {
                        status: None,
                        output: Output {
                            stdout: vec![],
                            stderr: vec![SILENT.to_owned()],
                        },
                    });
                }
            }
        }
    }

    /// Sends text and waits for what it prints.
    pub fn ask(&mut self, text: &str) -> Result<Output, Ending> {
        self.send(text);
        self.receive()
    }

    /// The same, within a time. psql does not live on beyond it.
    pub fn ask_within(&mut self, text: &str, patience: Duration) -> Result<Output, Ending> {
        self.listener.deadline = Instant::now().checked_add(patience);
        let answer = self.ask(text);
        self.listener.deadline = None;
        answer
    }

    /// Closes it without waiting for psql's end, which takes as long as a small query. Nothing is under
    /// way in it. psql ends even if the plugin does first: its script is over.
    pub fn leave(self) {
        thread::spawn(move || drop(self));
    }

    fn cancel(&mut self) {
        self.transcript.happened("psql is told to cancel");
        self.process.cancel();
        self.driver.close();
        let _ = self.process.end();
    }

    fn exited(&mut self) -> Ending {
        self.driver.close();
        let status = self.process.end().ok();
        let how = status.map_or_else(String::new, |status| format!(": {status}"));
        self.transcript.happened(&format!("psql has ended{how}"));
        Ending::Exited {
            status,
            output: Output {
                stdout: self.stdout.rest(),
                stderr: self.stderr.rest(),
            },
        }
    }
}

/// The line of the log that a psql begins with; the environment holds secrets and is left out.
fn began(psql: &Path, connection: &Connection) -> String {
    let arguments = connection.psql_arguments().join(" ");
    let version = env!("CARGO_PKG_VERSION");
    format!("migrate {version} starts {} {arguments}", psql.display())
}
