//! A network between psql and the server that fails on cue.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// When and how the network fails, once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// The client's message that holds this text is the last,
    pub(crate) at: &'static str,
    /// once another one held one of these, if there are any.
    pub(crate) after: &'static [&'static str],
    /// Does the server still get it?
    pub(crate) passes: bool,
    /// Does the server hear that the client is gone? Else its connection stays half-open.
    pub(crate) reaches_server: bool,
    /// Is nobody let in afterwards?
    pub(crate) closes_door: bool,
}

/// Takes connections on a port of its own and passes them on.
pub(crate) struct Proxy {
    pub(crate) port: u16,
}

impl Proxy {
    pub(crate) fn start(server: u16, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let half_open = Arc::new(Mutex::new(Vec::new()));
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if cut.closes_door && is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                // As long as a copy is held, the server sees no end.
                half_open.lock().unwrap().push(server.try_clone().unwrap());
                pass_back(server.try_clone().unwrap(), client.try_clone().unwrap());
                let is_cut = Arc::clone(&is_cut);
                thread::spawn(move || pass_on(client, server, cut, &is_cut));
            }
        });
        Self { port }
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, cut: Cut, is_cut: &AtomicBool) {
    let mut buffer = [0; 65_536];
    let mut is_ready = cut.after.is_empty();
    loop {
        let read = client.read(&mut buffer).unwrap_or(0);
        let message = &buffer[..read];
        let text = String::from_utf8_lossy(message);
        let is_cue = is_ready && text.contains(cut.at);
        is_ready |= cut.after.iter().any(|sign| text.contains(sign));
        if read == 0 || (is_cue && !is_cut.swap(true, Ordering::SeqCst)) {
            if read > 0 && cut.passes {
                // The client is gone before the answer can reach it.
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.write_all(message);
            }
            let _ = client.shutdown(Shutdown::Both);
            if read == 0 || cut.reaches_server {
                let _ = server.shutdown(Shutdown::Both);
            }
            return;
        }
        if server.write_all(message).is_err() {
            return;
        }
    }
}

fn pass_back(mut server: TcpStream, mut client: TcpStream) {
    thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(read) = server.read(&mut buffer) {
            if read == 0 || client.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    });
}
