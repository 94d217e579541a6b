//! Shows which step of a run is at work, and, when it takes long, what it waits for: on a terminal in
//! one line that is drawn anew and a line for each finished step, elsewhere a line for a step that
//! takes long. Must not know what a step is, nor how it is found out what it waits for.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::screen;
use crate::error::visible;

/// How often the line is drawn anew.
const TICK: Duration = Duration::from_millis(200);
/// From when on a step takes long.
pub const LONG: Duration = Duration::from_secs(2);

/// Finds out what a step waits for, or how far it is.
pub type Observe = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// The steps of one run, watched.
#[derive(Clone)]
pub struct Watch(Arc<Mutex<State>>);

struct State {
    progress: Progress,
    is_terminal: bool,
    has_thread: bool,
    /// How many steps there are, and have begun.
    steps: usize,
    begun: usize,
    current: Option<Current>,
}

struct Current {
    name: String,
    since: Instant,
    observe: Observe,
    /// What was found out last.
    observed: Option<String>,
    next_look: Instant,
    is_told: bool,
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    pub fn new(progress: Progress) -> Self {
        Self(Arc::new(Mutex::new(State {
            progress,
            is_terminal: stderr().is_terminal(),
            has_thread: false,
            steps: 0,
            begun: 0,
            current: None,
        })))
    }

    /// A plan begins, of so many steps.
    pub fn expect(&self, steps: usize) {
        let mut state = lock(&self.0);
        state.steps = steps;
        state.begun = 0;
    }

    /// A step begins.
    pub fn begin(&self, name: &str, observe: Observe) {
        let mut state = lock(&self.0);
        state.begun += 1;
        let since = Instant::now();
        state.current = Some(Current {
            name: name.to_owned(),
            since,
            observe,
            observed: None,
            next_look: since + LONG,
            is_told: false,
        });
        if !state.has_thread {
            state.has_thread = true;
            let watched = Arc::downgrade(&self.0);
            thread::spawn(move || tick(&watched));
        }
    }

    /// The step has ended. One that did not get through is named with what it was seen waiting for.
    pub fn end(&self, is_done: bool) {
        let mut state = lock(&self.0);
        let Some(current) = state.current.take() else {
            return;
        };
        if state.progress.quiet {
            return;
        }
        let counted = state.counted();
        if state.is_terminal {
            screen::status(None);
        }
        if is_done && (state.is_terminal || current.is_told) {
            let took = shown(current.since.elapsed());
            screen::show(&format!("migrate: {counted} {} in {took}", current.name));
        }
        if !is_done && (state.is_terminal || current.observed.is_some()) {
            screen::show(&line(&counted, &current));
        }
    }
}

impl State {
    fn counted(&self) -> String {
        format!("{}/{}", self.begun, self.steps.max(self.begun))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // What is shown is no reason to stop.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tick(watched: &Weak<Mutex<State>>) {
    loop {
        thread::sleep(TICK);
        let Some(state) = watched.upgrade() else {
            return;
        };
        let look = due(&mut lock(&state));
        // Asked without the lock: a run must never wait for what it shows.
        let Some((since, observe)) = look else {
            continue;
        };
        let observed = observe();
        let mut state = lock(&state);
        if let Some(current) = state
            .current
            .as_mut()
            .filter(|current| current.since == since)
        {
            current.observed = observed.or_else(|| current.observed.take());
            current.next_look = Instant::now() + LONG;
            tell(&mut state);
        }
    }
}

/// Draws the line, and says whether it is time to find out what the step waits for.
fn due(state: &mut State) -> Option<(Instant, Observe)> {
    let is_terminal = state.is_terminal;
    if !state.progress.quiet && is_terminal {
        let counted = state.counted();
        if let Some(current) = &state.current {
            screen::status(Some(line(&counted, current)));
        }
    }
    let current = state.current.as_ref()?;
    (Instant::now() >= current.next_look).then(|| (current.since, Arc::clone(&current.observe)))
}

/// Says once that a step takes long, where no line is drawn.
fn tell(state: &mut State) {
    let counted = state.counted();
    let is_silent = state.progress.quiet || state.is_terminal;
    if let Some(current) = state
        .current
        .as_mut()
        .filter(|current| !current.is_told && !is_silent)
    {
        current.is_told = true;
        screen::show(&line(&counted, current));
    }
}

fn line(counted: &str, current: &Current) -> String {
    let observed = current.observed.as_deref();
    let observed = observed.map_or_else(String::new, |observed| format!(", {}", visible(observed)));
    let took = shown(current.since.elapsed());
    format!("migrate: {counted} {}, {took}{observed}", current.name)
}

fn shown(length: Duration) -> String {
    if length < LONG {
        format!("{} ms", length.as_millis())
    } else {
        format!("{:.1} s", length.as_secs_f64())
    }
}
