//! Looks from outside at what a session is doing: over a connection of its own, which is made only for
//! a step that takes long, and gone again after one question.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Database, questions};
use crate::process::lines::Channel;
use crate::process::watch::Observe;
use crate::psql::log::{Log, Transcript};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

impl Database {
    /// Finds out what this session waits for, or how far it is.
    pub fn observer(&self) -> Observe {
        Arc::clone(self.observe.get_or_init(|| self.new_observer()))
    }

    fn new_observer(&self) -> Observe {
        let psql = self.psql.clone();
        let connection = self.connection.clone();
        let question = questions::activity(self.server.backend, self.server.major());
        Arc::new(move || {
            let mut command = Command::new(&psql);
            command
                .args(["-X", "-q", "-A", "-t", "-w", "-c", &question])
                .args(connection.arguments())
                .env_clear()
                .envs(connection.environment());
            answer(command, connection.log.as_ref(), &question).filter(|answer| !answer.is_empty())
        })
    }
}

fn answer(mut command: Command, log: Option<&Log>, question: &str) -> Option<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let transcript = Transcript::of(log, child.id());
    transcript.sent(question);
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    for line in text.lines() {
        transcript.received(Channel::Stdout, line);
    }
    output.status.success().then_some(text)
}
