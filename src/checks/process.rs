//! Runs a script's process to its end: its output, its questions, the time limit, Ctrl-C.
//! Must not know what the process runs.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::questions::{Question, QuestionSocket, Reply};
use super::verdict::End;
use crate::process::interrupt::Interrupt;
use crate::process::listener::{Heard, Listener, Mailbox};
use crate::process::{Child, Watchdog};
use crate::psql::Ending;

/// How many lines of output are kept: the latest, because an error comes last.
const KEPT_LINES: usize = 500;
/// How many lines may wait to be shown, before the script has to.
const WAITING_LINES: usize = 1_000;

/// A session that answers questions.
pub trait Answer {
    /// Lets psql run text; reads only. The folder is for files in between.
    fn answer(&mut self, text: &str, patience: Duration, folder: &Path) -> Result<Reply, Ending>;
}

pub(super) struct ScriptProcess<'a, 's> {
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
pub(super) struct Printed {
    pub lines: VecDeque<String>,
    pub duration: Duration,
}

/// Why a process was ended before its time.
pub(super) enum Aborted {
    NotStarted(io::Error),
    Interrupted,
    /// The session that was to answer has ended.
    Session(Ending),
}

impl From<io::Error> for Aborted {
    fn from(error: io::Error) -> Self {
        Self::NotStarted(error)
    }
}

impl ScriptProcess<'_, '_> {
    /// Runs a command. Its outputs must be pipes.
    ///
    /// # Errors
    /// It was ended before its time; nothing of it runs any more.
    pub(super) fn run(mut self, command: &mut Command) -> Result<(End, Printed), Aborted> {
        let mut listener = Listener::new(self.interrupt, Some(WAITING_LINES));
        let _socket = match self.session {
            Some(_) => Some(self.listen(listener.mailbox())?),
            None => None,
        };
        let started = Instant::now();
        listener.deadline = Some(started + self.limit);
        let mut child = Child::start(command)?;
        self.watchdog.guard(&child)?;
        listener.attend(&mut child);
        let mut printed = Printed::default();
        let end = self.watch(&mut child, &mut listener, &mut printed);
        match &end {
            // What it has started ends with it.
            Ok(End::Exited(_)) => child.end_others(),
            _ => child.stop(),
        }
        self.watchdog.release();
        printed.duration = started.elapsed();
        Ok((end?, printed))
    }

    fn listen(&self, mailbox: Mailbox<Question>) -> io::Result<QuestionSocket> {
        QuestionSocket::open(self.socket.clone(), move |question| mailbox.post(question))
    }

    fn watch(
        &mut self,
        child: &mut Child,
        listener: &mut Listener<Question>,
        printed: &mut Printed,
    ) -> Result<End, Aborted> {
        loop {
            match listener.next(child) {
                Heard::Line(_, line) => {
                    (self.on_line)(&line);
                    printed.keep(line);
                }
                Heard::Closed(_) | Heard::Nothing => {}
                Heard::Message(question) => {
                    let due = listener.deadline.unwrap_or_else(Instant::now);
                    match self.reply(question, due) {
                        Err(Aborted::Session(Ending::Overdue)) => {
                            return Ok(End::TimedOut(self.limit));
                        }
                        other => other?,
                    }
                }
                Heard::Ended => return Ok(End::Exited(child.end()?)),
                Heard::Interrupted => return Err(Aborted::Interrupted),
                Heard::Overdue => return Ok(End::TimedOut(self.limit)),
            }
        }
    }

    fn reply(&mut self, question: Question, deadline: Instant) -> Result<(), Aborted> {
        let patience = deadline.saturating_duration_since(Instant::now());
        if let Some(session) = &mut self.session {
            let reply = session
                .answer(&question.text, patience, self.folder)
                .map_err(Aborted::Session)?;
            question.reply(&reply);
        }
        Ok(())
    }
}

impl Printed {
    fn keep(&mut self, line: String) {
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}
