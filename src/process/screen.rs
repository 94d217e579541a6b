//! The terminal, written to by a thread of its own: a reader that does not read (Ctrl-S, `| less`)
//! must never hold up a run that keeps locks. Must not know what is shown.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How many lines may wait for a reader; what comes on top is counted and left out.
const WAITING_LINES: usize = 10_000;
/// How long the end of a command waits for what is still to be shown.
const PATIENCE: Duration = Duration::from_millis(300);

/// Opened with the first line: most commands show none.
static SCREEN: OnceLock<Screen> = OnceLock::new();

/// Of a terminal: to the beginning of the line, and erase it; cut what is wider than the terminal, and
/// wrap again (ECMA-48, and DECAWM of the VT100).
const ERASE: &str = "\r\x1b[2K";
const UNWRAPPED: &str = "\x1b[?7l";
const WRAPPED: &str = "\x1b[?7h";

struct Screen {
    queue: SyncSender<Item>,
    left_out: AtomicUsize,
}

enum Item {
    Line(String),
    /// The line at the bottom that is drawn anew; nothing erases it.
    Status(Option<String>),
    /// Tells when everything before it was written.
    Mark(SyncSender<()>),
}

/// Shows a line, now or when the reader reads again.
pub fn show(line: &str) {
    let screen = SCREEN.get_or_init(Screen::open);
    let left_out = screen.left_out.swap(0, Ordering::Relaxed);
    let line = if left_out > 0 {
        format!("({left_out} lines were not shown, because nobody read them)\n{line}")
    } else {
        line.to_owned()
    };
    if screen.queue.try_send(Item::Line(line)).is_err() {
        screen.left_out.fetch_add(left_out + 1, Ordering::Relaxed);
    }
}

/// Draws the line at the bottom of a terminal anew, or erases it.
pub fn status(line: Option<String>) {
    let screen = SCREEN.get_or_init(Screen::open);
    // Where nobody reads, the next one will do.
    let _ = screen.queue.try_send(Item::Status(line));
}

/// Waits a moment until everything was shown, so that it comes before the command's result.
pub fn flush() {
    let Some(screen) = SCREEN.get() else { return };
    let (mark, written) = sync_channel(1);
    if screen.queue.try_send(Item::Mark(mark)).is_ok() {
        let _ = written.recv_timeout(PATIENCE);
    }
}

impl Screen {
    fn open() -> Self {
        let (queue, lines) = sync_channel(WAITING_LINES);
        thread::spawn(move || write(&lines));
        Self {
            queue,
            left_out: AtomicUsize::new(0),
        }
    }
}

fn write(items: &Receiver<Item>) {
    let mut status: Option<String> = None;
    for item in items {
        match item {
            // A reader that went away, such as `head`, is no reason to stop.
            Item::Line(line) if status.is_none() => drop(writeln!(io::stderr(), "{line}")),
            Item::Line(line) => {
                let below = status.as_deref().unwrap_or_default();
                drop(write!(
                    io::stderr(),
                    "{ERASE}{line}\n{UNWRAPPED}{below}{WRAPPED}"
                ));
            }
            Item::Status(line) => {
                let shown = line.as_deref().unwrap_or_default();
                if status.is_some() || line.is_some() {
                    drop(write!(io::stderr(), "{ERASE}{UNWRAPPED}{shown}{WRAPPED}"));
                    drop(io::stderr().flush());
                }
                status = line;
            }
            Item::Mark(mark) => drop(mark.send(())),
        }
    }
}
