//! What a migration stands for: a range of its own track, and what that was made of. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::tree::{Requirement, Track, Version};

/// The range of migrations that one stands for: `core/20240101000000..core/20240301000000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub track: Track,
    pub first: Version,
    pub last: Version,
}

impl Span {
    pub fn contains(&self, version: &Version) -> bool {
        self.first <= *version && *version <= self.last
    }

    pub fn holds(&self, requirement: &Requirement) -> bool {
        self.track == requirement.track && self.contains(&requirement.version)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "expected the first and the last of a track, such as \
                 `core/20240101000000..core/20240301000000`, got `{text}`"
            )
        };
        let (first, last) = text.split_once("..").ok_or_else(expected)?;
        let first: Requirement = first.parse().map_err(|_| expected())?;
        let last: Requirement = last.parse().map_err(|_| expected())?;
        if first.track != last.track {
            return Err("the first and the last must be of one track".to_owned());
        }
        if first.version > last.version {
            return Err("the first must not be later than the last".to_owned());
        }
        Ok(Self {
            track: first.track,
            first: first.version,
            last: last.version,
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { track, first, last } = self;
        write!(formatter, "{track}/{first}..{track}/{last}")
    }
}

/// What a migration stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pub span: Span,
    /// The versions that it is made of, where the file names them. Some of these may be made of
    /// others themselves: the squashed squashes, by their version.
    pub parts: BTreeMap<Option<Version>, BTreeSet<Version>>,
}

impl Replacement {
    pub fn new(span: Span) -> Self {
        Self {
            span,
            parts: BTreeMap::new(),
        }
    }

    /// Takes `20240101000000 20240102000000`, or the same with `as 20240102000001` behind it.
    ///
    /// # Errors
    /// What is no version, or none of the range.
    pub fn made_of(&mut self, text: &str) -> Result<(), String> {
        let (parts, whole) = match text.split_once(" as ") {
            Some((parts, whole)) => (parts, Some(self.version(whole.trim())?)),
            None => (text, None),
        };
        let mut found = BTreeSet::new();
        for part in parts.split_whitespace() {
            let version = self.version(part)?;
            if whole.as_ref().is_some_and(|whole| version >= *whole) {
                return Err(format!("{version} is not earlier than what it is part of"));
            }
            found.insert(version);
        }
        if found.is_empty() {
            return Err(
                "expected the timestamps of what it replaces, with spaces between".to_owned(),
            );
        }
        self.parts.entry(whole).or_default().extend(found);
        Ok(())
    }

    fn version(&self, text: &str) -> Result<Version, String> {
        let version = Version::parse(text).ok_or_else(|| format!("`{text}` is not 14 digits"))?;
        if self.span.contains(&version) {
            Ok(version)
        } else {
            Err(format!("{version} is not in {}", self.span))
        }
    }

    /// Is this one of those it stands for? Where the file names none, all of the range are.
    pub fn holds(&self, requirement: &Requirement) -> bool {
        self.span.holds(requirement)
            && (self.parts.is_empty()
                || self
                    .parts
                    .values()
                    .any(|parts| parts.contains(&requirement.version)))
    }

    /// What it says, as a ledger keeps it: versions with their track, or the range.
    pub fn recorded(&self) -> Vec<String> {
        if self.parts.is_empty() {
            return vec![self.span.to_string()];
        }
        let versions: BTreeSet<_> = self.parts.values().flatten().collect();
        let track = &self.span.track;
        versions
            .into_iter()
            .map(|version| format!("{track}/{version}"))
            .collect()
    }
}
