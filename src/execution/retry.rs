//! The pauses before a group is tried again: exponential, with jitter. Pure but for the random number.

use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::process::interrupt::Interrupt;

/// The pause before the first retry, on the average.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause before a retry, counted from 1: twice as long each time, and a little different for
/// everyone, so that two runs that got into each other's way do not do it again.
pub fn pause(retry: u32, chance: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(retry.saturating_sub(1)));
    doubled
        .min(LONGEST_PAUSE)
        .mul_f64(0.75 + chance.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0 to 1.
pub fn chance() -> f64 {
    let [first, second, ..] = *Uuid::new_v4().as_bytes();
    f64::from(u16::from_be_bytes([first, second])) / f64::from(u16::MAX)
}

/// Sleeps, unless the user has had enough.
pub fn sleep(pause: Duration, interrupt: &Interrupt) {
    let end = Instant::now() + pause;
    while Instant::now() < end && !interrupt.requested() {
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_spread_and_end() {
        assert_eq!(pause(1, 0.5), Duration::from_millis(500));
        assert_eq!(pause(2, 0.5), Duration::from_secs(1));
        assert_eq!(pause(3, 0.0), Duration::from_millis(1500));
        assert_eq!(pause(3, 1.0), Duration::from_millis(2500));
        assert_eq!(pause(99, 0.5), LONGEST_PAUSE);
        assert!((0.0..=1.0).contains(&chance()));
    }
}
