//! What `requires` promises, for any graph over several tracks.

use std::collections::BTreeSet;

use nu_plugin_migrate::testing::{
    Bridge, Migration, Obstacle, Request, Requirement, Row, RowState, Track, Version, compare,
    select,
};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{migration, row};

/// The last one is out of sight: its files are not there, its ledger is.
const TRACKS: [&str; 4] = ["core", "acme", "impl", "zeta"];

fn version(number: u64) -> Version {
    Version::parse(&format!("{:014}", 20_240_101_000_000 + number)).unwrap()
}

/// What the database and the folder hold.
#[derive(Debug)]
struct World {
    files: Vec<Migration>,
    rows: Vec<Row>,
}

fn identity(migration: &Migration) -> Requirement {
    Requirement {
        track: migration.name.track.clone(),
        version: migration.name.version.clone(),
    }
}

prop_compose! {
    /// Some graphs have circles. Where every requirement is older than what needs it, none can.
    fn world()(
        names in proptest::collection::btree_set((0..TRACKS.len(), 0..7_u64), 0..18),
        edges in proptest::collection::vec((any::<Index>(), any::<Index>()), 0..14),
        is_older in prop_oneof![2 => Just(true), 1 => Just(false)],
        nowhere in proptest::collection::vec((any::<Index>(), 0..TRACKS.len()), 0..2),
        has_nowhere in prop_oneof![3 => Just(false), 1 => Just(true)],
        bridges in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<bool>()), 0..4),
        applied in proptest::collection::vec(0..8_u8, 18),
    ) -> World {
        let nodes: Vec<_> = names
            .into_iter()
            .map(|(track, number)| {
                (TRACKS[track], number, migration(&format!("{}_{}_x.sql", version(number), TRACKS[track])))
            })
            .collect();
        let identities: Vec<_> = nodes.iter().map(|(_, number, file)| (*number, identity(file))).collect();
        let mut files: Vec<_> = nodes.into_iter().map(|(_, _, file)| file).collect();
        if !files.is_empty() {
            for (from, to) in edges {
                let (from, to) = (from.index(files.len()), to.index(files.len()));
                if !is_older || identities[to].0 < identities[from].0 {
                    files[from].directives.requires.push(identities[to].1.clone());
                }
            }
            for (from, track) in nowhere.into_iter().filter(|_| has_nowhere) {
                let track = Track::parse(TRACKS[track]).unwrap();
                let count = files.len();
                files[from.index(count)]
                    .directives
                    .requires
                    .push(Requirement { track, version: version(99) });
            }
        }
        if !files.is_empty() {
            for (from, step, or_now) in bridges {
                let (from, step) = (from.index(files.len()), step.index(files.len()));
                let step = identities[step].1.clone();
                if step.track != identities[from].1.track {
                    files[from].directives.before = Some(Bridge { step, or_now });
                }
            }
        }
        let rows = files
            .iter()
            .zip(applied)
            .filter_map(|(file, fate)| {
                let is_in_sight = file.name.track.as_str() != "zeta";
                let state = match fate {
                    0 => 0,
                    1..4 if !is_in_sight => 0,
                    // Failed, or running.
                    4..6 if !is_in_sight => fate - 3,
                    _ => return None,
                };
                Some(row((file.name.file_name(), false, state)))
            })
            .collect();
        files.retain(|file| file.name.track.as_str() != "zeta");
        files.sort_by(|one, other| one.name.cmp(&other.name));
        World { files, rows }
    }
}

/// What a plan has to respect, worked out another way than the plan does it.
struct Graph<'a> {
    pending: Vec<&'a Migration>,
    /// Does one have to wait for another, however far?
    waits: Vec<Vec<bool>>,
    unmet: BTreeSet<(String, String)>,
}

impl<'a> Graph<'a> {
    fn new(world: &'a World, to: Option<&Version>) -> Self {
        let known: BTreeSet<_> = world.rows.iter().map(|row| row.name.as_str()).collect();
        let applied: BTreeSet<_> = world
            .rows
            .iter()
            .filter(|row| row.state == RowState::Applied)
            .map(|row| (row.track.clone(), row.version().unwrap()))
            .collect();
        let is_there =
            |step: &Requirement| applied.contains(&(step.track.clone(), step.version.clone()));
        let unknown = world
            .files
            .iter()
            .filter(|file| !known.contains(file.name.file_name().as_str()));
        let (needless, pending): (Vec<_>, Vec<_>) = unknown.partition(|file| {
            let bridge = file.directives.before.as_ref();
            bridge.is_some_and(|bridge| !bridge.or_now && is_there(&bridge.step))
        });
        let pending: Vec<_> = pending
            .into_iter()
            .filter(|file| to.is_none_or(|to| file.name.version <= *to))
            .collect();
        let is_there = |step: &Requirement| {
            is_there(step) || needless.iter().any(|file| identity(file) == *step)
        };
        let mut waits: Vec<Vec<bool>> = pending
            .iter()
            .map(|one| pending.iter().map(|other| is_edge(one, other)).collect())
            .collect();
        for by in 0..pending.len() {
            for from in 0..pending.len() {
                for to in 0..pending.len() {
                    waits[from][to] |= waits[from][by] && waits[by][to];
                }
            }
        }
        let named = |file: &Migration| {
            let bridge = file.directives.before.as_ref().map(|bridge| &bridge.step);
            let steps = file.directives.requires.iter().chain(bridge);
            steps.cloned().collect::<Vec<_>>()
        };
        let unmet = pending
            .iter()
            .flat_map(|file| named(file).into_iter().map(|step| (*file, step)))
            .filter(|(_, step)| !pending.iter().any(|file| identity(file) == *step))
            .filter(|(_, step)| !is_there(step))
            .map(|(file, step)| (file.name.file_name(), step.to_string()))
            .collect();
        Self {
            pending,
            waits,
            unmet,
        }
    }

    fn place(&self, file_name: &str) -> usize {
        let mut files = self.pending.iter();
        files
            .position(|file| file.name.file_name() == file_name)
            .unwrap()
    }

    fn is_on_a_circle(&self, place: usize) -> bool {
        self.waits[place][place]
    }

    /// What goes before one of them, or with it: a bridge takes its step along.
    fn comes_with(&self, place: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut next = vec![place];
        while let Some(place) = next.pop() {
            if found.insert(place) {
                next.extend((0..self.pending.len()).filter(|&other| self.waits[place][other]));
                let bridge = self.pending[place].directives.before.as_ref();
                let step = |step| self.pending.iter().position(|one| identity(one) == step);
                next.extend(bridge.and_then(|bridge| step(bridge.step.clone())));
            }
        }
        found
    }

    fn has_circle(&self) -> bool {
        (0..self.pending.len()).any(|place| self.is_on_a_circle(place))
    }
}

/// Must `one` wait for `other`: because it says so, or because it is later in its track?
fn is_edge(one: &Migration, other: &Migration) -> bool {
    let is_bridge = other.directives.before.as_ref();
    one.directives.requires.contains(&identity(other))
        || is_bridge.is_some_and(|bridge| bridge.step == identity(one))
        || one.name.track == other.name.track && one.name.version > other.name.version
}

fn plan(world: &World, request: &Request) -> Result<Vec<Migration>, Vec<Obstacle>> {
    let tracks: BTreeSet<_> = TRACKS[..3]
        .iter()
        .map(|name| Track::parse(name).unwrap())
        .collect();
    let statuses = compare(&tracks, &world.files, &world.rows);
    Ok(select(&statuses, &world.rows, request)?
        .into_iter()
        .cloned()
        .collect())
}

fn check_order(graph: &Graph<'_>, order: &[Migration]) -> Result<(), TestCaseError> {
    let places: Vec<_> = order
        .iter()
        .map(|file| graph.place(&file.name.file_name()))
        .collect();
    let unique: BTreeSet<_> = places.iter().copied().collect();
    prop_assert_eq!(unique.len(), places.len(), "one runs twice");
    prop_assert_eq!(places.len(), graph.pending.len(), "one is left out");
    let mut pulls = BTreeSet::new();
    let mut puller = None;
    for (turn, &place) in places.iter().enumerate() {
        for &later in &places[turn..] {
            prop_assert!(
                !graph.waits[place][later],
                "{} runs before {}",
                graph.pending[place].name,
                graph.pending[later].name
            );
        }
        // Nothing is pulled forward for nothing: the first of those that remained needs it.
        let is_done = puller.is_none_or(|puller| places[..turn].contains(&puller));
        if is_done && !pulls.contains(&place) {
            let first = places[turn..].iter().copied().min().unwrap();
            pulls = graph.comes_with(first);
            puller = Some(first);
        }
        prop_assert!(
            pulls.contains(&place),
            "{} runs too early",
            graph.pending[place].name
        );
    }
    Ok(())
}

fn check_obstacles(graph: &Graph<'_>, obstacles: &[Obstacle]) -> Result<(), TestCaseError> {
    let mut unmet = BTreeSet::new();
    let mut circles = Vec::new();
    for obstacle in obstacles {
        let text = obstacle.to_string();
        match obstacle {
            Obstacle::Unmet { name, required }
            | Obstacle::UnmetBridge {
                name,
                step: required,
            } => {
                prop_assert!(text.contains(&name.file_name()), "{}", text);
                prop_assert!(text.contains(&required.to_string()), "{}", text);
                unmet.insert((name.file_name(), required.to_string()));
            }
            Obstacle::Circle { links } => {
                let places: Vec<_> = links
                    .iter()
                    .map(|link| graph.place(&link.name.file_name()))
                    .collect();
                let next = places.iter().cycle().skip(1);
                for (&one, &other) in places.iter().zip(next) {
                    let (one, other) = (graph.pending[one], graph.pending[other]);
                    prop_assert!(is_edge(one, other), "{}", text);
                    prop_assert!(text.contains(&one.name.file_name()), "{}", text);
                }
                circles.push(places);
            }
            other => prop_assert!(false, "{}", other),
        }
    }
    prop_assert_eq!(&unmet, &graph.unmet);
    prop_assert_eq!(circles.is_empty(), !graph.has_circle());
    for place in 0..graph.pending.len() {
        let entangled = |&other: &usize| graph.waits[place][other] && graph.waits[other][place];
        let is_named = circles.iter().any(|circle| circle.iter().all(entangled));
        prop_assert!(
            !graph.is_on_a_circle(place) || is_named,
            "no circle around {} is named",
            graph.pending[place].name
        );
    }
    Ok(())
}

/// Those of a plan that are older than what is applied of their track.
fn late(world: &World, plan: &[Migration]) -> BTreeSet<String> {
    let is_late = |file: &&Migration| {
        let mut rows = world.rows.iter();
        rows.any(|row| row.track == file.name.track && row.version().unwrap() > file.name.version)
    };
    let late = plan.iter().filter(is_late);
    late.map(|file| file.name.file_name()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn requirements_run_before_what_needs_them_or_are_named(
        world in world(),
        to in proptest::option::weighted(0.3, 0..7_u64),
        steps in proptest::option::weighted(0.5, 0..10_usize),
    ) {
        let to = to.map(version);
        let graph = Graph::new(&world, to.as_ref());
        let all = Request { to, allow_out_of_order: true, ..Request::default() };
        let some = Request { steps, ..all.clone() };
        let order = match plan(&world, &all) {
            Ok(order) => order,
            Err(obstacles) => {
                prop_assert!(!obstacles.is_empty());
                check_obstacles(&graph, &obstacles)?;
                prop_assert_eq!(plan(&world, &some), Err(obstacles), "the first steps alone do not hide it");
                return Ok(());
            }
        };
        prop_assert!(graph.unmet.is_empty() && !graph.has_circle());
        check_order(&graph, &order)?;

        let first = &order[..steps.unwrap_or(order.len()).min(order.len())];
        prop_assert_eq!(plan(&world, &some).unwrap(), first);

        let strict = Request { allow_out_of_order: false, ..some };
        let late = late(&world, first);
        match plan(&world, &strict) {
            Ok(order) => {
                prop_assert!(late.is_empty(), "{:?}", late);
                prop_assert_eq!(order, first);
            }
            Err(obstacles) => {
                let named = |found: &Obstacle| match found {
                    Obstacle::OutOfOrder { name, .. } => name.file_name(),
                    other => panic!("{other}"),
                };
                prop_assert_eq!(obstacles.iter().map(named).collect::<BTreeSet<_>>(), late);
            }
        }
    }
}
