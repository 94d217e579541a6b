//! The order in which migrations run where some require others. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Obstacle;
use crate::database::ledger::{Row, RowState};
use crate::tree::{Migration, Requirement};

/// Puts pending migrations in order: as they come, but what one requires is pulled forward, with all
/// that comes before it in its own track.
///
/// # Errors
/// What is required and is neither applied nor pending here, and what requires itself.
pub(super) fn order<'a>(
    pending: &[&'a Migration],
    rows: &[Row],
) -> Result<Vec<&'a Migration>, Vec<Obstacle>> {
    if pending
        .iter()
        .all(|migration| migration.directives.requires.is_empty())
    {
        return Ok(pending.to_vec());
    }
    let mut ordering = Ordering {
        pending,
        places: pending
            .iter()
            .enumerate()
            .map(|(place, migration)| (migration.identity(), place))
            .collect(),
        previous: previous(pending),
        applied: applied(rows),
        rows,
        done: BTreeSet::new(),
        open: Vec::new(),
        ordered: Vec::new(),
        obstacles: Vec::new(),
    };
    for place in 0..pending.len() {
        ordering.visit(place);
    }
    if ordering.obstacles.is_empty() {
        Ok(ordering.ordered)
    } else {
        Err(ordering.obstacles)
    }
}

fn previous(pending: &[&Migration]) -> Vec<Option<usize>> {
    let mut latest = BTreeMap::new();
    pending
        .iter()
        .enumerate()
        .map(|(place, migration)| latest.insert(&migration.name.track, place))
        .collect()
}

fn applied(rows: &[Row]) -> BTreeSet<Requirement> {
    rows.iter()
        .filter(|row| row.state == RowState::Applied)
        .filter_map(|row| {
            Some(Requirement {
                track: row.track.clone(),
                version: row.version()?,
            })
        })
        .collect()
}

struct Ordering<'p, 'a> {
    pending: &'p [&'a Migration],
    places: BTreeMap<Requirement, usize>,
    /// For each, the one before it in its track.
    previous: Vec<Option<usize>>,
    applied: BTreeSet<Requirement>,
    rows: &'p [Row],
    done: BTreeSet<usize>,
    /// Those that wait for what they require, the first one first.
    open: Vec<usize>,
    ordered: Vec<&'a Migration>,
    obstacles: Vec<Obstacle>,
}

impl Ordering<'_, '_> {
    fn visit(&mut self, place: usize) {
        let Some(&migration) = self.pending.get(place) else {
            return;
        };
        if self.done.contains(&place) {
            return;
        }
        if let Some(first) = self.open.iter().position(|open| *open == place) {
            return self.circle(first);
        }
        self.open.push(place);
        // A track is in order within itself. The first one goes first, and so this does not go
        // deeper than requirements do.
        for before in self.waiting_before(place).into_iter().rev() {
            self.visit(before);
        }
        for required in &migration.directives.requires {
            match self.place(required) {
                Some(required) => self.visit(required),
                None if self.is_applied(required) => {}
                None => self.obstacles.push(Obstacle::Unmet {
                    name: migration.name.clone(),
                    required: required.clone(),
                }),
            }
        }
        self.open.pop();
        if self.done.insert(place) {
            self.ordered.push(migration);
        }
    }

    /// Of the migration itself, or of the one that stands for it.
    fn place(&self, required: &Requirement) -> Option<usize> {
        let itself = self.places.get(required).copied();
        itself.or_else(|| {
            let mut pending = self.pending.iter();
            pending.position(|found| found.provides(required))
        })
    }

    fn is_applied(&self, required: &Requirement) -> bool {
        let mut applied = self
            .rows
            .iter()
            .filter(|row| row.state == RowState::Applied && row.track == required.track);
        self.applied.contains(required) || applied.any(|row| row.stands_for(required))
    }

    /// What comes before in the same track and is not done, the nearest first.
    fn waiting_before(&self, place: usize) -> Vec<usize> {
        let previous = |place: &usize| self.previous.get(*place).copied().flatten();
        std::iter::successors(previous(&place), previous)
            .take_while(|place| !self.done.contains(place))
            .collect()
    }

    fn circle(&mut self, first: usize) {
        let names: Vec<_> = self
            .open
            .iter()
            .skip(first)
            .filter_map(|place| self.pending.get(*place))
            .map(|migration| migration.name.clone())
            .collect();
        let found = Obstacle::Circle { names };
        if !self.obstacles.contains(&found) {
            self.obstacles.push(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::examples::row;
    use crate::tree::checksum::REPLACED;
    use crate::tree::examples::{migration, squash};

    fn requiring(file: &str, required: &[&str]) -> Migration {
        let mut migration = migration(file);
        migration.directives.requires = required.iter().map(|text| text.parse().unwrap()).collect();
        migration
    }

    fn ordered(migrations: &[Migration], rows: &[Row]) -> Result<Vec<String>, Vec<Obstacle>> {
        let pending: Vec<_> = migrations.iter().collect();
        let shown = |found: Vec<&Migration>| {
            let names = found.into_iter();
            names.map(|found| found.name.stem().split_off(15)).collect()
        };
        order(&pending, rows).map(shown)
    }

    #[test]
    fn what_is_required_is_pulled_forward_with_its_track() {
        let migrations = [
            requiring("20240101000000_core_a.sql", &[]),
            requiring("20240102000000_core_b.sql", &["impl/20240102000000"]),
            requiring("20240101000000_acme_a.sql", &[]),
            requiring("20240101000000_impl_a.sql", &[]),
            requiring("20240102000000_impl_b.sql", &[]),
            requiring("20240103000000_impl_c.sql", &["core/20240102000000"]),
        ];
        assert_eq!(
            ordered(&migrations, &[]).unwrap(),
            ["core_a", "impl_a", "impl_b", "core_b", "acme_a", "impl_c"]
        );
    }

    #[test]
    fn what_is_applied_is_enough_and_what_is_nowhere_is_named() {
        let migrations = [requiring(
            "20240102000000_core_b.sql",
            &["impl/20240102000000"],
        )];
        let rows = [row("20240102000000_impl_other_words.sql")];
        assert_eq!(ordered(&migrations, &rows).unwrap(), ["core_b"]);
        match ordered(&migrations, &[]).unwrap_err().as_slice() {
            [Obstacle::Unmet { required, .. }] => {
                assert_eq!(required.to_string(), "impl/20240102000000");
            }
            other => panic!("{other:?}"),
        }
        let failed = Row {
            state: RowState::Failed,
            ..row("20240102000000_impl_b.sql")
        };
        assert!(ordered(&migrations, &[failed]).is_err());
    }

    #[test]
    fn what_stands_for_it_is_enough() {
        let range = "core/20240101000000..core/20240102000000";
        let standing = squash("20240102000001_core_s.sql", range, &[]);
        let needing = requiring("20240101000000_acme_a.sql", &["core/20240102000000"]);
        let pending = [needing.clone(), standing.clone()];
        assert_eq!(ordered(&pending, &[]).unwrap(), ["core_s", "acme_a"]);
        let recorded = Row {
            parts: [(range.to_owned(), REPLACED.to_owned())].into(),
            ..row("20240102000001_core_s.sql")
        };
        // Also in a tree without the file.
        assert_eq!(
            ordered(std::slice::from_ref(&needing), &[recorded]).unwrap(),
            ["acme_a"]
        );
        assert!(ordered(&[needing], &[row("20240102000001_core_s.sql")]).is_err());
    }

    #[test]
    fn a_circle_is_named_once() {
        let circles: [&[Migration]; 3] = [
            &[requiring(
                "20240101000000_core_a.sql",
                &["core/20240101000000"],
            )],
            &[
                requiring("20240101000000_core_a.sql", &["impl/20240101000000"]),
                requiring("20240101000000_impl_a.sql", &["core/20240101000000"]),
            ],
            // By way of the order within a track.
            &[
                requiring("20240101000000_core_a.sql", &["impl/20240102000000"]),
                requiring("20240101000000_impl_a.sql", &["core/20240101000000"]),
                requiring("20240102000000_impl_b.sql", &[]),
            ],
        ];
        for migrations in circles {
            let found = ordered(migrations, &[]).unwrap_err();
            assert!(
                matches!(found.as_slice(), [Obstacle::Circle { .. }]),
                "{found:?}"
            );
        }
    }

    #[test]
    fn ten_thousand_do_not_overflow() {
        let migrations: Vec<_> = (0..10_000)
            .map(|number| {
                let required: &[&str] = if number == 0 {
                    &["impl/20240101000000"]
                } else {
                    &[]
                };
                requiring(&format!("{:014}_core_a.sql", number + 1), required)
            })
            .chain([requiring("20240101000000_impl_a.sql", &[])])
            .collect();
        assert_eq!(ordered(&migrations, &[]).unwrap().len(), 10_001);
    }
}
