//! Another tool's version as 14 digits, in the same order.

use super::Tool;
use crate::tree::Version;

/// The 14 digits that stand for another tool's version; `None` where they cannot.
///
/// Numbers get zeros in front. Flyway's versions have parts, `1.2` comes after `1` and before `2`, and so
/// the parts get places of their own; a date is filled up behind.
pub fn version(tool: Tool, text: &str) -> Option<Version> {
    match tool {
        Tool::Flyway => flyway(text),
        _ => number(text),
    }
}

fn number(text: &str) -> Option<Version> {
    // Diesel leaves hyphens out of what it records, and its folders have them.
    let digits = text.replace('-', "");
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| Version::parse(&format!("{digits:0>width$}", width = Version::DIGITS)))
        .flatten()
}

/// How many digits each part of a Flyway version gets.
const PLACES: [usize; 4] = [5, 3, 3, 3];
/// From here on, the first part is taken for a date.
const DATE: usize = 8;

fn flyway(text: &str) -> Option<Version> {
    let parts: Vec<&str> = text.split(['.', '_']).collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return None;
    }
    match parts.as_slice() {
        [date] if date.len() >= DATE => {
            Version::parse(&format!("{date:0<width$}", width = Version::DIGITS))
        }
        [date, rest] if date.len() == DATE => {
            let width = Version::DIGITS - DATE;
            Version::parse(&format!("{date}{rest:0>width$}"))
        }
        parts if parts.len() <= PLACES.len() => {
            let digits = PLACES.iter().enumerate().map(|(index, width)| {
                // `1.01` is `1.1`.
                let part = parts.get(index).copied().unwrap_or("0");
                let part = part.trim_start_matches('0');
                format!("{part:0>width$}")
            });
            Version::parse(&digits.collect::<String>())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(tool: Tool, text: &str) -> Option<String> {
        version(tool, text).map(|version| version.to_string())
    }

    #[test]
    fn numbers_get_zeros_in_front() {
        let found = |text: &str| digits(Tool::Goose, text);
        assert_eq!(found("20240131120000").as_deref(), Some("20240131120000"));
        assert_eq!(found("1").as_deref(), Some("00000000000001"));
        assert_eq!(found("0012").as_deref(), Some("00000000000012"));
        assert_eq!(
            found("2024-01-31-120000").as_deref(),
            Some("20240131120000")
        );
        for bad in ["", "1a", "202401311200001", "1.1"] {
            assert_eq!(found(bad), None, "{bad}");
        }
    }

    #[test]
    fn parts_keep_their_order() {
        let versions = [
            "1",
            "1.1",
            "1.1.1",
            "1_2",
            "1.10",
            "2",
            "10",
            "20240131",
            "20240131.1",
            "20240131120000",
        ];
        let found: Vec<_> = versions
            .iter()
            .map(|text| digits(Tool::Flyway, text).unwrap())
            .collect();
        assert!(found.is_sorted(), "{found:?}");
        assert_eq!(found.first().unwrap(), "00001000000000");
        for bad in [
            "",
            "1.",
            "1.2.3.4.5",
            "123456",
            "1.1000",
            "20240131.1.1",
            "x",
        ] {
            assert_eq!(digits(Tool::Flyway, bad), None, "{bad}");
        }
    }
}
