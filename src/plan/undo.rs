//! What an undo takes back, newest first, or why it must not. Pure.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::hindrance::{Hindrance, Hindrances};
use super::selection::obstacle;
use super::status::{State, Status};
use crate::database::ledger::Row;
use crate::tree::{Migration, Track, Version};

/// How far an undo goes. Neither is one step: more must be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// What is later than this version goes.
    pub to: Option<Version>,
    /// No more than so many.
    pub steps: Option<usize>,
}

impl Extent {
    /// What is still asked for after so many steps.
    pub fn after(&self, done: usize) -> Self {
        Self {
            to: self.to.clone(),
            steps: match (self.steps, &self.to) {
                (Some(steps), _) => Some(steps.saturating_sub(done)),
                (None, None) => Some(usize::from(done == 0)),
                (None, Some(_)) => None,
            },
        }
    }

    fn limit(&self) -> usize {
        match (self.steps, &self.to) {
            (Some(steps), _) => steps,
            (None, Some(_)) => usize::MAX,
            (None, None) => 1,
        }
    }

    fn takes(&self, status: &Status<'_>) -> bool {
        self.to.as_ref().is_none_or(|to| {
            let version = status.version();
            version.is_some_and(|version| version > *to)
        })
    }
}

/// An applied migration that is to be undone.
#[derive(Debug, Clone, Copy)]
pub struct Undoing<'a> {
    pub migration: &'a Migration,
    pub row: &'a Row,
}

/// What goes, in this order: what was applied last goes first, and what requires another goes before
/// it. `statuses` are those of all tracks that can be seen, `scope` those that may be undone.
///
/// # Errors
/// Everything that forbids it.
pub fn select<'a>(
    statuses: &[Status<'a>],
    scope: &BTreeSet<Track>,
    extent: &Extent,
) -> Result<Vec<Undoing<'a>>, Hindrances> {
    let mut hindrances = Vec::new();
    let mut applied: Vec<_> = Vec::new();
    for (place, status) in statuses.iter().enumerate() {
        let Some(row) = status.row else { continue };
        match status.state {
            _ if !scope.contains(status.track) || status.is_repeatable() => {}
            State::Failed | State::Running => {
                hindrances.extend(obstacle(status).map(Hindrance::Obstacle));
            }
            _ => applied.push((Reverse((row.applied_at, place)), status)),
        }
    }
    applied.sort_by_key(|(age, _)| *age);
    let mut chosen = Vec::new();
    let newest = applied.into_iter().map(|(_, status)| status);
    for status in newest
        .filter(|status| extent.takes(status))
        .take(extent.limit())
    {
        if let (Some(squash), Some(row)) = (status.squash, status.row) {
            hindrances.push(Hindrance::Squashed {
                recorded: row.name.clone(),
                squash: squash.name.clone(),
            });
            continue;
        }
        match (obstacle(status), status.migration, status.row) {
            (Some(found), ..) => hindrances.push(Hindrance::Obstacle(found)),
            (None, Some(migration), _) if migration.undo.is_none() => {
                hindrances.push(Hindrance::NoUndo {
                    name: migration.name.clone(),
                });
            }
            (None, Some(migration), Some(row)) => chosen.push(Undoing { migration, row }),
            (None, ..) => {}
        }
    }
    let chosen = dependants_first(chosen);
    hindrances.extend(still_required(statuses, &chosen));
    if hindrances.is_empty() {
        Ok(chosen)
    } else {
        Err(Hindrances(hindrances))
    }
}

/// Has each of these migrations a file that undoes it?
pub fn require_files(migrations: &[&Migration]) -> Result<(), Hindrances> {
    let without: Vec<_> = migrations
        .iter()
        .filter(|migration| migration.undo.is_none())
        .map(|migration| Hindrance::NoUndo {
            name: migration.name.clone(),
        })
        .collect();
    if without.is_empty() {
        Ok(())
    } else {
        Err(Hindrances(without))
    }
}

/// Brings what requires another before it. Where times tell the truth, it is there already.
fn dependants_first(chosen: Vec<Undoing<'_>>) -> Vec<Undoing<'_>> {
    let mut waiting = chosen;
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = waiting
            .iter()
            .position(|one| !waiting.iter().any(|other| requires(other.migration, one)))
            // Those that require each other keep their order.
            .unwrap_or(0);
        ordered.push(waiting.remove(free));
    }
    ordered
}

fn requires(migration: &Migration, required: &Undoing<'_>) -> bool {
    let mut requires = migration.directives.requires.iter();
    requires.any(|one| required.migration.provides(one))
}

/// What stays in the database and requires what goes.
fn still_required(statuses: &[Status<'_>], chosen: &[Undoing<'_>]) -> Vec<Hindrance> {
    let going: BTreeSet<_> = chosen.iter().map(|one| &one.migration.name).collect();
    let staying = statuses
        .iter()
        .filter(|status| status.row.is_some())
        .filter_map(|status| status.migration)
        .filter(|migration| !going.contains(&migration.name));
    staying
        .flat_map(|by| {
            let needed = chosen.iter().filter(|one| requires(by, one));
            needed.map(|one| Hindrance::Required {
                name: one.migration.name.clone(),
                by: by.name.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::RowState;
    use crate::database::ledger::examples::row;
    use crate::plan::status::compare;
    use crate::tree::examples::{migration, squash, tracks};

    const A: &str = "20240101000000_core_a.sql";
    const B: &str = "20240102000000_core_b.sql";
    const I: &str = "20240101000000_impl_i.sql";

    fn undoable(file: &str, requires: &[&str]) -> Migration {
        let mut found = migration(file);
        found.undo = Some(found.path.with_extension("down.sql"));
        found.directives.requires = requires.iter().map(|text| text.parse().unwrap()).collect();
        found
    }

    fn at(file: &str, moment: &str) -> Row {
        Row {
            applied_at: Some(format!("2024-05-01T{moment}Z").parse().unwrap()),
            ..row(file)
        }
    }

    fn undone(
        files: &[Migration],
        rows: &[Row],
        scope: &[&str],
        extent: &Extent,
    ) -> Result<Vec<String>, Vec<Hindrance>> {
        let all = tracks(&["core", "impl"]);
        let statuses = compare(&all, files, rows);
        select(&statuses, &tracks(scope), extent)
            .map(|chosen| {
                let names = chosen.iter().map(|one| one.migration.name.file_name());
                names.collect()
            })
            .map_err(|hindrances| hindrances.0)
    }

    const ALL: [&str; 2] = ["core", "impl"];

    fn extent(to: Option<&str>, steps: Option<usize>) -> Extent {
        let to = to.map(|to| Version::parse(to).unwrap());
        Extent { to, steps }
    }

    #[test]
    fn what_was_applied_last_goes_first_and_alone() {
        let files = [undoable(A, &[]), undoable(B, &[]), undoable(I, &[])];
        let rows = [at(A, "10:00:02"), at(B, "10:00:01"), at(I, "10:00:03")];
        let found = |to, steps| undone(&files, &rows, &ALL, &extent(to, steps)).unwrap();
        assert_eq!(found(None, None), [I]);
        assert_eq!(found(None, Some(2)), [I, A]);
        assert_eq!(found(None, Some(0)), [] as [&str; 0]);
        assert_eq!(found(Some("20240101000000"), None), [B]);
        assert_eq!(found(Some("20230101000000"), None), [I, A, B]);
        assert_eq!(found(Some("20230101000000"), Some(1)), [I]);
        assert_eq!(
            undone(&files, &rows, &["core"], &Extent::default()).unwrap(),
            [A]
        );
    }

    #[test]
    fn without_times_the_order_is_that_of_the_ledger() {
        let files = [undoable(A, &[]), undoable(B, &[])];
        let found = undone(&files, &[row(A), row(B)], &ALL, &extent(None, Some(9)));
        assert_eq!(found.unwrap(), [B, A]);
    }

    #[test]
    fn only_what_is_to_go_is_in_the_way_and_all_of_it_at_once() {
        let changed = Row {
            hash: "other".to_owned(),
            ..at(B, "10:00:02")
        };
        let files = [migration(A), undoable(B, &[])];
        let rows = [at(A, "10:00:01"), changed];
        let found = undone(&files, &rows, &ALL, &extent(None, Some(2))).unwrap_err();
        assert!(
            matches!(
                found.as_slice(),
                [Hindrance::Obstacle(_), Hindrance::NoUndo { .. }]
            ),
            "{found:?}"
        );
        let unfinished = Row {
            state: RowState::Failed,
            ..at(A, "10:00:01")
        };
        let found = undone(
            &files,
            &[unfinished, at(B, "10:00:02")],
            &ALL,
            &Extent::default(),
        );
        assert!(matches!(
            found.unwrap_err().as_slice(),
            [Hindrance::Obstacle(_)]
        ));
    }

    #[test]
    fn what_stays_and_requires_it_forbids_it() {
        let files = [undoable(A, &[]), undoable(I, &["core/20240101000000"])];
        let rows = [at(A, "10:00:02"), at(I, "10:00:01")];
        let found = undone(&files, &rows, &["core"], &Extent::default()).unwrap_err();
        assert!(
            matches!(found.as_slice(), [Hindrance::Required { .. }]),
            "{found:?}"
        );
        // Together they can go, whatever the times say.
        let both = undone(&files, &rows, &ALL, &extent(None, Some(2)));
        assert_eq!(both.unwrap(), [I, A]);
        let alone = undone(&files, &rows[..1], &["core"], &Extent::default());
        assert_eq!(alone.unwrap(), [A], "the other one is not applied");
    }

    #[test]
    fn a_part_of_what_another_stands_for_does_not_go_alone() {
        const S: &str = "20240102000001_core_s.sql";
        let range = "core/20240101000000..core/20240102000000";
        let files = [undoable(A, &[]), undoable(B, &[]), squash(S, range, &[])];
        let rows = [at(A, "10:00:01"), at(B, "10:00:02")];
        let found = undone(&files, &rows, &ALL, &Extent::default()).unwrap_err();
        assert!(
            matches!(found.as_slice(), [Hindrance::Squashed { recorded, .. }] if recorded == B),
            "{found:?}"
        );
        let found = undone(&files, &[at(S, "10:00:01")], &ALL, &Extent::default());
        assert!(matches!(
            found.unwrap_err().as_slice(),
            [Hindrance::NoUndo { .. }]
        ));
        let mut standing = files[2].clone();
        standing.undo = Some("/db/s.down.sql".into());
        let files = [standing, undoable(I, &["core/20240102000000"])];
        let rows = [at(S, "10:00:01"), at(I, "10:00:00")];
        let found = undone(&files, &rows, &ALL, &Extent::default()).unwrap_err();
        assert!(
            matches!(found.as_slice(), [Hindrance::Required { .. }]),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_left_after_some_steps() {
        let after = |to, steps, done| extent(to, steps).after(done).limit();
        assert_eq!(after(None, None, 0), 1);
        assert_eq!(after(None, None, 1), 0);
        assert_eq!(after(None, Some(3), 2), 1);
        assert_eq!(after(Some("20240101000000"), None, 5), usize::MAX);
    }
}
