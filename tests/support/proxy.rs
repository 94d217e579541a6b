//! A network between psql and the server that fails on cue.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt::Linger};

/// When and how the network fails, once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// The client's message that holds this text is the last,
    pub(crate) at: &'static str,
    /// once another one held one of these, if there are any.
    pub(crate) after: &'static [&'static str],
    /// Does the server still get it? The client gets no answer.
    pub(crate) passes: bool,
    pub(crate) how: How,
    /// Is nobody let in afterwards?
    pub(crate) closes_door: bool,
}

/// What happens to the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Both sides see an orderly end.
    End,
    /// The client sees an end; the server's connection stays half-open.
    HalfOpen,
    /// Both sides see a reset.
    Reset,
    /// Nothing goes through any more, and nobody is told.
    Silence,
    /// Every message takes so many milliseconds, each way, from the beginning.
    Delay(u64),
}

/// Takes connections on a port of its own and passes them on. Its threads end with the test process.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Has the network failed?
    pub(crate) is_cut: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(server: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let links = Links {
            cut,
            is_cut: Arc::clone(&is_cut),
            half_open: Arc::default(),
        };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if cut.closes_door && links.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                links.join(client, server);
            }
        });
        Self { port, is_cut }
    }
}

/// What all connections share.
#[derive(Clone)]
struct Links {
    cut: Cut,
    is_cut: Arc<AtomicBool>,
    /// As long as these are held, their other ends see nothing.
    half_open: Arc<Mutex<Vec<Arc<TcpStream>>>>,
}

/// One connection. Its sockets are never copied: the last one to let go of them closes them.
#[derive(Clone)]
struct Link {
    client: Arc<TcpStream>,
    server: Arc<TcpStream>,
    /// Is it this one that the network fails for?
    is_struck: Arc<AtomicBool>,
    all: Links,
}

impl Links {
    fn join(&self, client: TcpStream, server: TcpStream) {
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let link = Link {
            client: Arc::new(client),
            server: Arc::new(server),
            is_struck: Arc::default(),
            all: self.clone(),
        };
        let back = link.clone();
        thread::spawn(move || link.pass_on());
        thread::spawn(move || back.pass_back());
    }
}

impl Link {
    fn pass_on(self) {
        let cut = self.all.cut;
        let mut buffer = [0; 65_536];
        let mut is_ready = cut.after.is_empty();
        while let Ok(read @ 1..) = (&*self.client).read(&mut buffer) {
            let message = &buffer[..read];
            let text = String::from_utf8_lossy(message);
            let is_cue = is_ready && text.contains(cut.at);
            is_ready |= cut.after.iter().any(|sign| text.contains(sign));
            if let How::Delay(milliseconds) = cut.how {
                thread::sleep(Duration::from_millis(milliseconds));
            } else if is_cue && !self.all.is_cut.swap(true, Ordering::SeqCst) {
                return self.strike(message);
            }
            if (&*self.server).write_all(message).is_err() {
                return;
            }
        }
        if !self.is_struck.load(Ordering::SeqCst) {
            let _ = self.client.shutdown(Shutdown::Both);
            let _ = self.server.shutdown(Shutdown::Both);
        }
    }

    fn pass_back(self) {
        let mut buffer = [0; 65_536];
        while let Ok(read @ 1..) = (&*self.server).read(&mut buffer) {
            if let How::Delay(milliseconds) = self.all.cut.how {
                thread::sleep(Duration::from_millis(milliseconds));
            }
            if self.is_struck.load(Ordering::SeqCst) {
                continue;
            }
            if (&*self.client).write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        if !self.is_struck.load(Ordering::SeqCst) {
            let _ = self.client.shutdown(Shutdown::Both);
        }
    }

    /// No answer reaches the client any more.
    fn strike(self, message: &[u8]) {
        let Cut { how, passes, .. } = self.all.cut;
        self.is_struck.store(true, Ordering::SeqCst);
        // Before the client can look back over another connection.
        if passes {
            let _ = (&*self.server).write_all(message);
        }
        if matches!(how, How::End | How::HalfOpen) {
            let _ = self.client.shutdown(Shutdown::Both);
        }
        match how {
            How::End => drop(self.server.shutdown(Shutdown::Both)),
            How::HalfOpen => self.hold(&self.server),
            How::Reset => {
                // A reset takes with it what the server has not read yet.
                thread::sleep(Duration::from_millis(100));
                reset(&self.client);
                reset(&self.server);
            }
            How::Silence => {
                self.hold(&self.server);
                self.hold(&self.client);
                let mut buffer = [0; 4096];
                while let Ok(1..) = (&*self.client).read(&mut buffer) {}
            }
            How::Delay(_) => {}
        }
    }

    fn hold(&self, socket: &Arc<TcpStream>) {
        self.all.half_open.lock().unwrap().push(Arc::clone(socket));
    }
}

/// The system sends a reset when the last one lets go of the socket; whoever still reads is woken.
fn reset(socket: &TcpStream) {
    let at_once = linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(socket, Linger, &at_once).unwrap();
    let _ = socket.shutdown(Shutdown::Read);
}
