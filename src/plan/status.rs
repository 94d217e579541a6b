//! Where every migration stands: the files and the ledgers, joined.
//! Pure; `status` shows it and the plan is made from it.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use super::repeatables::Due;
use super::replacement;
use crate::database::ledger::{Row, RowState};
use crate::tree::checksum::REPLACED;
use crate::tree::{Migration, Requirement, Track, Version};

/// The state of one migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// A file that no ledger knows.
    Pending,
    /// In the ledger, with the file's content of today.
    Applied,
    /// In the ledger, with another content.
    Changed,
    /// In the ledger, and the file is gone.
    Missing,
    /// Another migration stands for it: it need not run, or need not have a file any more.
    Replaced,
    /// It stands for others, of which some are applied and some are not.
    Partial,
    /// A step outside a transaction failed part of the way.
    Failed,
    /// A step outside a transaction began and did not report back.
    Running,
    /// A bridge to a step that is applied already.
    NotNeeded,
}

/// One migration, seen from both sides; at least one of them is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status<'a> {
    /// The track, which both sides share.
    pub track: &'a Track,
    pub migration: Option<&'a Migration>,
    pub row: Option<&'a Row>,
    pub state: State,
    /// The migration that stands for it.
    pub squash: Option<&'a Migration>,
    /// Why a repeatable is pending.
    pub due: Option<Due>,
}

/// Joins files and rows of the given tracks, in plan order.
///
/// A row belongs to the file of its name, else to the file of its version: the digits identify
/// a migration, and a new description alone makes no new one.
pub fn compare<'a>(
    tracks: &'a BTreeSet<Track>,
    migrations: &'a [Migration],
    rows: &'a [Row],
) -> Vec<Status<'a>> {
    let files = migrations
        .iter()
        .filter(|migration| tracks.contains(&migration.name.track));
    let has_bridges = migrations
        .iter()
        .any(|migration| migration.directives.before.is_some());
    // Of all tracks: a bridge leads to another.
    let there = has_bridges.then(|| There::new(rows));
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| tracks.contains(&row.track))
        .collect();
    let known = Known::new(&rows);
    let mut taken = BTreeSet::new();
    let mut statuses: Vec<_> = files
        .map(|migration| {
            let found = known.row_of(migration);
            taken.extend(found.map(|(index, _)| index));
            let row = found.map(|(_, row)| row);
            Status {
                track: &migration.name.track,
                migration: Some(migration),
                row,
                state: row.map_or_else(
                    || state_without_row(migration, there.as_ref()),
                    |row| state(migration, row),
                ),
                squash: None,
                due: None,
            }
            .repeatable()
        })
        .collect();
    let gone = rows
        .iter()
        .enumerate()
        .filter(|(index, _)| !taken.contains(index));
    statuses.extend(gone.map(|(_, row)| Status {
        track: &row.track,
        migration: None,
        row: Some(row),
        state: State::Missing,
        squash: None,
        due: None,
    }));
    statuses.sort_by_cached_key(|status| {
        let repeatable = status.is_repeatable().then(|| status.name());
        (status.track, repeatable, status.version())
    });
    replacement::settle(&mut statuses);
    statuses
}

impl Status<'_> {
    /// A repeatable whose files changed is to be applied again.
    fn repeatable(self) -> Self {
        let Some(migration) = self.migration.filter(|found| found.name.is_repeatable()) else {
            return self;
        };
        match (self.state, self.row) {
            (State::Pending, _) => self.due(Due::New),
            (State::Changed, Some(row)) => self.due(Due::by_files(migration, row)),
            _ => self,
        }
    }

    pub fn due(self, due: Due) -> Self {
        Self {
            state: State::Pending,
            due: Some(due),
            ..self
        }
    }

    pub fn is_repeatable(&self) -> bool {
        match (self.migration, self.row) {
            (Some(migration), _) => migration.name.is_repeatable(),
            (None, row) => row.is_some_and(Row::is_repeatable),
        }
    }

    /// The file's name, or the recorded one where it is gone.
    pub fn name(&self) -> String {
        match (self.migration, self.row) {
            (Some(migration), _) => migration.name.file_name(),
            (None, row) => row.map(|row| row.name.clone()).unwrap_or_default(),
        }
    }

    /// Which of its files have another content than when it was applied: the migration itself, or
    /// what it includes.
    pub fn changes(&self) -> Vec<String> {
        let (State::Changed, Some(migration), Some(row)) = (self.state, self.migration, self.row)
        else {
            return vec![];
        };
        let now = migration.checksum.parts();
        let names: BTreeSet<_> = now.keys().chain(row.parts.keys()).collect();
        let changed: Vec<_> = names
            .into_iter()
            .filter(|name| !row.parts.is_empty() && now.get(*name) != row.parts.get(*name))
            .filter(|name| !is_replaced(now.get(*name)) && !is_replaced(row.parts.get(*name)))
            // Without includes there are no parts, not even the file's own.
            .filter(|name| !name.is_empty() || !now.is_empty())
            .map(|name| {
                if name.is_empty() {
                    migration.name.file_name()
                } else {
                    name.clone()
                }
            })
            .collect();
        if changed.is_empty() {
            vec![migration.name.file_name()]
        } else {
            changed
        }
    }

    /// The version, where a name has our form.
    pub fn version(&self) -> Option<Version> {
        match self.migration {
            Some(migration) => migration.name.digits().cloned(),
            None => self.row.and_then(Row::version),
        }
    }
}

fn is_replaced(hash: Option<&String>) -> bool {
    hash.is_some_and(|hash| hash == REPLACED)
}

/// The steps that are in the database.
pub(super) struct There<'a> {
    rows: Vec<&'a Row>,
    steps: BTreeSet<Requirement>,
}

impl<'a> There<'a> {
    pub(super) fn new(rows: &'a [Row]) -> Self {
        let rows: Vec<_> = rows
            .iter()
            .filter(|row| row.state == RowState::Applied)
            .collect();
        let steps = rows.iter().filter_map(|row| {
            Some(Requirement {
                track: row.track.clone(),
                version: row.version()?,
            })
        });
        Self {
            steps: steps.collect(),
            rows,
        }
    }

    /// Is it, or what stands for it?
    pub(super) fn has(&self, step: &Requirement) -> bool {
        let mut track = self.rows.iter().filter(|row| row.track == step.track);
        self.steps.contains(step) || track.any(|row| row.stands_for(step))
    }
}

fn state_without_row(migration: &Migration, there: Option<&There<'_>>) -> State {
    match &migration.directives.before {
        Some(bridge)
            if !bridge.or_now
                && bridge.step.track != migration.name.track
                && there.is_some_and(|there| there.has(&bridge.step)) =>
        {
            State::NotNeeded
        }
        _ => State::Pending,
    }
}

fn state(migration: &Migration, row: &Row) -> State {
    match row.state {
        RowState::Failed => State::Failed,
        RowState::Running => State::Running,
        RowState::Applied if migration.checksum.is_recorded_as(&row.hash) => State::Applied,
        RowState::Applied => State::Changed,
    }
}

type Index<'a, K> = HashMap<K, (usize, &'a Row)>;

struct Known<'r, 'a> {
    rows: &'r [&'a Row],
    by_name: Index<'a, (&'a Track, &'a str)>,
    /// Where a file's name is unknown; to read the versions out of all names takes longer than the rest.
    by_version: OnceCell<Index<'a, (&'a Track, Version)>>,
}

impl<'r, 'a> Known<'r, 'a> {
    fn new(rows: &'r [&'a Row]) -> Self {
        let indexed = rows.iter().copied().enumerate();
        Self {
            rows,
            by_name: indexed
                .map(|(index, row)| ((&row.track, row.name.as_str()), (index, row)))
                .collect(),
            by_version: OnceCell::new(),
        }
    }

    fn row_of(&self, migration: &Migration) -> Option<(usize, &'a Row)> {
        let name = &migration.name;
        let file_name = name.file_name();
        // A ledger may hold a name of another track's, and says nothing of that one.
        let by_name = self.by_name.get(&(&name.track, file_name.as_str()));
        by_name
            // A repeatable's row has no version.
            .or_else(|| self.by_version().get(&(&name.track, name.version.clone())))
            .copied()
    }

    fn by_version(&self) -> &Index<'a, (&'a Track, Version)> {
        let indexed = || self.rows.iter().copied().enumerate();
        self.by_version.get_or_init(|| {
            indexed()
                .filter_map(|(index, row)| Some(((&row.track, row.version()?), (index, row))))
                .collect()
        })
    }
}

/// The migrations that are pending, in their order.
pub fn pending<'a>(statuses: &[Status<'a>]) -> impl Iterator<Item = &'a Migration> {
    statuses
        .iter()
        .filter(|status| status.state == State::Pending)
        .filter_map(|status| status.migration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ledger::examples::row;
    use crate::tree::examples::{migration, tracks};

    const A: &str = "20240101000000_core_a.sql";
    const B: &str = "20240102000000_core_b.sql";

    fn states(migrations: &[Migration], rows: &[Row]) -> Vec<State> {
        let tracks = tracks(&["core"]);
        compare(&tracks, migrations, rows)
            .iter()
            .map(|status| status.state)
            .collect()
    }

    #[test]
    fn every_state() {
        let files = [migration(A), migration(B)];
        assert_eq!(states(&files, &[]), [State::Pending, State::Pending]);
        assert_eq!(states(&files, &[row(A)]), [State::Applied, State::Pending]);
        assert_eq!(
            states(&files[1..], &[row(A)]),
            [State::Missing, State::Pending]
        );
        let changed = Row {
            hash: "other".to_owned(),
            ..row(A)
        };
        assert_eq!(states(&files[..1], &[changed]), [State::Changed]);
        for (row_state, state) in [
            (RowState::Failed, State::Failed),
            (RowState::Running, State::Running),
        ] {
            let row = Row {
                state: row_state,
                ..row(A)
            };
            assert_eq!(states(&files[..1], &[row]), [state]);
        }
    }

    #[test]
    fn a_row_in_the_ledger_of_another_track_says_nothing() {
        let files = [migration(A), migration("20240101000000_impl_a.sql")];
        let astray = Row {
            track: Track::parse("impl").unwrap(),
            ..row(A)
        };
        let tracks = tracks(&["core", "impl"]);
        let states = |rows: &[Row]| -> Vec<State> {
            let statuses = compare(&tracks, &files, rows);
            statuses.iter().map(|status| status.state).collect()
        };
        let own = row("20240101000000_impl_a.sql");
        assert_eq!(
            states(&[own.clone(), astray.clone()]),
            [State::Pending, State::Applied, State::Missing]
        );
        let failed = Row {
            state: RowState::Failed,
            ..row(A)
        };
        assert_eq!(
            states(&[failed, own, astray]),
            [State::Failed, State::Applied, State::Missing]
        );
    }

    #[test]
    fn a_bridge_to_what_is_applied_is_not_needed() {
        let bridge = |text: &str| {
            let mut found = migration("20240101000000_impl_a.sql");
            found.directives.before = Some(text.parse().unwrap());
            found
        };
        let state = |file: Migration, rows: &[Row]| {
            let tracks = tracks(&["impl"]);
            compare(&tracks, std::slice::from_ref(&file), rows)[0].state
        };
        let plain = "core/20240101000000";
        assert_eq!(state(bridge(plain), &[]), State::Pending);
        assert_eq!(state(bridge(plain), &[row(A)]), State::NotNeeded);
        let failed = Row {
            state: RowState::Failed,
            ..row(A)
        };
        assert_eq!(state(bridge(plain), &[failed]), State::Pending);
        let or_now = bridge("core/20240101000000 or-now");
        assert_eq!(state(or_now, &[row(A)]), State::Pending);
        let done = row("20240101000000_impl_a.sql");
        assert_eq!(state(bridge(plain), &[row(A), done]), State::Applied);
    }

    #[test]
    fn a_repeatable_is_due_when_its_files_are_others() {
        let file = "repeat_core_views.sql";
        let due = |rows: &[Row]| {
            let tracks = tracks(&["core"]);
            let files = [migration(file)];
            let found = compare(&tracks, &files, rows);
            (found[0].state, found[0].due)
        };
        assert_eq!(due(&[]), (State::Pending, Some(Due::New)));
        assert_eq!(due(&[row(file)]), (State::Applied, None));
        let other = Row {
            hash: "other".to_owned(),
            ..row(file)
        };
        assert_eq!(due(&[other]), (State::Pending, Some(Due::Changed)));
        assert_eq!(states(&[], &[row(file)]), [State::Missing]);
    }

    #[test]
    fn a_new_description_makes_no_new_migration() {
        let renamed = Row {
            name: "20240101000000_core_old_words.sql".to_owned(),
            ..row(A)
        };
        assert_eq!(states(&[migration(A)], &[renamed]), [State::Applied]);
    }

    #[test]
    fn other_tracks_are_out_of_sight() {
        let other = row("20240101000000_impl_a.sql");
        assert_eq!(states(&[migration(A)], &[other]), [State::Pending]);
    }

    #[test]
    fn a_row_with_an_odd_name_is_missing_not_lost() {
        let odd = Row {
            name: "odd".to_owned(),
            ..row(A)
        };
        assert_eq!(states(&[], &[odd]), [State::Missing]);
    }
}
