//! The order in which migrations run where some require others, or prepare for them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Obstacle;
use super::obstacle::{Link, Wait};
use super::status::There;
use crate::database::ledger::Row;
use crate::tree::{Migration, Requirement};

/// Puts pending migrations in order: as they come, but what one requires is pulled forward, with all
/// that comes before it in its own track; and a bridge goes right before the step that it leads to.
/// Nobody waits for what is `needless`.
///
/// # Errors
/// What is required and is neither there nor pending here, a bridge that leads nowhere, and what
/// waits for itself.
pub(super) fn order<'a>(
    pending: &[&'a Migration],
    rows: &[Row],
    needless: &BTreeSet<Requirement>,
) -> Result<Vec<&'a Migration>, Vec<Obstacle>> {
    if pending
        .iter()
        .all(|migration| migration.directives.other_steps().next().is_none())
    {
        return Ok(pending.to_vec());
    }
    let mut ordering = Ordering::new(pending, rows, needless);
    for place in 0..pending.len() {
        ordering.visit(place, Wait::Requirement);
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

struct Ordering<'p, 'a> {
    pending: &'p [&'a Migration],
    there: There<'p>,
    needless: &'p BTreeSet<Requirement>,
    places: BTreeMap<Requirement, usize>,
    /// For each, the one before it in its track.
    previous: Vec<Option<usize>>,
    /// Where the bridges lead.
    targets: BTreeMap<usize, usize>,
    /// The bridges to each step.
    bridges: BTreeMap<usize, Vec<usize>>,
    done: BTreeSet<usize>,
    /// The bridges whose steps are being visited for them: two may lead to each other.
    led: BTreeSet<usize>,
    /// Those that wait, the first one first, each with why the one before waits for it.
    open: Vec<(usize, Wait)>,
    ordered: Vec<&'a Migration>,
    obstacles: Vec<Obstacle>,
}

impl<'p, 'a> Ordering<'p, 'a> {
    fn new(
        pending: &'p [&'a Migration],
        rows: &'p [Row],
        needless: &'p BTreeSet<Requirement>,
    ) -> Self {
        let mut ordering = Self {
            pending,
            there: There::new(rows),
            needless,
            places: pending
                .iter()
                .enumerate()
                .map(|(place, migration)| (migration.identity(), place))
                .collect(),
            previous: previous(pending),
            targets: BTreeMap::new(),
            bridges: BTreeMap::new(),
            done: BTreeSet::new(),
            led: BTreeSet::new(),
            open: Vec::new(),
            ordered: Vec::new(),
            obstacles: Vec::new(),
        };
        for place in 0..pending.len() {
            ordering.lead(place);
        }
        ordering
    }

    /// Finds the step that a bridge leads to.
    fn lead(&mut self, place: usize) {
        let Some(migration) = self.pending.get(place) else {
            return;
        };
        let Some(bridge) = &migration.directives.before else {
            return;
        };
        let name = || migration.name.clone();
        match self.place(&bridge.step) {
            _ if bridge.step.track == migration.name.track => {
                self.obstacles.push(Obstacle::OwnBridge { name: name() });
            }
            Some(step) => {
                self.targets.insert(place, step);
                self.bridges.entry(step).or_default().push(place);
            }
            None if self.is_there(&bridge.step) => {}
            None => self.obstacles.push(Obstacle::UnmetBridge {
                name: name(),
                step: bridge.step.clone(),
            }),
        }
    }

    fn visit(&mut self, place: usize, wait: Wait) {
        let Some(&migration) = self.pending.get(place) else {
            return;
        };
        if self.done.contains(&place) {
            return;
        }
        if let Some(first) = self.open.iter().position(|(open, _)| *open == place) {
            return self.circle(first, wait);
        }
        // A bridge comes with its step, unless something on the way there waits for the bridge.
        if let Some(&step) = self.targets.get(&place)
            && self.is_free(step)
            && self.led.insert(place)
        {
            self.visit(step, wait);
            self.led.remove(&place);
            return;
        }
        self.open.push((place, wait));
        // A track is in order within itself. The first one goes first, and so this does not go
        // deeper than requirements do.
        for before in self.waiting_before(place).into_iter().rev() {
            self.visit(before, Wait::Track);
        }
        for required in &migration.directives.requires {
            match self.place(required) {
                Some(required) => self.visit(required, Wait::Requirement),
                None if self.is_there(required) => {}
                None => self.obstacles.push(Obstacle::Unmet {
                    name: migration.name.clone(),
                    required: required.clone(),
                }),
            }
        }
        for bridge in self.bridges.get(&place).cloned().unwrap_or_default() {
            self.visit(bridge, Wait::Bridge);
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

    fn is_there(&self, required: &Requirement) -> bool {
        self.there.has(required) || self.needless.contains(required)
    }

    /// What comes before in the same track and is not done, the nearest first.
    fn waiting_before(&self, place: usize) -> Vec<usize> {
        let previous = |place: &usize| self.previous.get(*place).copied().flatten();
        std::iter::successors(previous(&place), previous)
            .take_while(|place| !self.done.contains(place))
            .collect()
    }

    /// Does a step wait for nothing that is waiting already?
    fn is_free(&self, step: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![step];
        while let Some(place) = next.pop() {
            if self.done.contains(&place) || !seen.insert(place) {
                continue;
            }
            if self.open.iter().any(|(open, _)| *open == place) {
                return false;
            }
            let requires = self.pending.get(place).map(|one| &one.directives.requires);
            let required = requires.into_iter().flatten();
            next.extend(required.filter_map(|required| self.place(required)));
            next.extend(self.previous.get(place).copied().flatten());
            next.extend(self.bridges.get(&place).into_iter().flatten());
        }
        true
    }

    /// The last of those that are open waits for the one at this position.
    fn circle(&mut self, first: usize, wait: Wait) {
        let circle: Vec<_> = self.open.iter().skip(first).copied().collect();
        let reasons = circle.iter().skip(1).map(|(_, wait)| *wait);
        let links = circle
            .iter()
            .zip(reasons.chain([wait]))
            .filter_map(|((place, _), wait)| {
                let name = self.pending.get(*place)?.name.clone();
                Some(Link { name, wait })
            });
        let found = Obstacle::Circle {
            links: links.collect(),
        };
        if !self.obstacles.contains(&found) {
            self.obstacles.push(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::RowState;
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
        order(&pending, rows, &BTreeSet::new()).map(shown)
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

    fn bridge(file: &str, text: &str) -> Migration {
        let mut migration = migration(file);
        migration.directives.before = Some(text.parse().unwrap());
        migration
    }

    #[test]
    fn a_bridge_goes_right_before_its_step_with_its_track() {
        let migrations = [
            requiring("20240101000000_core_a.sql", &[]),
            requiring("20240102000000_core_b.sql", &[]),
            requiring("20240103000000_core_c.sql", &[]),
            requiring("20240101000000_acme_a.sql", &[]),
            bridge("20240102000000_acme_b.sql", "core/20240103000000"),
            requiring("20240103000000_acme_c.sql", &[]),
        ];
        let expected = ["core_a", "core_b", "acme_a", "acme_b", "core_c", "acme_c"];
        assert_eq!(ordered(&migrations, &[]).unwrap(), expected);
        // From a track that comes first in the plan to one that comes later.
        let migrations = [
            requiring("20240101000000_core_a.sql", &[]),
            bridge("20240102000000_core_b.sql", "impl/20240102000000"),
            requiring("20240103000000_core_c.sql", &[]),
            requiring("20240101000000_impl_a.sql", &[]),
            requiring("20240102000000_impl_b.sql", &[]),
        ];
        let expected = ["core_a", "impl_a", "core_b", "impl_b", "core_c"];
        assert_eq!(ordered(&migrations, &[]).unwrap(), expected);
    }

    #[test]
    fn what_a_step_needs_of_the_bridges_own_track_is_no_circle() {
        let migrations = [
            bridge("20240101000000_core_a.sql", "impl/20240102000000"),
            requiring("20240102000000_core_b.sql", &[]),
            requiring("20240101000000_impl_a.sql", &[]),
            requiring("20240102000000_impl_b.sql", &["core/20240102000000"]),
        ];
        assert_eq!(
            ordered(&migrations, &[]).unwrap(),
            ["impl_a", "core_a", "core_b", "impl_b"]
        );
    }

    #[test]
    fn two_bridges_and_a_bridge_to_a_bridge() {
        let migrations = [
            requiring("20240101000000_core_a.sql", &[]),
            bridge("20240101000000_acme_a.sql", "core/20240101000000"),
            bridge("20240101000000_bolt_a.sql", "acme/20240101000000"),
            bridge("20240101000000_impl_a.sql", "core/20240101000000"),
        ];
        assert_eq!(
            ordered(&migrations, &[]).unwrap(),
            ["bolt_a", "acme_a", "impl_a", "core_a"]
        );
    }

    #[test]
    fn a_bridge_that_leads_nowhere_is_named() {
        let file = "20240101000000_acme_a.sql";
        let nowhere = [bridge(file, "core/20240101000000")];
        assert!(matches!(
            ordered(&nowhere, &[]).unwrap_err().as_slice(),
            [Obstacle::UnmetBridge { .. }]
        ));
        let there = [row("20240101000000_core_a.sql")];
        let or_now = [bridge(file, "core/20240101000000 or-now")];
        assert_eq!(ordered(&or_now, &there).unwrap(), ["acme_a"]);
        let own = [bridge(file, "acme/20240102000000")];
        assert!(matches!(
            ordered(&own, &[]).unwrap_err().as_slice(),
            [Obstacle::OwnBridge { .. }]
        ));
    }

    #[test]
    fn a_contradiction_names_its_edges() {
        // The bridge comes behind what requires the step that it should come before.
        let migrations = [
            requiring("20240101000000_core_a.sql", &[]),
            requiring("20240101000000_acme_a.sql", &["core/20240101000000"]),
            bridge("20240102000000_acme_b.sql", "core/20240101000000"),
        ];
        let found = ordered(&migrations, &[]).unwrap_err();
        let [circle] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(
            circle.to_string(),
            "these migrations wait for each other:\n  \
             20240102000000_acme_b.sql is to run before 20240101000000_core_a.sql\n  \
             20240102000000_acme_b.sql comes after 20240101000000_acme_a.sql in its track\n  \
             20240101000000_acme_a.sql requires 20240101000000_core_a.sql"
        );
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
