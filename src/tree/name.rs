//! The words of the domain: track, version, name, requirement and bridge.
//! Must not touch the file system or the database.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};

use super::UNDO;

/// The longest track name, in characters.
pub const LONGEST_TRACK: usize = 40;

/// The layout of a version, as `strftime` spells it.
const VERSION_FORMAT: &str = "%Y%m%d%H%M%S";

/// An independent history of migrations: `[a-z][a-z0-9-]*`, at most 40 characters.
///
/// Tracks sort in plan order: `core` first, the others alphabetically.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Track(String);

impl Track {
    /// The track that every plan begins with.
    pub const CORE: &str = "core";

    /// Reads a track name; `None` when it breaks the rule above.
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        let starts_well = characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase());
        let goes_on_well =
            characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        (starts_well && goes_on_well && text.len() <= LONGEST_TRACK).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for Track {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |track: &Self| track.0 != Self::CORE;
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Track {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Track {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The 14 digits that order and identify a migration within its track.
///
/// They are meant as UTC `YYYYMMDDHHMMSS`, but real histories contain day 41 and second 90,
/// so nothing here depends on their being a date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl Version {
    pub const DIGITS: usize = 14;

    /// Reads a version; `None` unless it is exactly 14 ASCII digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        (text.len() == Self::DIGITS && digits).then(|| Self(text.to_owned()))
    }

    /// What stands in its place in the name of a repeatable. It sorts behind all digits.
    pub const REPEATABLE: &str = "repeat";

    pub fn repeatable() -> Self {
        Self(Self::REPEATABLE.to_owned())
    }

    /// The version of a moment, to the second.
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(moment.format(VERSION_FORMAT).to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment the digits name, or `None` where they are no date-time.
    pub fn timestamp(&self) -> Option<DateTime<FixedOffset>> {
        let part = |from: usize, to: usize| self.0.get(from..to)?.parse().ok();
        let year = self.0.get(..4)?.parse().ok()?;
        NaiveDate::from_ymd_opt(year, part(4, 6)?, part(6, 8)?)?
            .and_hms_opt(part(8, 10)?, part(10, 12)?, part(12, 14)?)
            .map(|moment| moment.and_utc().fixed_offset())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a migration's file name says: `{version}_{track}_{description}.sql`, or
/// `repeat_{track}_{description}.sql`.
///
/// Names sort in plan order: by track, then by version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub track: Track,
    pub version: Version,
    /// What it does, in the author's words; never empty.
    pub description: String,
}

impl Name {
    /// Is it applied whenever something of it changes, and not once?
    pub fn is_repeatable(&self) -> bool {
        self.version.as_str() == Version::REPEATABLE
    }

    /// Its digits; a repeatable has none.
    pub fn digits(&self) -> Option<&Version> {
        (!self.is_repeatable()).then_some(&self.version)
    }

    /// `versioned` or `repeatable`.
    pub fn kind(&self) -> &'static str {
        if self.is_repeatable() {
            "repeatable"
        } else {
            "versioned"
        }
    }

    /// The file name, with `.sql`. This is also the migration's name in the ledger.
    pub fn file_name(&self) -> String {
        self.stem() + ".sql"
    }

    /// The name of the file that undoes it.
    pub fn undo_name(&self) -> String {
        format!("{}.{UNDO}", self.stem())
    }

    /// The file name without its ending, which the companions share.
    pub fn stem(&self) -> String {
        [
            self.version.as_str(),
            self.track.as_str(),
            &self.description,
        ]
        .join("_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file_name())
    }
}

/// A migration that another one needs, of any track.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    pub track: Track,
    pub version: Version,
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(track, version)| {
                Some(Self {
                    track: Track::parse(track)?,
                    version: Version::parse(version)?,
                })
            })
            .ok_or_else(|| {
                format!(
                    "expected a track and 14 digits, such as `impl/20231201130000`, got `{text}`"
                )
            })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.track, self.version)
    }
}

/// A step of another track, right before which a migration is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    pub step: Requirement,
    /// Does it run, too, where that step is applied already?
    pub or_now: bool,
}

impl FromStr for Bridge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let step = words.next().unwrap_or_default().parse()?;
        let or_now = match words.next() {
            None => false,
            Some("or-now") => true,
            Some(other) => return Err(format!("only `or-now` can follow, not `{other}`")),
        };
        match words.next() {
            None => Ok(Self { step, or_now }),
            Some(other) => Err(format!("nothing can follow `or-now`, not `{other}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_follow_the_rule() {
        for good in ["core", "impl", "a", "customer-7", &"x".repeat(40)] {
            assert!(Track::parse(good).is_some(), "{good}");
        }
        for bad in ["", "Core", "7up", "a_b", "-a", "ä", "a b", &"x".repeat(41)] {
            assert!(Track::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn core_comes_first_then_the_alphabet() {
        let mut tracks = ["impl", "acme", "core", "bolt"].map(|name| Track::parse(name).unwrap());
        tracks.sort();
        assert_eq!(
            tracks.map(|track| track.0),
            ["core", "acme", "bolt", "impl"]
        );
    }

    #[test]
    fn a_version_is_digits_and_sometimes_a_moment() {
        let moment = |digits: &str| Version::parse(digits).unwrap().timestamp();
        assert_eq!(
            moment("20231201130000").unwrap().to_rfc3339(),
            "2023-12-01T13:00:00+00:00"
        );
        assert_eq!(moment("20231241130000"), None, "day 41");
        assert_eq!(moment("20231201130090"), None, "second 90");
        assert_eq!(moment("20231201130060"), None, "second 60");
        for bad in [
            "2023120113000",
            "202312011300001",
            "2023120113000a",
            "٢0231201130000",
        ] {
            assert!(Version::parse(bad).is_none(), "{bad}");
        }
    }
}
