//! What a run would do, in which order and in which transactions, or why it must not.
//! Pure; must not touch files or the database.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::error::Error;
use crate::inspection::{Inspection, Violation};
use crate::ledger::Row;
use crate::migration::{Migration, Name, Track, Version};
use crate::outcome::RunRow;
use crate::settings::{TransactionControl, TransactionMode};
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
    /// Refuse a plan of more than one transaction.
    pub atomic: bool,
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

/// Groups of migrations in the order of their running.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// None is empty.
    pub groups: Vec<Group>,
}

/// Migrations that are applied together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// One transaction, with the ledger rows in it.
    Transaction(Vec<Step>),
    /// A single file outside of any transaction of ours, with its ledger row around it.
    Alone(Box<Step>),
}

/// A migration that is going to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The migration.
    pub migration: Migration,
    /// How it fits into a transaction.
    pub fit: Fit,
    /// Does it add an enum value, which only later transactions can use?
    pub adds_enum_value: bool,
}

/// How a file fits into a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// As it is.
    Whole,
    /// Without its own BEGIN and COMMIT, which are here.
    Unwrapped([Range<usize>; 2]),
    /// Not at all.
    Alone,
}

impl Plan {
    /// The plan as the report of a dry run.
    pub fn rows(&self) -> Vec<RunRow> {
        let numbered = (1..).zip(&self.groups);
        numbered
            .flat_map(|(group, steps)| {
                steps.steps().iter().map(move |step| RunRow {
                    name: step.migration.name.clone(),
                    applied: None,
                    group,
                    notices: vec![],
                })
            })
            .collect()
    }
}

impl Group {
    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Transaction(steps) => steps,
            Self::Alone(step) => std::slice::from_ref(step),
        }
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

/// The migrations that are going to run, in their order.
///
/// # Errors
/// Everything in the history that forbids a run.
pub fn select<'a>(
    standings: &[Standing<'a>],
    request: &Request,
) -> Result<Vec<&'a Migration>, Vec<Obstacle>> {
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
    if obstacles.is_empty() {
        Ok(pending)
    } else {
        Err(obstacles)
    }
}

/// Decides how a migration fits into a transaction.
///
/// # Errors
/// What is in it that no run can live with, or that nothing says how to take.
pub fn fit(
    migration: &Migration,
    inspection: Inspection,
    setting: TransactionControl,
) -> Result<Step, Vec<Violation>> {
    let Inspection {
        transaction_control,
        mut forbidden,
        outer_pair,
        adds_enum_value,
    } = inspection;
    let directives = &migration.directives;
    let control = directives.transaction_control.unwrap_or(setting);
    let fit = match (control, outer_pair) {
        _ if directives.no_transaction => Fit::Alone,
        _ if transaction_control.is_empty() => Fit::Whole,
        (TransactionControl::Separate, _) => Fit::Alone,
        (TransactionControl::Unwrap, Some(pair)) => Fit::Unwrapped(pair),
        _ => {
            forbidden.extend(transaction_control);
            Fit::Whole
        }
    };
    match forbidden.is_empty() {
        true => Ok(Step {
            migration: migration.clone(),
            fit,
            adds_enum_value,
        }),
        false => Err(forbidden),
    }
}

/// Makes groups of the steps.
///
/// # Errors
/// There is more than one group and the request allows one; the reasons are named.
pub fn group(steps: Vec<Step>, request: &Request) -> Result<Plan, Error> {
    let mut groups: Vec<Group> = Vec::new();
    for step in steps {
        match groups.last_mut() {
            Some(Group::Transaction(open))
                if open
                    .last()
                    .is_some_and(|last| shares(last, &step, request.transaction)) =>
            {
                open.push(step)
            }
            _ if step.fit == Fit::Alone => groups.push(Group::Alone(Box::new(step))),
            _ => groups.push(Group::Transaction(vec![step])),
        }
    }
    match request.atomic && groups.len() > 1 {
        true => Err(Error::NotAtomic {
            groups: groups.len(),
            reasons: reasons(&groups, request.transaction),
        }),
        false => Ok(Plan { groups }),
    }
}

/// May a step run in the transaction of the one before?
fn shares(last: &Step, next: &Step, mode: TransactionMode) -> bool {
    let by_mode = match mode {
        TransactionMode::All => true,
        TransactionMode::Track => last.migration.name.track == next.migration.name.track,
        TransactionMode::Each => false,
    };
    by_mode && !last.adds_enum_value && next.fit != Fit::Alone
}

fn reasons(groups: &[Group], mode: TransactionMode) -> Vec<String> {
    let steps = groups.iter().flat_map(Group::steps);
    let mut reasons: Vec<_> = steps
        .filter_map(|step| {
            let name = &step.migration.name;
            match (&step.fit, step.adds_enum_value) {
                (Fit::Alone, _) => Some(format!("{name} runs outside of a transaction")),
                (_, true) => Some(format!("{name} adds an enum value")),
                _ => None,
            }
        })
        .collect();
    if mode != TransactionMode::All {
        reasons.push(format!("the transaction mode is `{mode}`"));
    }
    reasons
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
                "changed: restore the file as it was applied and put the change into a new migration, or accept it with `migrate repair DIR --rehash NAME`"
            }
            Self::Missing { .. } => {
                "missing: restore the file, or give it up with `migrate repair DIR --forget NAME`"
            }
            Self::Unfinished { .. } => {
                "unfinished: look at what it has done; undo that by hand and type `migrate repair DIR --retry NAME`, or complete it and type `migrate repair DIR --mark-applied NAME`"
            }
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
        let standings = compare(&tracks, &files, applied);
        let fit = |migration: &Migration| {
            fit(migration, Inspection::default(), TransactionControl::Refuse).unwrap()
        };
        let steps = select(&standings, request)?.into_iter().map(fit).collect();
        Ok(names(&group(steps, request).unwrap()))
    }

    fn names(plan: &Plan) -> Vec<Vec<String>> {
        let of_group = |group: &Group| {
            let steps = group.steps().iter();
            steps.map(|step| step.migration.name.file_name()).collect()
        };
        plan.groups.iter().map(of_group).collect()
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

    fn violation() -> Violation {
        Violation {
            path: "a.sql".into(),
            line: 1,
            found: "COMMIT".to_owned(),
        }
    }

    #[test]
    fn groups_end_at_lonely_files_and_behind_enum_values() {
        let step = |file: &str, fit: Fit, adds_enum_value: bool| Step {
            migration: migration(file),
            fit,
            adds_enum_value,
        };
        let [a, b, c, d] = FILES;
        let steps = vec![
            step(a, Fit::Whole, true),
            step(b, Fit::Whole, false),
            step(c, Fit::Alone, false),
            step(d, Fit::Whole, false),
        ];
        let plan = group(steps.clone(), &Request::default()).unwrap();
        assert_eq!(names(&plan), [[a], [b], [c], [d]]);
        let atomic = Request {
            atomic: true,
            ..Request::default()
        };
        match group(steps, &atomic) {
            Err(Error::NotAtomic { groups: 4, reasons }) => assert_eq!(reasons.len(), 2),
            other => panic!("{other:?}"),
        }
        assert!(group(vec![step(a, Fit::Whole, true)], &atomic).is_ok());
    }

    #[test]
    fn a_files_own_transaction_is_taken_as_the_directive_or_the_setting_says() {
        let wrapped = Inspection {
            transaction_control: vec![violation()],
            outer_pair: Some([0..6, 9..16]),
            ..Inspection::default()
        };
        let cut = Inspection {
            outer_pair: None,
            ..wrapped.clone()
        };
        let file = migration(FILES[0]);
        let fit_of = |inspection: &Inspection, setting| {
            fit(&file, inspection.clone(), setting)
                .map(|step| step.fit)
                .ok()
        };
        assert_eq!(fit_of(&wrapped, TransactionControl::Refuse), None);
        assert_eq!(
            fit_of(&wrapped, TransactionControl::Separate),
            Some(Fit::Alone)
        );
        assert_eq!(
            fit_of(&wrapped, TransactionControl::Unwrap),
            Some(Fit::Unwrapped([0..6, 9..16]))
        );
        assert_eq!(
            fit_of(&cut, TransactionControl::Unwrap),
            None,
            "no whole pair"
        );

        let mut asks = file.clone();
        asks.directives.transaction_control = Some(TransactionControl::Separate);
        let step = fit(&asks, cut.clone(), TransactionControl::Refuse).unwrap();
        assert_eq!(
            step.fit,
            Fit::Alone,
            "the directive is nearer than the setting"
        );
        asks.directives.no_transaction = true;
        let leaves = Inspection {
            forbidden: vec![violation()],
            ..cut
        };
        assert!(
            fit(&asks, leaves, TransactionControl::Refuse).is_err(),
            "\\q is never allowed"
        );
    }
}
