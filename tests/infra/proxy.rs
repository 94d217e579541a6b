//! A TCP proxy between psql and the server that fails once, at a chosen word of the conversation.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// When it strikes: the client's message with this word is kept back, or has just been passed on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    Before(&'static str),
    After(&'static str),
}

/// What happens to the connection then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Both sides see an orderly end.
    Cut,
    /// Both sides see a reset.
    Reset,
    /// Nothing goes through any more, and nobody is told.
    Swallow,
    /// Everything takes so long, each way, from the beginning.
    Delay(u64),
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Has it struck?
    pub(crate) struck: Arc<AtomicBool>,
}

impl Proxy {
    /// Connects to the server at this port of localhost. Threads end with the test process.
    pub(crate) fn start(server: u16, when: When, how: How) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let struck = Arc::new(AtomicBool::new(false));
        let has_struck = Arc::clone(&struck);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let pair = [client, server];
                let dead = Arc::new(AtomicBool::new(false));
                for from in [0, 1] {
                    let link = Link {
                        from: pair[from].try_clone().unwrap(),
                        to: pair[1 - from].try_clone().unwrap(),
                        is_client: from == 0,
                        when,
                        how,
                        has_written: false,
                        dead: Arc::clone(&dead),
                        struck: Arc::clone(&has_struck),
                    };
                    thread::spawn(move || link.pass());
                }
            }
        });
        Self { port, struck }
    }
}

/// One direction of one connection.
struct Link {
    from: TcpStream,
    to: TcpStream,
    is_client: bool,
    when: When,
    how: How,
    /// Has a ledger been written to? What was only read ends with COMMIT, too.
    has_written: bool,
    /// Has this connection been swallowed?
    dead: Arc<AtomicBool>,
    struck: Arc<AtomicBool>,
}

impl Link {
    fn pass(mut self) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = self.from.read(&mut buffer) {
            let bytes = &buffer[..read];
            if let How::Delay(milliseconds) = self.how {
                thread::sleep(Duration::from_millis(milliseconds));
            }
            let (word, is_before) = match self.when {
                When::Before(word) => (word, true),
                When::After(word) => (word, false),
            };
            let holds = |word: &str| {
                bytes
                    .windows(word.len())
                    .any(|part| part == word.as_bytes())
            };
            let has_word = holds(word) && (word != "COMMIT" || self.has_written);
            self.has_written |= holds("INSERT INTO");
            let strikes = self.is_client
                && !matches!(self.how, How::Delay(_))
                && has_word
                && !self.struck.swap(true, Ordering::SeqCst);
            if strikes && is_before {
                return self.strike();
            }
            if self.dead.load(Ordering::SeqCst) {
                continue;
            }
            // What the server answers to the last message is to be lost, too.
            if strikes && self.how == How::Swallow {
                self.dead.store(true, Ordering::SeqCst);
            }
            if self.to.write_all(bytes).is_err() {
                break;
            }
            if strikes {
                // The server gets the time to act on it.
                thread::sleep(Duration::from_millis(100));
                return self.strike();
            }
        }
        if !self.dead.load(Ordering::SeqCst) {
            let _ = self.to.shutdown(Shutdown::Write);
        }
    }

    fn strike(mut self) {
        match self.how {
            How::Cut => {
                let _ = (
                    self.from.shutdown(Shutdown::Both),
                    self.to.shutdown(Shutdown::Both),
                );
            }
            How::Reset => {
                // Data that was never read makes the kernel send a reset at the end.
                let _ = nix::sys::socket::setsockopt(
                    &self.from,
                    nix::sys::socket::sockopt::Linger,
                    &nix::libc::linger {
                        l_onoff: 1,
                        l_linger: 0,
                    },
                );
                let _ = nix::sys::socket::setsockopt(
                    &self.to,
                    nix::sys::socket::sockopt::Linger,
                    &nix::libc::linger {
                        l_onoff: 1,
                        l_linger: 0,
                    },
                );
                let _ = (
                    self.from.shutdown(Shutdown::Both),
                    self.to.shutdown(Shutdown::Both),
                );
            }
            How::Swallow => {
                self.dead.store(true, Ordering::SeqCst);
                // Reads on, so that the client can send what it likes.
                let mut buffer = [0; 4096];
                while self.from.read(&mut buffer).is_ok_and(|read| read > 0) {}
            }
            How::Delay(_) => {}
        }
    }
}
