//! What comes out of a process, line by line.
//! Keeps the reader from ever blocking the process; must not judge what a line means.

use std::io::{BufRead, BufReader, Read};
use std::thread;

/// One of a process's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Stdout,
    Stderr,
}

#[derive(Debug)]
pub enum Event {
    /// A line, without its end.
    Line(Channel, String),
    Closed(Channel),
}

/// Reads an output to its end on a thread of its own.
pub fn drain(
    channel: Channel,
    output: impl Read + Send + 'static,
    mut emit: impl FnMut(Event) + Send + 'static,
) {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            emit(Event::Line(
                channel,
                String::from_utf8_lossy(text).into_owned(),
            ));
            line.clear();
        }
        emit(Event::Closed(channel));
    });
}
