//! What migrations use of other tracks, and whether they say so. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Migration, Requirement, Track, Version};

/// That a migration uses what another track's has made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub user: Requirement,
    /// What made the object.
    pub maker: Requirement,
    pub object: String,
    /// Is it this object for sure? A function may be another one of its name.
    pub is_certain: bool,
}

/// The needs that no `requires` covers: of each migration the latest for each other track, which would
/// cover the others, and the latest guess if it is later.
pub fn undeclared<'m>(
    needs: impl IntoIterator<Item = Need>,
    migrations: impl Iterator<Item = &'m Migration>,
) -> Vec<Need> {
    let migrations: Vec<_> = migrations
        .filter(|found| !found.name.is_repeatable())
        .collect();
    let mut latest: BTreeMap<(Requirement, Track, bool), Need> = BTreeMap::new();
    for need in needs {
        if need.user.track == need.maker.track || is_declared(&need, &migrations) {
            continue;
        }
        let key = (need.user.clone(), need.maker.track.clone(), need.is_certain);
        match latest.get(&key) {
            Some(known) if known.maker.version >= need.maker.version => {}
            _ => drop(latest.insert(key, need)),
        }
    }
    let is_news = |need: &&Need| {
        let key = (need.user.clone(), need.maker.track.clone(), true);
        let known = latest.get(&key).map(|known| &known.maker.version);
        need.is_certain || known.is_none_or(|known| *known < need.maker.version)
    };
    latest.values().filter(is_news).cloned().collect()
}

/// Is the maker among what must be applied before the user: what it requires, what that requires in turn,
/// and what comes before each of them in its track?
fn is_declared(need: &Need, migrations: &[&Migration]) -> bool {
    let mut before: BTreeMap<&Track, &Version> =
        BTreeMap::from([(&need.user.track, &need.user.version)]);
    let mut seen = BTreeSet::new();
    loop {
        let reached: Vec<_> = migrations
            .iter()
            .filter(|found| {
                let last = before.get(&found.name.track);
                last.is_some_and(|last| found.name.version <= **last)
            })
            .filter(|found| seen.insert(&found.name))
            .flat_map(|found| &found.directives.requires)
            .collect();
        if reached.is_empty() {
            break;
        }
        for required in reached {
            let last = before.entry(&required.track).or_insert(&required.version);
            // What stands for a requirement comes with it.
            let providers = migrations.iter().filter(|found| found.provides(required));
            let versions = providers.map(|found| &found.name.version);
            *last = versions
                .chain([*last, &required.version])
                .max()
                .unwrap_or(*last);
        }
    }
    let last = before.get(&need.maker.track);
    last.is_some_and(|last| need.maker.version <= **last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::examples::migration;

    fn requirement(text: &str) -> Requirement {
        text.parse().unwrap()
    }

    fn found(requires: &[(&str, &str)], user: &str, maker: &str) -> usize {
        let migrations: Vec<_> = requires
            .iter()
            .map(|(name, required)| {
                let mut migration = migration(name);
                migration.directives.requires = vec![requirement(required)];
                migration
            })
            .collect();
        let need = Need {
            user: requirement(user),
            maker: requirement(maker),
            object: String::new(),
            is_certain: true,
        };
        undeclared([need], migrations.iter()).len()
    }

    #[test]
    fn a_guess_is_told_only_beyond_what_is_known() {
        let migrations = [migration("20240105000000_impl_a.sql")];
        let need = |maker: &str, is_certain| Need {
            user: requirement("impl/20240105000000"),
            maker: requirement(maker),
            object: String::new(),
            is_certain,
        };
        let found = |guess: &str| {
            let needs = [need("core/20240102000000", true), need(guess, false)];
            undeclared(needs, migrations.iter()).len()
        };
        assert_eq!(found("core/20240101000000"), 1);
        assert_eq!(found("core/20240103000000"), 2);
        assert_eq!(found("acme/20240101000000"), 2);
    }

    #[test]
    fn a_requirement_covers_what_comes_before_it_and_what_it_requires() {
        let requires = [
            ("20240105000000_impl_a.sql", "core/20240103000000"),
            ("20240101000000_acme_a.sql", "impl/20240106000000"),
        ];
        let acme = "acme/20240102000000";
        assert_eq!(
            found(&requires, "impl/20240105000000", "core/20240103000000"),
            0
        );
        assert_eq!(
            found(&requires, "impl/20240105000000", "core/20240101000000"),
            0
        );
        assert_eq!(
            found(&requires, "impl/20240105000000", "core/20240104000000"),
            1
        );
        assert_eq!(
            found(&requires, "impl/20240104000000", "core/20240103000000"),
            1
        );
        assert_eq!(found(&requires, acme, "core/20240103000000"), 0);
        assert_eq!(found(&requires, acme, "core/20240104000000"), 1);
        assert_eq!(found(&requires, acme, "acme/20240101000000"), 0);
    }
}
