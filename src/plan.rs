//! What a run would do, in which order and in which transactions, or why it must not.
//! Pure; must not touch files or the database.

use std::collections::BTreeMap;
use std::fmt;

use crate::ledger::Row;
use crate::migration::{Migration, Name, Track, Version};
use crate::outcome::RunRow;
use crate::settings::TransactionMode;
use crate::standing::{Standing, State};

/// What the user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Nothing later than this version.
    pub to: Option<Version>,
    /// No more steps than this.
    pub steps: Option<usize>,
    /// How many migrations share a transaction.
    pub transaction: TransactionMode,
    /// Apply a migration although a later one of its track is applied.
    pub allow_out_of_order: bool,
}

/// Groups of migrations in the order of their running.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Each group is one transaction and not empty.
    pub groups: Vec<Vec<Migration>>,
}

impl Request {
    /// What is still asked for after so many steps.
    pub fn after(&self, done: usize) -> Self {
        Self {
            steps: self.steps.map(|steps| steps.saturating_sub(done)),
            ..self.clone()
        }
    }
}

impl Plan {
    /// The plan as the report of a dry run.
    pub fn rows(&self) -> Vec<RunRow> {
        let numbered = (1..).zip(&self.groups);
        numbered
            .flat_map(|(group, steps)| {
                steps.iter().map(move |step| RunRow {
                    name: step.name.clone(),
                    applied: None,
                    group,
                    notices: vec![],
                })
            })
            .collect()
    }
}

/// A reason not to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An applied file has another content now.
    Changed {
        /// The file.
        name: Name,
        /// The name it was applied under.
        recorded: String,
    },
    /// An applied file is gone.
    Missing {
        /// The track whose ledger knows it.
        track: Track,
        /// The name it was applied under.
        recorded: String,
    },
    /// A step outside a transaction did not end well.
    Unfinished {
        /// The file.
        name: Name,
        /// `failed` or `running`.
        state: State,
    },
    /// A pending migration is older than one that is applied.
    OutOfOrder {
        /// The pending one.
        name: Name,
        /// The newest applied version of its track.
        newest: Version,
    },
}

/// Makes the plan.
///
/// # Errors
/// Everything that forbids the run.
pub fn make(standings: &[Standing<'_>], request: &Request) -> Result<Plan, Vec<Obstacle>> {
    let pending: Vec<_> = standings
        .iter()
        .filter(|standing| standing.state == State::Pending)
        .filter_map(|standing| standing.migration)
        .filter(|migration| {
            request
                .to
                .as_ref()
                .is_none_or(|to| migration.name.version <= *to)
        })
        .take(request.steps.unwrap_or(usize::MAX))
        .collect();
    let mut obstacles = broken(standings);
    if !request.allow_out_of_order {
        obstacles.extend(out_of_order(standings, &pending));
    }
    match obstacles.is_empty() {
        true => Ok(Plan {
            groups: group(pending, request.transaction),
        }),
        false => Err(obstacles),
    }
}

fn group(pending: Vec<&Migration>, mode: TransactionMode) -> Vec<Vec<Migration>> {
    pending
        .chunk_by(|one, next| match mode {
            TransactionMode::All => true,
            TransactionMode::Track => one.name.track == next.name.track,
            TransactionMode::Each => false,
        })
        .map(|group| group.iter().copied().cloned().collect())
        .collect()
}

fn broken(standings: &[Standing<'_>]) -> Vec<Obstacle> {
    standings.iter().filter_map(obstacle).collect()
}

fn obstacle(standing: &Standing<'_>) -> Option<Obstacle> {
    let recorded = || standing.row.map(|row| row.name.clone());
    let name = || standing.migration.map(|migration| migration.name.clone());
    Some(match standing.state {
        State::Pending | State::Applied => return None,
        State::Changed => Obstacle::Changed {
            name: name()?,
            recorded: recorded()?,
        },
        State::Missing => Obstacle::Missing {
            track: standing.track.clone(),
            recorded: recorded()?,
        },
        state @ (State::Failed | State::Running) => Obstacle::Unfinished {
            name: name()?,
            state,
        },
    })
}

fn out_of_order(standings: &[Standing<'_>], pending: &[&Migration]) -> Vec<Obstacle> {
    let mut newest: BTreeMap<&Track, Version> = BTreeMap::new();
    for standing in standings {
        if let Some(version) = standing.row.and_then(Row::version) {
            let known = newest
                .entry(standing.track)
                .or_insert_with(|| version.clone());
            *known = version.max(known.clone());
        }
    }
    pending
        .iter()
        .filter_map(|migration| {
            let newest = newest.get(&migration.name.track)?;
            (migration.name.version < *newest).then(|| Obstacle::OutOfOrder {
                name: migration.name.clone(),
                newest: newest.clone(),
            })
        })
        .collect()
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { name, recorded } => {
                write!(formatter, "{name} was changed after it was applied")?;
                match name.file_name() == *recorded {
                    true => Ok(()),
                    false => write!(formatter, " under the name {recorded}"),
                }
            }
            Self::Missing { recorded, .. } => {
                write!(formatter, "{recorded} is applied, but its file is gone")
            }
            Self::Unfinished { name, state } => {
                write!(
                    formatter,
                    "{name} is {}: it began and did not end well",
                    state.as_str()
                )
            }
            Self::OutOfOrder { name, newest } => write!(
                formatter,
                "{name} is pending, but {newest} of track {} is already applied",
                name.track
            ),
        }
    }
}

impl Obstacle {
    /// What to do about it.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Changed { .. } => {
                "changed: restore the file as it was applied, and put the change into a new migration"
            }
            Self::Missing { .. } => "missing: restore the file, for example from version control",
            Self::Unfinished { .. } => "unfinished: see what it has left in the database",
            Self::OutOfOrder { .. } => {
                "out of order: give the file a newer timestamp, or run with --allow-out-of-order"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RowState;
    use crate::standing::compare;
    use crate::standing::examples::{migration, row, tracks};

    const FILES: [&str; 4] = [
        "20240101000000_core_a.sql",
        "20240103000000_core_b.sql",
        "20240102000000_acme_a.sql",
        "20240104000000_impl_a.sql",
    ];

    fn plan(applied: &[Row], request: &Request) -> Result<Vec<Vec<String>>, Vec<Obstacle>> {
        let files = FILES.map(migration);
        let tracks = tracks(&["core", "acme", "impl"]);
        make(&compare(&tracks, &files, applied), request).map(|plan| {
            let names =
                |group: &Vec<Migration>| group.iter().map(|step| step.name.file_name()).collect();
            plan.groups.iter().map(names).collect()
        })
    }

    #[test]
    fn all_pending_share_a_transaction_in_plan_order() {
        let groups = plan(&[], &Request::default()).unwrap();
        assert_eq!(groups, [FILES]);
        let groups = plan(&[row(FILES[0]), row(FILES[2])], &Request::default()).unwrap();
        assert_eq!(groups, [[FILES[1], FILES[3]]]);
    }

    #[test]
    fn nothing_pending_is_an_empty_plan() {
        assert_eq!(
            plan(&FILES.map(row), &Request::default()).unwrap(),
            Vec::<Vec<String>>::new()
        );
    }

    #[test]
    fn transactions_per_track_and_per_migration() {
        let sizes = |transaction| {
            let request = Request {
                transaction,
                ..Request::default()
            };
            plan(&[], &request)
                .unwrap()
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(TransactionMode::Track), [2, 1, 1]);
        assert_eq!(sizes(TransactionMode::Each), [1, 1, 1, 1]);
    }

    #[test]
    fn up_to_a_version_and_a_number_of_steps() {
        let to = Request {
            to: Version::parse("20240102000000"),
            ..Request::default()
        };
        assert_eq!(plan(&[], &to).unwrap(), [[FILES[0], FILES[2]]]);
        let steps = Request {
            steps: Some(3),
            ..Request::default()
        };
        assert_eq!(plan(&[], &steps).unwrap(), [&FILES[..3]]);
        let none = Request {
            steps: Some(0),
            ..Request::default()
        };
        assert!(plan(&[], &none).unwrap().is_empty());
    }

    #[test]
    fn every_obstacle_is_named_at_once() {
        let rows = [
            Row {
                hash: "other".to_owned(),
                ..row(FILES[0])
            },
            row("20240105000000_core_gone.sql"),
            Row {
                state: RowState::Failed,
                ..row(FILES[2])
            },
        ];
        let obstacles = plan(&rows, &Request::default()).unwrap_err();
        let kinds: Vec<_> = obstacles
            .iter()
            .map(Obstacle::way_out)
            .map(|way| way.split(':').next().unwrap())
            .collect();
        assert_eq!(kinds, ["changed", "missing", "unfinished", "out of order"]);
    }

    #[test]
    fn out_of_order_counts_within_a_track_and_only_what_would_run() {
        let late = [row(FILES[1])];
        assert!(plan(&late, &Request::default()).is_err());
        let allowed = Request {
            allow_out_of_order: true,
            ..Request::default()
        };
        assert_eq!(
            plan(&late, &allowed).unwrap(),
            [[FILES[0], FILES[2], FILES[3]]]
        );
        let none = Request {
            steps: Some(0),
            ..Request::default()
        };
        assert!(plan(&late, &none).is_ok());
    }
}
