//! Hears a script's process to its end: its output, its questions, the clock, Ctrl-C.
//! Must not know what the process runs.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::questions::{Ear, Question, Reply};
use super::verdict::End;
use crate::process::interrupt::Interrupt;
use crate::process::lines::{Channel, Event, drain};
use crate::process::{Child, Watchdog};
use crate::psql::Ending;

/// How often a waiting run looks for Ctrl-C and at the clock.
const HEARTBEAT: Duration = Duration::from_millis(20);
/// The same where a process has closed its outputs and is about to end.
const NEARLY: Duration = Duration::from_micros(200);
/// How long what a script has started may go on speaking after the script's own end.
const AFTERWARDS: Duration = Duration::from_millis(200);
/// How many lines of output are kept: the latest, because an error comes last.
const KEPT_LINES: usize = 500;
/// How many lines may wait to be shown, before the script has to.
const WAITING_LINES: usize = 1_000;

/// A session that answers questions.
pub trait Answer {
    /// Lets psql run text; reads only. The folder is for files in between.
    ///
    /// # Errors
    /// psql has ended.
    fn answer(&mut self, text: &str, patience: Duration, folder: &Path) -> Result<Reply, Ending>;
}

/// How a process is heard.
pub(super) struct Hearing<'a, 's> {
    pub interrupt: &'a Interrupt,
    /// Ends the process should the plugin die.
    pub watchdog: &'a Watchdog,
    /// How long it may take.
    pub limit: Duration,
    /// For files between a question and its answer.
    pub folder: &'a Path,
    /// Where questions come in.
    pub socket: PathBuf,
    /// Told about every line while the process runs.
    pub on_line: &'a dyn Fn(&str),
    /// Answers questions; without it there are none.
    pub session: Option<&'s mut (dyn Answer + 's)>,
}

/// What a process said, and how long it took.
#[derive(Default)]
pub(super) struct Spoken {
    pub lines: VecDeque<String>,
    pub duration: Duration,
}

/// Why a process was not heard to its end.
pub(super) enum Unheard {
    NotStarted(io::Error),
    Interrupted,
    /// The session that was to answer has ended.
    Session(Ending),
}

impl From<io::Error> for Unheard {
    fn from(error: io::Error) -> Self {
        Self::NotStarted(error)
    }
}

enum Heard {
    Output(Event),
    Asked(Question),
}

impl Hearing<'_, '_> {
    /// Runs a command. Its outputs must be pipes.
    ///
    /// # Errors
    /// It was not heard to its end; it does not run any more.
    pub(super) fn run(mut self, command: &mut Command) -> Result<(End, Spoken), Unheard> {
        let (sender, heard) = sync_channel(WAITING_LINES);
        let _ear = match self.session {
            Some(_) => Some(self.listen(sender.clone())?),
            None => None,
        };
        let started = Instant::now();
        let mut child = Child::start(command)?;
        self.watchdog.guard(&child)?;
        if let (Some(stdout), Some(stderr)) = child.outputs() {
            drain(Channel::Stdout, stdout, emit(sender.clone()));
            drain(Channel::Stderr, stderr, emit(sender));
        }
        let mut spoken = Spoken::default();
        let end = self.hear(&mut child, &heard, started + self.limit, &mut spoken);
        match &end {
            // What it has started ends with it.
            Ok(End::Exited(_)) => child.end_others(),
            _ => child.stop(),
        }
        self.watchdog.release();
        spoken.duration = started.elapsed();
        Ok((end?, spoken))
    }

    fn listen(&self, sender: SyncSender<Heard>) -> io::Result<Ear> {
        Ear::open(self.socket.clone(), move |question| {
            sender.send(Heard::Asked(question)).is_ok()
        })
    }

    fn hear(
        &mut self,
        child: &mut Child,
        heard: &Receiver<Heard>,
        deadline: Instant,
        spoken: &mut Spoken,
    ) -> Result<End, Unheard> {
        let mut open = 2;
        let mut ended = None;
        loop {
            match heard.recv_timeout(if open > 0 { HEARTBEAT } else { NEARLY }) {
                Ok(Heard::Output(Event::Line(_, line))) => {
                    (self.on_line)(&line);
                    spoken.keep(line);
                }
                Ok(Heard::Output(Event::Closed(_))) => open -= 1,
                Ok(Heard::Asked(question)) => match self.reply(question, deadline) {
                    Err(Unheard::Session(Ending::Overdue)) => return Ok(End::TimedOut(self.limit)),
                    other => other?,
                },
                Err(RecvTimeoutError::Disconnected) => thread::sleep(NEARLY),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.interrupt.requested() {
                return Err(Unheard::Interrupted);
            }
            if ended.is_none() && child.has_ended() {
                ended = Some(Instant::now());
            }
            // What the script has started may hold its outputs open long after its end.
            if ended.is_some_and(|ended: Instant| open == 0 || ended.elapsed() > AFTERWARDS) {
                return Ok(End::Exited(child.end()?));
            }
            if ended.is_none() && Instant::now() >= deadline {
                return Ok(End::TimedOut(self.limit));
            }
        }
    }

    fn reply(&mut self, question: Question, deadline: Instant) -> Result<(), Unheard> {
        let patience = deadline.saturating_duration_since(Instant::now());
        if let Some(session) = &mut self.session {
            let reply = session
                .answer(&question.text, patience, self.folder)
                .map_err(Unheard::Session)?;
            question.reply(&reply);
        }
        Ok(())
    }
}

/// Nobody listens once the process was given up; its output is read all the same.
fn emit(sender: SyncSender<Heard>) -> impl FnMut(Event) + Send + 'static {
    move |event| {
        let _ = sender.send(Heard::Output(event));
    }
}

impl Spoken {
    fn keep(&mut self, line: String) {
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}
