//! Looks from outside at what a session is doing: over a connection of its own, which is made only for
//! a step that takes long, and gone again after one question.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Database, questions};
use crate::process::lines::Channel;
use crate::process::spawn::spawn;
use crate::process::watch::Observe;
use crate::psql::log::{Log, Transcript};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same for a look at the whole catalogue.
const LONG_PATIENCE: Duration = Duration::from_secs(20);

impl Database {
    /// Finds out what this session waits for, or how far it is.
    pub fn observer(&self) -> Observe {
        Arc::clone(self.observe.get_or_init(|| self.new_observer()))
    }

    fn new_observer(&self) -> Observe {
        let question = questions::activity(self.server.backend, self.server.major());
        let ask = self.observation(question, PATIENCE);
        Arc::new(move || ask().filter(|answer| !answer.is_empty()))
    }

    /// Asks over a connection of its own, which sees nothing of what this session has not committed.
    pub fn ask_from_outside(&self, question: String) -> Option<String> {
        self.observation(question, LONG_PATIENCE)()
    }

    fn observation(
        &self,
        question: String,
        patience: Duration,
    ) -> impl Fn() -> Option<String> + use<> {
        let psql = self.psql.clone();
        let connection = self.connection.clone();
        move || {
            let mut command = Command::new(&psql);
            command
                .args(["-X", "-q", "-A", "-t", "-w", "-c", &question])
                .args(connection.arguments())
                .env_clear()
                .envs(connection.environment());
            answer(command, patience, connection.log.as_ref(), &question)
        }
    }
}

fn answer(
    mut command: Command,
    patience: Duration,
    log: Option<&Log>,
    question: &str,
) -> Option<String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = spawn(&mut command).ok()?;
    let transcript = Transcript::of(log, child.id());
    transcript.sent(question);
    let mut stdout = child.stdout.take()?;
    // A long answer does not fit into the pipe.
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).ok().map(|_| text)
    });
    let deadline = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let text = reader.join().ok()??;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    for line in text.lines() {
        transcript.received(Channel::Stdout, line);
    }
    status.success().then_some(text)
}
