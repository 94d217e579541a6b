//! The pipe that psql reads its script from. Writing never blocks: what psql has no room for yet
//! waits here, so that Ctrl-C is heard meanwhile. Must not know what the script says.

use std::io::{self, ErrorKind, PipeWriter, Write};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

pub struct Driver {
    /// `None` once it is closed, which ends psql.
    pipe: Option<PipeWriter>,
    waiting: Vec<u8>,
}

impl Driver {
    /// # Errors
    /// The system does not let a pipe be written to without blocking.
    pub fn new(pipe: PipeWriter) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            pipe: Some(pipe),
            waiting: Vec::new(),
        })
    }

    /// Writes as much as there is room for, the rest with the next [`Driver::flush`].
    pub fn write(&mut self, text: &str) {
        self.waiting.extend_from_slice(text.as_bytes());
        self.flush();
    }

    /// Writes on; false while something is waiting for psql to read.
    pub fn flush(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return true;
        };
        while !self.waiting.is_empty() {
            match pipe.write(&self.waiting) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // A psql that is gone shows in what it has said last.
                Err(_) => self.waiting.clear(),
            }
        }
        true
    }

    pub fn close(&mut self) {
        self.pipe = None;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_reader_that_is_slow_gets_everything_in_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut driver = Driver::new(writer).unwrap();
        let text = "x".repeat(1_000_000);
        driver.write(&text);
        assert!(!driver.flush(), "no pipe holds a megabyte");
        let read = std::thread::spawn(move || {
            let mut found = String::new();
            reader.read_to_string(&mut found).unwrap();
            found
        });
        while !driver.flush() {
            std::thread::yield_now();
        }
        driver.close();
        assert_eq!(read.join().unwrap().len(), text.len());
    }
}
