//! A line to the server on which the messages of a client are counted.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Project;

/// Counts what asks the server to do something: simple queries.
pub(crate) struct Messages {
    queries: Arc<AtomicUsize>,
}

impl Messages {
    /// Puts such a line, without TLS, between the project and its server.
    pub(crate) fn of(project: &mut Project) -> Self {
        let server: u16 = project.environment["PGPORT"].parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let queries = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&queries);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, count) = (client.unwrap(), Arc::clone(&count));
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let mut answers = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut answers.0, &mut answers.1));
                thread::spawn(move || pass_on(client, server, &count));
            }
        });
        project
            .set("PGHOST", "127.0.0.1")
            .set("PGPORT", &port.to_string())
            .set("PGSSLMODE", "disable")
            .set("PGGSSENCMODE", "disable");
        Self { queries }
    }

    pub(crate) fn count(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, count: &AtomicUsize) -> io::Result<()> {
    // The first message has no kind, only its length.
    let mut kind = Vec::new();
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut message = [kind.as_slice(), &length].concat();
        let start = message.len();
        let rest = usize::try_from(u32::from_be_bytes(length)).unwrap() - length.len();
        message.resize(start + rest, 0);
        client.read_exact(&mut message[start..])?;
        if kind == b"Q" {
            count.fetch_add(1, Ordering::SeqCst);
        }
        server.write_all(&message)?;
        kind.resize(1, 0);
        client.read_exact(&mut kind)?;
    }
}
