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

struct Screen {
    queue: SyncSender<Item>,
    left_out: AtomicUsize,
}

enum Item {
    Line(String),
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
    for item in items {
        match item {
            // A reader that went away, such as `head`, is no reason to stop.
            Item::Line(line) => drop(writeln!(io::stderr(), "{line}")),
            Item::Mark(mark) => drop(mark.send(())),
        }
    }
}
