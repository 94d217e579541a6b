//! Reads file names: is it a migration, a companion, neither, or a migration gone wrong?
//! Pure; must not look at the file system.

use std::fmt;

use crate::tree::{LONGEST_TRACK, Name, Track, Version};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `{version}_{track}_{description}.sql`, or `repeat_{track}_{description}.sql`
    Migration(Name),
    /// The pre-flight validation (`.nu`) of the migration so named.
    Validation(Name),
    /// The undo (`.down.sql`) of the migration so named.
    Undo(Name),
    /// The queries (`.verify.sql`) that must hold behind the migration so named.
    Verification(Name),
    /// Nothing of ours: a README, an include, a helper module.
    Other,
}

/// A naming rule that a file breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The part before the first underscore is not 14 digits.
    Timestamp { found: String },
    /// Nothing stands where the track belongs.
    TrackMissing,
    /// The track has an upper-case letter or another forbidden character.
    TrackMalformed { found: String },
    /// The track has more than [`LONGEST_TRACK`] characters.
    TrackTooLong { length: usize },
    /// Nothing stands where the description belongs.
    DescriptionMissing,
    /// The ending is `.SQL`, `.Nu` or the like.
    EndingNotLowerCase,
    /// The file name is not UTF-8, so the ledger could not hold it.
    NotUnicode,
    /// Another file of the track has the same timestamp.
    TimestampTaken { by: String },
    /// Another file has the same name, which a repeatable has for itself.
    NameTaken { by: String },
    /// A `.down.sql` beside a repeatable.
    UndoOfRepeatable,
    /// A `.nu`, `.down.sql` or `.verify.sql` that stands beside no migration.
    CompanionAlone {
        /// The migration file it should stand beside.
        missing: String,
    },
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timestamp { found } => write!(
                formatter,
                "the timestamp must be 14 digits (YYYYMMDDHHMMSS), not `{found}`"
            ),
            Self::TrackMissing => formatter.write_str("the track is missing after the timestamp"),
            Self::TrackMalformed { found } => write!(
                formatter,
                "the track must be lower-case letters, digits and hyphens, starting with a letter, not `{found}`"
            ),
            Self::TrackTooLong { length } => write!(
                formatter,
                "the track has {length} characters; {LONGEST_TRACK} are allowed"
            ),
            Self::DescriptionMissing => {
                formatter.write_str("the description is missing after the track")
            }
            Self::EndingNotLowerCase => formatter.write_str("the ending must be lower-case"),
            Self::NotUnicode => {
                formatter.write_str("its name or that of a folder above is not UTF-8")
            }
            Self::TimestampTaken { by } => write!(
                formatter,
                "the track already has this timestamp in {by}; rename the one that is not applied yet"
            ),
            Self::NameTaken { by } => write!(
                formatter,
                "there is a repeatable of this name already, {by}; rename one of them"
            ),
            Self::UndoOfRepeatable => formatter.write_str(
                "a repeatable has no undo: apply an earlier content of its file, or drop what it made in a migration",
            ),
            Self::CompanionAlone { missing } => {
                write!(formatter, "there is no {missing} beside it")
            }
        }
    }
}

/// Tells what a file is by its name alone.
///
/// A file looks like a migration when it starts with a digit or with `repeat_` and ends in `.sql` or
/// `.nu`; anything else may be an include or a helper and is left alone.
///
/// # Errors
/// The first rule that a file breaks which looks like a migration or a companion.
pub fn classify(file_name: &str) -> Result<Kind, Rule> {
    let folded = file_name.to_ascii_lowercase();
    let is_repeatable = folded
        .strip_prefix(Version::REPEATABLE)
        .is_some_and(|rest| rest.starts_with('_'));
    if !is_repeatable && !file_name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(Kind::Other);
    }
    for (ending, kind) in [
        (".down.sql", Kind::Undo as fn(Name) -> Kind),
        (".verify.sql", Kind::Verification),
        (".sql", Kind::Migration),
        (".nu", Kind::Validation),
    ] {
        if folded.ends_with(ending) {
            let Some(stem) = file_name.strip_suffix(ending) else {
                return Err(Rule::EndingNotLowerCase);
            };
            if is_repeatable && ending == ".down.sql" {
                return Err(Rule::UndoOfRepeatable);
            }
            return parse_stem(stem).map(kind);
        }
    }
    Ok(Kind::Other)
}

/// Reads a migration's name as the ledger stores it; `None` when it is none.
pub fn parse_recorded(name: &str) -> Option<Name> {
    match classify(name) {
        Ok(Kind::Migration(name)) => Some(name),
        _ => None,
    }
}

fn parse_stem(stem: &str) -> Result<Name, Rule> {
    let (version, rest) = stem.split_once('_').unwrap_or((stem, ""));
    let version = match version {
        Version::REPEATABLE => Version::repeatable(),
        digits => Version::parse(digits).ok_or_else(|| Rule::Timestamp {
            found: digits.to_owned(),
        })?,
    };
    let (track, description) = rest.split_once('_').unwrap_or((rest, ""));
    let track = parse_track(track)?;
    if description.is_empty() {
        return Err(Rule::DescriptionMissing);
    }
    Ok(Name {
        track,
        version,
        description: description.to_owned(),
    })
}

fn parse_track(text: &str) -> Result<Track, Rule> {
    if text.is_empty() {
        return Err(Rule::TrackMissing);
    }
    let length = text.chars().count();
    if length > LONGEST_TRACK {
        return Err(Rule::TrackTooLong { length });
    }
    Track::parse(text).ok_or_else(|| Rule::TrackMalformed {
        found: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(version: &str, track: &str, description: &str) -> Name {
        Name {
            track: Track::parse(track).unwrap(),
            version: Version::parse(version).unwrap(),
            description: description.to_owned(),
        }
    }

    #[test]
    fn migrations_and_companions() {
        let create = name("20240102030405", "core", "create_users");
        let cases = [
            (
                "20240102030405_core_create_users.sql",
                Kind::Migration(create.clone()),
            ),
            (
                "20240102030405_core_create_users.nu",
                Kind::Validation(create.clone()),
            ),
            (
                "20240102030405_core_create_users.down.sql",
                Kind::Undo(create.clone()),
            ),
            (
                "20240102030405_core_create_users.verify.sql",
                Kind::Verification(create),
            ),
            (
                "20231241130000_acme-7_it's 100% \\ größer-now.sql",
                Kind::Migration(name("20231241130000", "acme-7", "it's 100% \\ größer-now")),
            ),
        ];
        for (file, kind) in cases {
            assert_eq!(classify(file), Ok(kind), "{file}");
        }
    }

    #[test]
    fn a_repeatable_has_a_word_where_others_have_digits() {
        let found = parse_recorded("repeat_acme_price_views.sql").unwrap();
        assert!(found.is_repeatable());
        assert_eq!(found.track.as_str(), "acme");
        assert_eq!(found.description, "price_views");
        assert_eq!(found.file_name(), "repeat_acme_price_views.sql");
        assert!(found > parse_recorded("99999999999999_acme_a.sql").unwrap());
        assert_eq!(classify("repeater.sql"), Ok(Kind::Other));
        assert_eq!(classify("repeat_notes.txt"), Ok(Kind::Other));
        for (file, rule) in [
            ("repeat_core.sql", Rule::DescriptionMissing),
            ("repeat_core_a.down.sql", Rule::UndoOfRepeatable),
            (
                "Repeat_core_a.sql",
                Rule::Timestamp {
                    found: "Repeat".to_owned(),
                },
            ),
            (
                "repeat_20240101000000_core_a.sql",
                Rule::TrackMalformed {
                    found: "20240101000000".to_owned(),
                },
            ),
        ] {
            assert_eq!(classify(file), Err(rule), "{file}");
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        for file in [
            "README.md",
            "functions.sql",
            "checks.nu",
            "2024 notes.txt",
            ".gitkeep",
            "",
        ] {
            assert_eq!(classify(file), Ok(Kind::Other), "{file}");
        }
    }

    #[test]
    fn what_looks_like_a_migration_but_is_none_names_its_rule() {
        let found = |text: &str| text.to_owned();
        let cases = [
            (
                "2024_core_x.sql",
                Rule::Timestamp {
                    found: found("2024"),
                },
            ),
            ("20240102030405.sql", Rule::TrackMissing),
            ("20240102030405__x.sql", Rule::TrackMissing),
            ("20240102030405_core.sql", Rule::DescriptionMissing),
            ("20240102030405_core_.sql", Rule::DescriptionMissing),
            (
                "20240102030405_Core_x.sql",
                Rule::TrackMalformed {
                    found: found("Core"),
                },
            ),
            (
                "20240102030405_7_x.nu",
                Rule::TrackMalformed { found: found("7") },
            ),
            ("20240102030405_core_x.SQL", Rule::EndingNotLowerCase),
        ];
        for (file, rule) in cases {
            assert_eq!(classify(file), Err(rule), "{file}");
        }
        let long = format!("20240102030405_{}_x.sql", "t".repeat(41));
        assert_eq!(classify(&long), Err(Rule::TrackTooLong { length: 41 }));
    }
}
