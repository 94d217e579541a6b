//! What is to be replaced, by which file, and what that needs. Pure.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use chrono::TimeDelta;

use super::Error;
use crate::tree::directives::Span;
use crate::tree::{Migration, Name, Requirement, Track, Version};

/// How many timestamps stand in a line.
const IN_A_LINE: usize = 6;

#[derive(Debug)]
pub struct Draft<'a> {
    pub name: Name,
    /// Where it goes: beside the last one that it replaces.
    pub path: PathBuf,
    pub span: Span,
    /// What it replaces, in order, without what one of these replaces itself.
    pub range: Vec<&'a Migration>,
    /// What of other tracks must be there before.
    pub others: BTreeSet<Requirement>,
    /// The same as the range asks for it.
    pub requires: BTreeSet<Requirement>,
}

impl<'a> Draft<'a> {
    pub fn new(migrations: &'a [Migration], track: &Track, to: &Version) -> Result<Self, Error> {
        let of_track = || migrations.iter().filter(|found| found.name.track == *track);
        let all: Vec<_> = of_track()
            .filter(|found| found.name.version <= *to)
            .collect();
        let is_replaced = |found: &&Migration| {
            let mut others = of_track().filter(|other| other.name != found.name);
            others.any(|other| other.provides(&found.identity()))
        };
        let range: Vec<_> = all
            .iter()
            .copied()
            .filter(|found| !is_replaced(found))
            .collect();
        let ([first, .., last], Some(_)) = (range.as_slice(), range.get(1)) else {
            return Err(Error::TooFew {
                track: track.clone(),
                to: to.clone(),
                found: range.len(),
            });
        };
        // One step cannot keep several places in another track.
        if let Some((bridge, to)) = range.iter().find_map(|found| {
            let bridge = found.directives.before.as_ref()?;
            Some((found.name.clone(), bridge.step.clone()))
        }) {
            return Err(Error::Bridging { bridge, to });
        }
        let name = Name {
            track: track.clone(),
            version: next(&last.name.version).ok_or_else(|| Error::NoRoom {
                last: last.name.clone(),
                taken_by: None,
            })?,
            description: "squash".to_owned(),
        };
        if let Some(taken) = of_track().find(|found| found.name.version == name.version) {
            return Err(Error::NoRoom {
                last: last.name.clone(),
                taken_by: Some(taken.name.clone()),
            });
        }
        // What the first one replaces itself goes with it.
        let earliest = match &first.directives.replaces {
            Some(replaces) => replaces.span.first.clone(),
            None => first.name.version.clone(),
        };
        let span = Span {
            track: track.clone(),
            first: earliest,
            last: last.name.version.clone(),
        };
        let requires: BTreeSet<_> = range
            .iter()
            .flat_map(|found| found.directives.requires.iter())
            .filter(|required| required.track != *track)
            .cloned()
            .collect();
        let others = needed(migrations, track, &span, &requires)?;
        Ok(Self {
            path: last.path.with_file_name(name.file_name()),
            name,
            span,
            range,
            others,
            requires,
        })
    }

    /// The lines at the top of the file.
    pub fn directives(&self) -> String {
        let mut text = format!("-- migrate: replaces {}\n", self.span);
        made_of(
            &mut text,
            self.range.iter().map(|found| &found.name.version),
            None,
        );
        for found in &self.range {
            let Some(replaces) = &found.directives.replaces else {
                continue;
            };
            for (whole, parts) in &replaces.parts {
                let whole = whole.as_ref().unwrap_or(&found.name.version);
                made_of(&mut text, parts, Some(whole));
            }
        }
        for required in &self.requires {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "-- migrate: requires {required}");
        }
        text
    }
}

fn made_of<'v>(
    text: &mut String,
    versions: impl IntoIterator<Item = &'v Version>,
    whole: Option<&Version>,
) {
    let versions: Vec<_> = versions.into_iter().map(Version::as_str).collect();
    let whole = whole.map_or_else(String::new, |whole| format!(" as {whole}"));
    for line in versions.chunks(IN_A_LINE) {
        let _ = writeln!(text, "-- migrate: made-of {}{whole}", line.join(" "));
    }
}

/// A second later, where the version is a time.
fn next(version: &Version) -> Option<Version> {
    let moment = version.timestamp().map(|moment| moment.to_utc());
    if let Some(later) = moment.and_then(|moment| moment.checked_add_signed(TimeDelta::seconds(1)))
    {
        return Some(Version::at(later)).filter(|later| later > version);
    }
    let number: u64 = version.as_str().parse().ok()?;
    Version::parse(&format!("{:014}", number.checked_add(1)?))
}

/// The migrations of other tracks that these requirements lead to, with all before them there.
fn needed(
    migrations: &[Migration],
    track: &Track,
    span: &Span,
    requires: &BTreeSet<Requirement>,
) -> Result<BTreeSet<Requirement>, Error> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<_> = requires.iter().collect();
    while let Some(required) = open.pop() {
        let reaches = |found: &&Migration| found.provides(required);
        let Some(last) = migrations.iter().find(reaches) else {
            continue;
        };
        let before = migrations
            .iter()
            .filter(|found| found.name.track == last.name.track)
            .filter(|found| found.name.version <= last.name.version);
        for found in before {
            if let Some(back) = found
                .directives
                .requires
                .iter()
                .find(|back| span.holds(back) || back.track == *track)
            {
                return Err(Error::Entangled {
                    needed: found.name.clone(),
                    back: back.clone(),
                });
            }
            if needed.insert(found.identity()) {
                open.extend(&found.directives.requires);
            }
        }
    }
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::{migration, squash};

    const A: &str = "20240101000000_core_a.sql";
    const B: &str = "20240102235959_core_b.sql";
    const C: &str = "20240103000000_core_c.sql";

    fn requiring(file: &str, required: &str) -> Migration {
        let mut found = migration(file);
        found.directives.requires = vec![required.parse().unwrap()];
        found
    }

    fn draft<'a>(files: &'a [Migration], to: &str) -> Result<Draft<'a>, Error> {
        let track = Track::parse("core").unwrap();
        Draft::new(files, &track, &Version::parse(to).unwrap())
    }

    #[test]
    fn it_comes_right_behind_the_last_one() {
        let files = [
            migration(A),
            migration("20240102000000_core_b.sql"),
            migration(C),
        ];
        let found = draft(&files, "20240102120000").unwrap();
        assert_eq!(found.name.file_name(), "20240102000001_core_squash.sql");
        assert_eq!(
            found.path.to_str().unwrap(),
            "/db/20240102000001_core_squash.sql"
        );
        assert_eq!(
            found.directives(),
            "-- migrate: replaces core/20240101000000..core/20240102000000\n\
             -- migrate: made-of 20240101000000 20240102000000\n"
        );
        let no_dates = ["20240145000000_core_a.sql", "20240145000009_core_b.sql"].map(migration);
        let found = draft(&no_dates, "20240145000009").unwrap();
        assert_eq!(found.name.version.as_str(), "20240145000010");
    }

    #[test]
    fn where_it_cannot_be() {
        let files = [migration(A), migration(B), migration(C)];
        assert!(matches!(
            draft(&files, "20231231000000"),
            Err(Error::TooFew { found: 0, .. })
        ));
        assert!(matches!(
            draft(&files, "20240101000000"),
            Err(Error::TooFew { found: 1, .. })
        ));
        match draft(&files, "20240102235959") {
            Err(Error::NoRoom {
                taken_by: Some(taken),
                ..
            }) => assert_eq!(taken.file_name(), C),
            other => panic!("{other:?}"),
        }
        let last = [migration(A), migration("99999999999999_core_z.sql")];
        let found = draft(&last, "99999999999999");
        assert!(matches!(found, Err(Error::NoRoom { taken_by: None, .. })));
    }

    #[test]
    fn what_it_requires_of_others_comes_with_all_before_it() {
        let files = [
            migration(A),
            requiring(C, "impl/20240102000000"),
            migration("20240101000000_impl_a.sql"),
            requiring("20240102000000_impl_b.sql", "acme/20240101000000"),
            migration("20240103000000_impl_c.sql"),
            migration("20240101000000_acme_a.sql"),
        ];
        let found = draft(&files, "20240103000000").unwrap();
        let others: Vec<_> = found.others.iter().map(ToString::to_string).collect();
        assert_eq!(
            others,
            [
                "acme/20240101000000",
                "impl/20240101000000",
                "impl/20240102000000"
            ]
        );
        assert!(
            found
                .directives()
                .ends_with("-- migrate: requires impl/20240102000000\n")
        );
    }

    #[test]
    fn what_needs_a_part_of_it_in_between_forbids_it() {
        let files = [
            migration(A),
            requiring(C, "impl/20240101000000"),
            requiring("20240101000000_impl_a.sql", "core/20240101000000"),
        ];
        let found = draft(&files, "20240103000000");
        assert!(matches!(found, Err(Error::Entangled { .. })), "{found:?}");
    }

    #[test]
    fn an_earlier_one_is_taken_in_with_what_it_is_made_of() {
        let range = "core/20240101000000..core/20240102000000";
        let made_of = ["20240101000000 20240102000000"];
        let earlier = squash("20240102000001_core_squash.sql", range, &made_of);
        let files = [migration(A), earlier, migration(C)];
        let found = draft(&files, "20240103000000").unwrap();
        assert_eq!(found.range.len(), 2);
        assert_eq!(
            found.directives(),
            "-- migrate: replaces core/20240101000000..core/20240103000000\n\
             -- migrate: made-of 20240102000001 20240103000000\n\
             -- migrate: made-of 20240101000000 20240102000000 as 20240102000001\n"
        );
    }
}
