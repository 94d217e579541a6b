//! Migrations that stand for others: which of them a database has, and what that makes of the rest.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::status::{State, Status};
use crate::database::ledger::RowState;
use crate::tree::{Migration, Requirement, Version};

/// Says of each migration that stands for others whether the database has these, and of those what
/// stands for them. A database that has all of them has the one that stands for them.
pub(super) fn settle(statuses: &mut [Status<'_>]) {
    let mut squashes: Vec<_> = standing(statuses).collect();
    if squashes.is_empty() {
        return;
    }
    // Those that stand for others of these come first.
    squashes.sort_by(|one, other| other.name.version.cmp(&one.name.version));
    let history = History::new(statuses);
    for squash in squashes {
        let whole = squash.identity();
        let members = history.members(&whole);
        let Some(status) = find(statuses, squash) else {
            continue;
        };
        let is_recorded = status.row.is_some();
        if is_recorded && !history.has(&whole) || status.state == State::Replaced {
            continue;
        }
        let stands = history.has(&whole);
        let has_some = members
            .iter()
            .any(|member| history.recorded.contains(member));
        match (is_recorded, stands, has_some) {
            (true, ..) => {}
            (false, true, _) => status.state = State::Applied,
            (false, false, true) => {
                status.state = State::Partial;
                continue;
            }
            (false, false, false) => {}
        }
        for status in statuses.iter_mut().filter(|status| status.squash.is_none()) {
            if identity(status).is_some_and(|identity| members.contains(&identity)) {
                replace(status, squash);
            }
        }
    }
}

fn replace<'a>(status: &mut Status<'a>, squash: &'a Migration) {
    let has_row = status.row.is_some_and(|row| row.state == RowState::Applied);
    match status.state {
        State::Pending | State::Partial => status.state = State::Replaced,
        State::Missing if has_row => status.state = State::Replaced,
        // What is there still is what it was.
        _ => {}
    }
    status.squash = Some(squash);
}

/// What of a migration that stands for others the database lacks, in their order.
pub(super) fn lacking(squash: &Migration, statuses: &[Status<'_>]) -> Vec<Requirement> {
    let history = History::new(statuses);
    let members = history.members(&squash.identity()).into_iter();
    members.filter(|member| !history.has(member)).collect()
}

/// A file in a range that is to be replaced, and none of those that it is made of.
pub(super) fn late(statuses: &[Status<'_>]) -> Vec<(Migration, Migration)> {
    let waiting: Vec<_> = statuses
        .iter()
        .filter(|status| status.state == State::Pending)
        .filter_map(|status| status.migration)
        .collect();
    let squashes = waiting.iter().filter_map(|squash| {
        let replaces = squash.directives.replaces.as_ref()?;
        Some((*squash, replaces))
    });
    squashes
        .flat_map(|(squash, replaces)| {
            let is_late = |found: &&&Migration| replaces.span.holds(&found.identity());
            let late = waiting.iter().filter(is_late);
            late.map(|found| ((*found).clone(), squash.clone()))
        })
        .collect()
}

/// The migrations without those that stand for others, are later than a version and have not run:
/// up to there, a history is what it was before. `None` where there are none.
pub fn before(
    to: &Version,
    statuses: &[Status<'_>],
    migrations: &[Migration],
) -> Option<Vec<Migration>> {
    let later: BTreeSet<_> = statuses
        .iter()
        .filter(|status| {
            matches!(
                status.state,
                State::Pending | State::Partial | State::Replaced
            )
        })
        .filter_map(|status| status.migration)
        .filter(|found| found.directives.replaces.is_some() && found.name.version > *to)
        .map(|found| &found.name)
        .collect();
    if later.is_empty() {
        return None;
    }
    let earlier = migrations
        .iter()
        .filter(|found| !later.contains(&found.name));
    Some(earlier.cloned().collect())
}

fn standing<'a>(statuses: &[Status<'a>]) -> impl Iterator<Item = &'a Migration> {
    statuses
        .iter()
        .filter_map(|status| status.migration)
        .filter(|migration| migration.directives.replaces.is_some())
}

fn find<'s, 'a>(
    statuses: &'s mut [Status<'a>],
    migration: &Migration,
) -> Option<&'s mut Status<'a>> {
    statuses.iter_mut().find(|status| {
        status
            .migration
            .is_some_and(|found| found.name == migration.name)
    })
}

fn identity(status: &Status<'_>) -> Option<Requirement> {
    Some(Requirement {
        track: status.track.clone(),
        version: status.version()?,
    })
}

/// What a database has, and what stands for what.
struct History {
    /// Those with a row, in whatever state.
    recorded: BTreeSet<Requirement>,
    applied: BTreeSet<Requirement>,
    wholes: BTreeMap<Requirement, BTreeSet<Requirement>>,
}

impl History {
    fn new(statuses: &[Status<'_>]) -> Self {
        let rows = || statuses.iter().filter(|status| status.row.is_some());
        let is_applied = |status: &&Status<'_>| {
            let state = status.row.map(|row| row.state);
            state == Some(RowState::Applied)
        };
        let mut history = Self {
            recorded: rows().filter_map(identity).collect(),
            applied: rows().filter(is_applied).filter_map(identity).collect(),
            wholes: BTreeMap::new(),
        };
        for squash in standing(statuses) {
            history.learn(squash, statuses);
        }
        history
    }

    fn learn(&mut self, squash: &Migration, statuses: &[Status<'_>]) {
        let Some(replaces) = &squash.directives.replaces else {
            return;
        };
        let span = &replaces.span;
        let of_track = |version: &Version| Requirement {
            track: span.track.clone(),
            version: version.clone(),
        };
        for (whole, parts) in &replaces.parts {
            let whole = whole.as_ref().map_or_else(|| squash.identity(), of_track);
            self.wholes
                .insert(whole, parts.iter().map(of_track).collect());
        }
        if replaces.parts.is_empty() {
            let ends = [&span.first, &span.last].map(of_track);
            let between = statuses.iter().filter_map(identity);
            let parts = between.filter(|found| span.holds(found)).chain(ends);
            self.wholes.insert(squash.identity(), parts.collect());
        }
    }

    /// Is it applied, or all that it stands for? A whole is later than its parts, so this ends.
    fn has(&self, wanted: &Requirement) -> bool {
        self.applied.contains(wanted)
            || self
                .wholes
                .get(wanted)
                .is_some_and(|parts| parts.iter().all(|part| self.has(part)))
    }

    /// All that one stands for, and what those stand for.
    fn members(&self, whole: &Requirement) -> BTreeSet<Requirement> {
        let mut members = BTreeSet::new();
        let mut open = vec![whole];
        while let Some(one) = open.pop() {
            let parts = self.wholes.get(one).into_iter().flatten();
            open.extend(parts.filter(|part| members.insert((*part).clone())));
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::compare;
    use super::*;
    use crate::database::ledger::Row;
    use crate::database::ledger::examples::row;
    use crate::tree::examples::{migration, squash, tracks};

    const A: &str = "20240101000000_core_a.sql";
    const B: &str = "20240102000000_core_b.sql";
    const C: &str = "20240103000000_core_c.sql";
    const S: &str = "20240102000001_core_s.sql";
    const T: &str = "20240103000001_core_t.sql";
    const RANGE: &str = "core/20240101000000..core/20240102000000";
    const MADE_OF: &str = "20240101000000 20240102000000";

    fn states(files: &[Migration], rows: &[Row]) -> Vec<(String, String)> {
        let tracks = tracks(&["core"]);
        let found = compare(&tracks, files, rows);
        let shown = found.iter().map(|status| {
            let row = status.row.map(|row| row.name.clone());
            let name = status.migration.map(|found| found.name.file_name()).or(row);
            let name = name.unwrap().chars().skip(20).take(1).collect();
            (name, status.state.to_string())
        });
        shown.collect()
    }

    fn are(found: &[(String, String)], expected: &[(&str, &str)]) {
        let found: Vec<_> = found
            .iter()
            .map(|(name, state)| (name.as_str(), state.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    fn s() -> Migration {
        squash(S, RANGE, &[MADE_OF])
    }

    #[test]
    fn none_of_it_and_the_new_one_is_pending() {
        let files = [migration(A), migration(B), s()];
        are(
            &states(&files, &[]),
            &[("a", "replaced"), ("b", "replaced"), ("s", "pending")],
        );
        are(&states(&[s()], &[]), &[("s", "pending")]);
    }

    #[test]
    fn all_of_it_is_the_new_one_with_or_without_the_files() {
        let rows = [row(A), row(B)];
        let files = [migration(A), migration(B), s()];
        are(
            &states(&files, &rows),
            &[("a", "applied"), ("b", "applied"), ("s", "applied")],
        );
        are(
            &states(&[s()], &rows),
            &[("a", "replaced"), ("b", "replaced"), ("s", "applied")],
        );
        let range = squash(S, RANGE, &[]);
        are(
            &states(&[range], &rows),
            &[("a", "replaced"), ("b", "replaced"), ("s", "applied")],
        );
    }

    #[test]
    fn some_of_it_is_neither() {
        for range in [s(), squash(S, RANGE, &[])] {
            let files = [migration(A), migration(B), range.clone()];
            are(
                &states(&files, &[row(A)]),
                &[("a", "applied"), ("b", "pending"), ("s", "partial")],
            );
            are(
                &states(&[range], &[row(A)]),
                &[("a", "missing"), ("s", "partial")],
            );
        }
        let failed = Row {
            state: RowState::Failed,
            ..row(B)
        };
        are(
            &states(&[s()], &[row(A), failed]),
            &[("a", "missing"), ("b", "missing"), ("s", "partial")],
        );
    }

    #[test]
    fn the_new_one_itself_is_enough() {
        let files = [migration(A), migration(B), s()];
        are(
            &states(&files, &[row(S)]),
            &[("a", "replaced"), ("b", "replaced"), ("s", "applied")],
        );
        are(
            &states(&[s()], &[row(A), row(S)]),
            &[("a", "replaced"), ("s", "applied")],
        );
    }

    #[test]
    fn a_squash_of_a_squash() {
        let whole = "core/20240101000000..core/20240103000000";
        let made_of = [
            "20240102000001 20240103000000",
            "20240101000000 20240102000000 as 20240102000001",
        ];
        let t = squash(T, whole, &made_of);
        // A database from before, one from between, one from now.
        are(
            &states(std::slice::from_ref(&t), &[row(A), row(B), row(C)]),
            &[
                ("a", "replaced"),
                ("b", "replaced"),
                ("c", "replaced"),
                ("t", "applied"),
            ],
        );
        are(
            &states(std::slice::from_ref(&t), &[row(S), row(C)]),
            &[("s", "replaced"), ("c", "replaced"), ("t", "applied")],
        );
        are(
            &states(
                &[migration(A), migration(B), s(), migration(C), t.clone()],
                &[],
            ),
            &[
                ("a", "replaced"),
                ("b", "replaced"),
                ("s", "replaced"),
                ("c", "replaced"),
                ("t", "pending"),
            ],
        );
        are(
            &states(&[s(), migration(C), t.clone()], &[row(A), row(B)]),
            &[
                ("a", "replaced"),
                ("b", "replaced"),
                ("s", "applied"),
                ("c", "pending"),
                ("t", "partial"),
            ],
        );
        are(
            &states(&[t], &[row(S)]),
            &[("s", "missing"), ("t", "partial")],
        );
    }

    #[test]
    fn a_file_that_came_late_is_none_of_them() {
        let files = [migration(A), migration("20240101120000_core_l.sql"), s()];
        are(
            &states(&files, &[]),
            &[("a", "replaced"), ("l", "pending"), ("s", "pending")],
        );
        let tracks = tracks(&["core"]);
        let found = late(&compare(&tracks, &files, &[]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn up_to_a_point_before_it_the_history_is_what_it_was() {
        let files = [migration(A), migration(B), s()];
        let tracks = tracks(&["core"]);
        let names = |rows: &[Row]| {
            let statuses = compare(&tracks, &files, rows);
            let found = before(
                &Version::parse("20240102000000").unwrap(),
                &statuses,
                &files,
            );
            found.map(|found| found.len())
        };
        assert_eq!(names(&[]), Some(2));
        assert_eq!(names(&[row(A)]), Some(2));
        assert_eq!(names(&[row(A), row(B)]), None);
        assert_eq!(names(&[row(S)]), None);
    }
}
