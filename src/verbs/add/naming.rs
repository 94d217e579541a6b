//! The name of a new migration: its description as part of a file name, its version. Pure.

use chrono::{Datelike, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::Error;
use crate::tree::Version;
use crate::tree::file_name::parse_recorded;

/// The longest description, in bytes: a file name has 255, and version, track and the longest
/// ending take up to 70 of them.
const LONGEST: usize = 180;

/// Turns a description into a part of a file name: lower-case, words joined by underscores.
pub fn from_description(description: &str) -> Result<String, Error> {
    let bad = |problem: String| Error::BadDescription {
        description: description.chars().take(60).collect(),
        problem,
    };
    let description = description.trim();
    if parse_recorded(description).is_some() {
        return Err(bad(
            "it is a whole file name; `migrate add` adds the timestamp, the track and the ending"
                .to_owned(),
        ));
    }
    let words = description.strip_suffix(".sql").unwrap_or(description);
    let spaced: String = apart(words)
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' {
                c
            } else {
                ' '
            }
        })
        .collect();
    let words: Vec<_> = spaced.split_whitespace().map(str::to_lowercase).collect();
    let name = words.join("_");
    if !name.contains(|c: char| c.is_alphanumeric()) {
        return Err(bad("it has no letter and no digit".to_owned()));
    }
    if name.len() > LONGEST {
        return Err(bad(format!(
            "it has {} bytes; {LONGEST} fit into a file name",
            name.len()
        )));
    }
    Ok(name)
}

/// `createUserTable` as words.
fn apart(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut was_lower = false;
    for character in text.chars() {
        if was_lower && character.is_uppercase() {
            words.push(' ');
        }
        was_lower = character.is_lowercase() || character.is_numeric();
        words.push(character);
    }
    words
}

/// The first moment after a version; a version that is no date-time counts as the end of its
/// month, or of its year.
///
/// # Errors
/// The year 9999 is over, and 14 digits with it.
pub fn next(version: &Version) -> Result<Version, Error> {
    let moment = match version.timestamp() {
        Some(moment) => Some(moment.with_timezone(&Utc) + TimeDelta::seconds(1)),
        None => month_after(version.as_str()).map(|day| day.and_time(NaiveTime::MIN).and_utc()),
    };
    moment
        .filter(|moment| moment.year() <= 9999)
        .map(Version::at)
        .ok_or_else(|| Error::NoVersionLeft {
            after: version.to_string(),
        })
}

fn month_after(digits: &str) -> Option<NaiveDate> {
    let year: i32 = digits.get(..4)?.parse().ok()?;
    let month: u32 = digits.get(4..6)?.parse().ok()?;
    match NaiveDate::from_ymd_opt(year, month, 1) {
        Some(first) => first.checked_add_months(Months::new(1)),
        None if month == 0 => NaiveDate::from_ymd_opt(year, 1, 1),
        None => NaiveDate::from_ymd_opt(year + 1, 1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        let name = |text| from_description(text).ok();
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(name("Create users"), found("create_users"));
        assert_eq!(
            name("  add `email`/phone to users;  "),
            found("add_email_phone_to_users")
        );
        assert_eq!(name("größe-ändern"), found("größe-ändern"));
        assert_eq!(name("../../etc/passwd"), found("etc_passwd"));
        assert_eq!(name("createUserTable"), found("create_user_table"));
        assert_eq!(name("add HTTP2 log.sql"), found("add_http2_log"));
        assert_eq!(name("20240101000000_core_create_users.sql"), None);
        for bad in ["", " ", "_-_", "///", &"x".repeat(181)] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_next_version_is_always_later_and_a_real_moment() {
        let cases = [
            ("20231231235959", "20240101000000"),
            ("20231241000000", "20240101000000"),
            ("20230201000090", "20230301000000"),
            ("20239901000000", "20240101000000"),
            ("20230001000000", "20230101000000"),
        ];
        for (version, expected) in cases {
            let version = Version::parse(version).unwrap();
            let next = next(&version).unwrap();
            assert_eq!(next.as_str(), expected);
            assert!(next > version && next.timestamp().is_some());
        }
        for last in ["99991231235959", "99999999999999"] {
            assert!(next(&Version::parse(last).unwrap()).is_err(), "{last}");
        }
    }
}
