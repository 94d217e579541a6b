//! Listens to a child process until its end: its lines, Ctrl-C, the clock, and messages from
//! elsewhere. Must not know what the process is for.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Child;
use super::interrupt::Interrupt;
use super::lines::{Channel, Event, drain};

/// How often a listener looks for Ctrl-C and at the clock.
const HEARTBEAT: Duration = Duration::from_millis(20);
/// The same where a process has closed its outputs and is about to end.
const NEARLY: Duration = Duration::from_micros(200);
/// How long what a process has started may go on speaking after the process's own end, and how
/// long what the process has said itself may be on its way.
const AFTERWARDS: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub enum Heard<T = Infallible> {
    Line(Channel, String),
    Closed(Channel),
    /// From whoever has a [`Mailbox`].
    Message(T),
    /// Nothing yet, for a listener that is hurried.
    Nothing,
    /// The process has ended, and everything that it said was heard.
    Ended,
    Interrupted,
    /// It takes longer than it may.
    Overdue,
}

/// The way for lines and messages to a listener.
pub struct Mailbox<T>(Way<T>);

enum Way<T> {
    /// Keeps whatever comes, so that the process never has to wait.
    Unbounded(Sender<Post<T>>),
    /// Makes the process wait where it says more than is heard.
    Bounded(SyncSender<Post<T>>),
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Way::Unbounded(sender) => Way::Unbounded(sender.clone()),
            Way::Bounded(sender) => Way::Bounded(sender.clone()),
        })
    }
}

enum Post<T> {
    Output(Event),
    Message(T),
}

impl<T> Mailbox<T> {
    /// Hands a message over; false once nobody listens.
    pub fn post(&self, message: T) -> bool {
        self.put(Post::Message(message))
    }

    fn put(&self, post: Post<T>) -> bool {
        match &self.0 {
            Way::Unbounded(sender) => sender.send(post).is_ok(),
            Way::Bounded(sender) => sender.send(post).is_ok(),
        }
    }
}

pub struct Listener<T = Infallible> {
    mailbox: Mailbox<T>,
    posts: Receiver<Post<T>>,
    /// Whose Ctrl-C is heard.
    pub interrupt: Interrupt,
    /// When [`Heard::Overdue`] is due.
    pub deadline: Option<Instant>,
    /// Does whoever listens have something else to do meanwhile?
    pub is_hurried: bool,
    open: usize,
    /// When the process was seen to have ended.
    ended: Option<Instant>,
}

impl<T: Send + 'static> Listener<T> {
    /// `waiting` is how many lines may wait to be heard before the process has to; `None` is any
    /// number.
    pub fn new(interrupt: &Interrupt, waiting: Option<usize>) -> Self {
        let (way, posts) = match waiting {
            Some(lines) => {
                let (sender, posts) = sync_channel(lines);
                (Way::Bounded(sender), posts)
            }
            None => {
                let (sender, posts) = channel();
                (Way::Unbounded(sender), posts)
            }
        };
        Self {
            mailbox: Mailbox(way),
            posts,
            interrupt: interrupt.clone(),
            deadline: None,
            is_hurried: false,
            open: 0,
            ended: None,
        }
    }

    pub fn mailbox(&self) -> Mailbox<T> {
        self.mailbox.clone()
    }

    /// Listens to a process whose outputs are pipes.
    pub fn attend(&mut self, child: &mut Child) {
        // Nobody listens once the process was given up; its output is read all the same.
        let emit = |mailbox: Mailbox<T>| {
            move |event| {
                mailbox.put(Post::Output(event));
            }
        };
        if let (Some(stdout), Some(stderr)) = child.outputs() {
            drain(Channel::Stdout, stdout, emit(self.mailbox()));
            drain(Channel::Stderr, stderr, emit(self.mailbox()));
            self.open = 2;
        }
    }

    /// Waits for the next thing to be heard.
    pub fn next(&mut self, child: &mut Child) -> Heard<T> {
        loop {
            if self.interrupt.requested() {
                return Heard::Interrupted;
            }
            if self.ended.is_none() && child.has_ended() {
                self.ended = Some(Instant::now());
            }
            match self.ended {
                // What the process has started may hold its outputs open long after its end.
                Some(ended) if self.open == 0 || ended.elapsed() > AFTERWARDS => {
                    return Heard::Ended;
                }
                None if self.deadline.is_some_and(|due| Instant::now() >= due) => {
                    return Heard::Overdue;
                }
                _ => {}
            }
            let patience = if self.open > 0 && !self.is_hurried {
                HEARTBEAT
            } else {
                NEARLY
            };
            match self.posts.recv_timeout(patience) {
                Ok(Post::Output(Event::Line(channel, line))) => return Heard::Line(channel, line),
                Ok(Post::Output(Event::Closed(channel))) => {
                    self.open -= 1;
                    return Heard::Closed(channel);
                }
                Ok(Post::Message(message)) => return Heard::Message(message),
                Err(RecvTimeoutError::Timeout) if self.is_hurried => return Heard::Nothing,
                Err(RecvTimeoutError::Timeout) => {}
                // Cannot be: this listener has a mailbox itself.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(NEARLY),
            }
        }
    }
}
