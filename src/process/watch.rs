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
    patience: Duration,
    is_terminal: bool,
    has_thread: bool,
    /// How many steps there are, and have begun.
    steps: usize,
    begun: usize,
    /// When the first one has.
    since: Option<Instant>,
    current: Option<Current>,
    /// What the latest step that did not get through was seen to wait for.
    waited: Option<String>,
}

struct Current {
    name: String,
    is_step: bool,
    since: Instant,
    observe: Option<Observe>,
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

impl Default for Watch {
    fn default() -> Self {
        Self::new(Progress::default(), Duration::ZERO)
    }
}

impl Watch {
    /// `patience` is how long a statement of a step may wait for a lock; zero is for ever.
    pub fn new(progress: Progress, patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            progress,
            patience,
            is_terminal: stderr().is_terminal(),
            has_thread: false,
            steps: 0,
            begun: 0,
            since: None,
            current: None,
            waited: None,
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
        state.since.get_or_insert(since);
        // Who holds the lock must be known before the wait is over.
        let half = Some(state.patience / 2).filter(|half| *half > TICK);
        state.current = Some(Current {
            name: name.to_owned(),
            is_step: true,
            since,
            observe: Some(observe),
            observed: None,
            next_look: since + half.map_or(LONG, |half| half.min(LONG)),
            is_told: false,
        });
        self.watch(state);
    }

    /// Something before the first step waits; this is what for, as far as it is known.
    pub fn wait(&self, what: &str, observed: Option<String>) {
        let mut state = lock(&self.0);
        if let Some(current) = &mut state.current {
            current.observed = observed;
            return;
        }
        let since = Instant::now();
        state.current = Some(Current {
            name: what.to_owned(),
            is_step: false,
            since,
            observe: None,
            observed,
            next_look: since,
            is_told: false,
        });
        tell(&mut state);
        self.watch(state);
    }

    /// The wait is over.
    pub fn end_waiting(&self, is_done: bool) {
        self.end(is_done);
    }

    /// What the latest step that did not get through was seen to wait for.
    pub fn waited(&self) -> Option<String> {
        lock(&self.0).waited.clone()
    }

    fn watch(&self, mut state: MutexGuard<'_, State>) {
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
        state.waited = current.observed.clone().filter(|_| !is_done);
        if state.progress.quiet {
            return;
        }
        let counted = state.counted(&current);
        if state.is_terminal {
            screen::status(None);
        }
        let is_long = state.since.is_some_and(|since| since.elapsed() > LONG);
        if is_done && (state.is_terminal || current.is_told || is_long) {
            let took = shown(current.since.elapsed());
            screen::show(&format!("migrate: {counted}{} in {took}", current.name));
        }
        if !is_done && (state.is_terminal || current.observed.is_some()) {
            screen::show(&line(&counted, &current));
        }
    }
}

impl State {
    /// Which step of how many.
    fn counted(&self, current: &Current) -> String {
        if !current.is_step {
            return String::new();
        }
        format!("{}/{} ", self.begun, self.steps.max(self.begun))
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
            // The first look may have been an early one.
            if since.elapsed() < LONG {
                current.next_look = since + LONG;
            } else {
                current.next_look = Instant::now() + LONG;
                tell(&mut state);
            }
        }
    }
}

/// Draws the line, and says whether it is time to find out what the step waits for.
fn due(state: &mut State) -> Option<(Instant, Observe)> {
    let is_terminal = state.is_terminal;
    if let Some(current) = &state.current
        && !state.progress.quiet
        && is_terminal
    {
        screen::status(Some(line(&state.counted(current), current)));
    }
    let current = state.current.as_ref()?;
    let observe = current.observe.as_ref()?;
    (Instant::now() >= current.next_look).then(|| (current.since, Arc::clone(observe)))
}

/// Says once that a step takes long, where no line is drawn.
fn tell(state: &mut State) {
    if state.progress.quiet || state.is_terminal {
        return;
    }
    let Some(mut current) = state.current.take() else {
        return;
    };
    if !current.is_told {
        current.is_told = true;
        screen::show(&line(&state.counted(&current), &current));
    }
    state.current = Some(current);
}

fn line(counted: &str, current: &Current) -> String {
    let observed = current.observed.as_deref();
    let observed = observed.map_or_else(String::new, |observed| format!(", {}", visible(observed)));
    let took = shown(current.since.elapsed());
    format!("migrate: {counted}{}, {took}{observed}", current.name)
}

fn shown(length: Duration) -> String {
    if length < LONG {
        format!("{} ms", length.as_millis())
    } else {
        format!("{:.1} s", length.as_secs_f64())
    }
}
