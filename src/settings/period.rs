//! Lengths of time, wherever they are written: flags, settings, directives. Pure.

use std::str::FromStr;
use std::time::Duration;

/// A length of time as people write it: `30sec`, `5min`, `1hr 30min`. PostgreSQL holds its timeouts
/// as whole milliseconds in an `int`, and takes zero for no limit: what is smaller than a millisecond
/// must not become zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

/// The longest timeout that PostgreSQL can hold, a bit more than 24 days.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = humantime::parse_duration(text)
            .map_err(|_| format!("expected a duration such as `30sec` or `5min`, got `{text}`"))?;
        if found > LONGEST {
            return Err(format!(
                "expected at most 24 days, got {}; zero is no limit",
                humantime::format_duration(found)
            ));
        }
        let milliseconds = found.as_nanos().div_ceil(1_000_000);
        Ok(Self(Duration::from_millis(
            u64::try_from(milliseconds).unwrap_or(u64::MAX),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(text: &str) -> Result<u128, String> {
        text.parse::<Period>().map(|found| found.0.as_millis())
    }

    #[test]
    fn whole_milliseconds_and_never_less_than_was_asked_for() {
        for (text, expected) in [
            ("0sec", 0),
            ("1ns", 1),
            ("500us", 1),
            ("1ms", 1),
            ("1ms 1ns", 2),
            ("1500us", 2),
            ("5min", 300_000),
            ("2147483647ms", 2_147_483_647),
        ] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_postgresql_cannot_hold_is_refused() {
        for bad in [
            "25days",
            "2147483648ms",
            "9223372036854775807ns",
            "-1000ns",
            "5",
            "",
        ] {
            assert!(milliseconds(bad).is_err(), "{bad}");
        }
        let said = milliseconds("25days").unwrap_err();
        assert_eq!(
            said,
            "expected at most 24 days, got 25days; zero is no limit"
        );
    }
}
