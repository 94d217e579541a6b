//! Questions of a late script to the run's own session: over a socket, one at a time.
//! Carries text both ways; must not know SQL.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The argument that makes the plugin's program ask instead of serving nushell.
pub const ASK: &str = "--ask";

/// How long a question may take to be read, or an answer to be taken: both are ready.
const READING: Duration = Duration::from_secs(5);

/// What psql said to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    pub failed: bool,
}

/// A question, and the way back to who asked.
#[derive(Debug)]
pub struct Question {
    /// Text for psql.
    pub text: String,
    stream: UnixStream,
}

impl Question {
    pub fn reply(mut self, reply: &Reply) {
        // Who asked may be gone, and then nobody misses the answer.
        let _ = serde_json::to_vec(reply)
            .map_err(io::Error::other)
            .and_then(|reply| self.stream.write_all(&reply));
    }
}

/// The socket that questions come in on; removed when dropped.
pub struct QuestionSocket {
    socket: PathBuf,
    is_closing: Arc<AtomicBool>,
}

impl QuestionSocket {
    /// Listens on a thread of its own.
    pub fn open(
        socket: PathBuf,
        mut emit: impl FnMut(Question) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        let is_closing = Arc::new(AtomicBool::new(false));
        let closing = Arc::clone(&is_closing);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if closing.load(Ordering::Relaxed) {
                    break;
                }
                // Who asks nothing that can be read gets no answer.
                let question = stream.and_then(read_question).unwrap_or(None);
                if question.is_some_and(|question| !emit(question)) {
                    break;
                }
            }
        });
        Ok(Self { socket, is_closing })
    }
}

fn read_question(mut stream: UnixStream) -> io::Result<Option<Question>> {
    stream.set_read_timeout(Some(READING))?;
    stream.set_write_timeout(Some(READING))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok((!text.is_empty()).then_some(Question { text, stream }))
}

impl Drop for QuestionSocket {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        // A knock, so that the thread looks.
        let _ = UnixStream::connect(&self.socket);
    }
}

/// The other side: what the plugin's program does when it was started to ask. Standard input is
/// the question; the answer comes out, and the exit code, as from psql.
pub fn ask(socket: &Path) -> ExitCode {
    match asked(socket) {
        Ok(reply) if reply.failed => ExitCode::from(3),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the run cannot be asked: {error}");
            ExitCode::from(2)
        }
    }
}

fn asked(socket: &Path) -> io::Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    io::copy(&mut io::stdin(), &mut stream)?;
    stream.shutdown(Shutdown::Write)?;
    let reply: Reply = serde_json::from_reader(stream).map_err(io::Error::other)?;
    io::stdout().write_all(reply.stdout.as_bytes())?;
    io::stderr().write_all(reply.stderr.as_bytes())?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_question_gets_its_answer_and_the_socket_closes() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("session");
        let (sender, questions) = mpsc::channel();
        let listening = QuestionSocket::open(socket.clone(), move |question| {
            sender.send(question).is_ok()
        })
        .unwrap();

        let asker = thread::spawn({
            let socket = socket.clone();
            move || {
                let mut stream = UnixStream::connect(socket).unwrap();
                stream.write_all(b"SELECT 1").unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                serde_json::from_reader::<_, Reply>(stream).unwrap()
            }
        });
        let question: Question = questions.recv().unwrap();
        assert_eq!(question.text, "SELECT 1");
        let reply = Reply {
            stdout: "1\n".to_owned(),
            ..Reply::default()
        };
        question.reply(&reply);
        assert_eq!(asker.join().unwrap(), reply);

        drop(listening);
        assert!(questions.recv().is_err(), "the thread has ended");
    }
}
