//! The text of a script: in memory, or left in its file where it is large.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use memchr::memmem;

use super::cache;
use crate::process::interrupt::Interrupt;
use crate::sql::script::{Script, pieces};

/// From how many bytes on a file is large.
const LARGE: u64 = 4 << 20;

/// How much of a large file is looked at once, unless a line is longer.
const BLOCK: usize = 1 << 18;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Held(Vec<u8>),
    /// Every look at it reads the file again.
    Large,
}

impl Text {
    /// The text of a file of this size.
    pub fn read(mut file: File, size: u64) -> io::Result<Self> {
        if size > LARGE {
            return Ok(Self::Large);
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(Self::Held(content))
    }

    /// Is one of these words in it? None has the end of a line in it.
    pub fn has(&self, path: &Path, interrupt: &Interrupt, words: &[&[u8]]) -> io::Result<bool> {
        let has = |text: &[u8]| words.iter().any(|word| memmem::find(text, word).is_some());
        let mut found = false;
        self.lines(path, interrupt, |_, block| found = found || has(block))?;
        Ok(found)
    }

    /// Hands over whole lines, as many as a block has, each time with the number of the first.
    ///
    /// # Errors
    /// A large file cannot be read to its end, or the user interrupts.
    pub fn lines(
        &self,
        path: &Path,
        interrupt: &Interrupt,
        mut each: impl FnMut(usize, &[u8]),
    ) -> io::Result<()> {
        match self {
            Self::Held(content) => {
                each(1, content);
                Ok(())
            }
            Self::Large => lines(Interruptible::open(path, interrupt)?, BLOCK, each),
        }
    }
}

fn lines(mut file: impl Read, block: usize, mut each: impl FnMut(usize, &[u8])) -> io::Result<()> {
    let mut text = Vec::new();
    let mut line = 1;
    loop {
        let more = text.len().max(block);
        let read = file.by_ref().take(more as u64).read_to_end(&mut text)?;
        if read < more {
            each(line, &text);
            return Ok(());
        }
        if let Some(end) = memchr::memrchr(b'\n', &text) {
            let whole = text.get(..=end).unwrap_or_default();
            each(line, whole);
            line += memchr::memchr_iter(b'\n', whole).count();
            text.drain(..=end);
        }
    }
}

/// Hands over a large script piece by piece.
///
/// # Errors
/// It cannot be read to its end, or the user interrupts.
pub fn each_piece(
    path: &Path,
    interrupt: &Interrupt,
    each: impl FnMut(&Script<'_>),
) -> io::Result<()> {
    pieces(path, Interruptible::open(path, interrupt)?, each)
}

/// A file that is large enough to press Ctrl-C while it is read.
pub struct Interruptible {
    file: File,
    interrupt: Interrupt,
}

impl Interruptible {
    pub fn open(path: &Path, interrupt: &Interrupt) -> io::Result<Self> {
        let (file, _) = cache::open(path)?;
        let interrupt = interrupt.clone();
        Ok(Self { file, interrupt })
    }
}

impl Read for Interruptible {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.requested() {
            return Err(io::Error::other("interrupted"));
        }
        self.file.read(buffer)
    }
}

impl Seek for Interruptible {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_lines_with_their_numbers() {
        let text = b"a\nbb\n\nlonger than a block\nc\nd";
        for block in 1..30 {
            let mut all: Vec<u8> = Vec::new();
            lines(&text[..], block, |line, block| {
                assert_eq!(line, all.split(|byte| *byte == b'\n').count(), "{block:?}");
                all.extend(block);
            })
            .unwrap();
            assert_eq!(all, text);
        }
    }
}
