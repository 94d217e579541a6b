//! Which migrations are going to run, and what in the history forbids it.

use std::collections::{BTreeMap, BTreeSet};

use super::ordering::order;
use super::replacement::{lacking, late};
use super::{Obstacle, Request, repeatables};
use crate::database::ledger::Row;
use crate::plan::status::{State, Status, pending};
use crate::tree::{Migration, Requirement, Track, Version};

/// The migrations that are going to run, in their order.
///
/// # Errors
/// Everything in the history that forbids a run.
pub fn select<'a>(
    statuses: &[Status<'a>],
    rows: &[Row],
    request: &Request,
) -> Result<Vec<&'a Migration>, Vec<Obstacle>> {
    let pending: Vec<_> = pending(statuses)
        .filter(|migration| !migration.name.is_repeatable())
        .filter(|migration| {
            request
                .to
                .as_ref()
                .is_none_or(|to| migration.name.version <= *to)
        })
        .collect();
    let mut obstacles = broken(statuses);
    obstacles.extend(
        late(statuses)
            .into_iter()
            .map(|(file, squash)| Obstacle::TooLate {
                name: file.name,
                squash: squash.name,
            }),
    );
    let pending = order(&pending, rows, &needless(statuses)).unwrap_or_else(|unmet| {
        obstacles.extend(unmet);
        pending
    });
    let pending: Vec<_> = pending
        .into_iter()
        .take(request.steps.unwrap_or(usize::MAX))
        .collect();
    if !request.allow_out_of_order {
        obstacles.extend(out_of_order(statuses, &pending));
    }
    if obstacles.is_empty() {
        Ok(pending)
    } else {
        Err(obstacles)
    }
}

/// The migrations that are going to run, the repeatables behind the others; those wait for the rest of
/// the plan where it is cut short.
pub fn select_all<'a>(
    statuses: &[Status<'a>],
    rows: &[Row],
    request: &Request,
) -> Result<Vec<&'a Migration>, Vec<Obstacle>> {
    let mut selected = select(statuses, rows, request)?;
    if is_whole(statuses, &selected) {
        selected.extend(repeatables::due(statuses).map(|(migration, _)| migration));
    }
    Ok(selected)
}

/// Does a plan of these hold all versioned ones that are pending?
fn is_whole(statuses: &[Status<'_>], selected: &[&Migration]) -> bool {
    let is_versioned = |migration: &&Migration| !migration.name.is_repeatable();
    let selected = selected.iter().copied().filter(is_versioned).count();
    selected == pending(statuses).filter(is_versioned).count()
}

/// The repeatables that are applied and may become due in a plan of these.
pub fn standby<'a>(statuses: &[Status<'a>], selected: &[&Migration]) -> Vec<&'a Migration> {
    if !is_whole(statuses, selected) {
        return vec![];
    }
    statuses
        .iter()
        .filter(|status| status.is_repeatable() && status.state == State::Applied)
        .filter_map(|status| status.migration)
        .collect()
}

/// The bridges that nobody has to wait for any more.
fn needless(statuses: &[Status<'_>]) -> BTreeSet<Requirement> {
    let needless = statuses
        .iter()
        .filter(|status| status.state == State::NotNeeded)
        .filter_map(|status| status.migration);
    needless.map(Migration::identity).collect()
}

fn broken(statuses: &[Status<'_>]) -> Vec<Obstacle> {
    let found = statuses.iter().filter_map(|status| {
        let duplicate = || duplicate_row(status, statuses);
        match status.state {
            State::Missing => duplicate().or_else(|| obstacle(status)),
            State::Partial => partial(status, statuses),
            _ => obstacle(status),
        }
    });
    found.collect()
}

fn partial(status: &Status<'_>, statuses: &[Status<'_>]) -> Option<Obstacle> {
    let squash = status.migration?;
    Some(Obstacle::PartlyReplaced {
        name: squash.name.clone(),
        span: squash.directives.replaces.as_ref()?.span.clone(),
        lacking: lacking(squash, statuses),
    })
}

/// A row without a file whose version has one: that file has a row of its own.
fn duplicate_row(row: &Status<'_>, statuses: &[Status<'_>]) -> Option<Obstacle> {
    let version = row.version()?;
    let is_same = |migration: &&Migration| {
        migration.name.track == *row.track && migration.name.version == version
    };
    let file = statuses
        .iter()
        .filter_map(|status| status.migration)
        .find(is_same)?;
    Some(Obstacle::DuplicateRow {
        name: file.name.clone(),
        recorded: row.row?.name.clone(),
    })
}

pub(super) fn obstacle(status: &Status<'_>) -> Option<Obstacle> {
    // Its objects stay, and nothing else does.
    if status.is_repeatable() && status.state == State::Missing {
        return None;
    }
    let recorded = || status.row.map(|row| row.name.clone());
    let name = || status.migration.map(|migration| migration.name.clone());
    Some(match status.state {
        State::Pending | State::Applied | State::Replaced | State::Partial | State::NotNeeded => {
            return None;
        }
        State::Changed => Obstacle::Changed {
            name: name()?,
            recorded: recorded()?,
            changes: status.changes(),
        },
        State::Missing => Obstacle::Missing {
            track: status.track.clone(),
            recorded: recorded()?,
        },
        state @ (State::Failed | State::Running) => Obstacle::Unfinished {
            name: name()?,
            state,
            error: status.row.and_then(gist),
        },
    })
}

/// The line of a recorded error that says most: that of the server.
fn gist(row: &Row) -> Option<String> {
    let error = row.error.as_deref()?;
    let told = error.lines().find(|line| line.contains("SQLSTATE"));
    told.or_else(|| error.lines().next()).map(str::to_owned)
}

fn out_of_order(statuses: &[Status<'_>], pending: &[&Migration]) -> Vec<Obstacle> {
    let mut newest: BTreeMap<&Track, Version> = BTreeMap::new();
    for status in statuses {
        if let Some(version) = status.row.and_then(Row::version) {
            let known = newest
                .entry(status.track)
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

#[cfg(test)]
mod tests {
    use miette::Diagnostic;

    use super::*;
    use crate::database::ledger::RowState;
    use crate::database::ledger::examples::row;
    use crate::plan::status::compare;
    use crate::tree::examples::{migration, tracks};

    const FILES: [&str; 4] = [
        "20240101000000_core_a.sql",
        "20240103000000_core_b.sql",
        "20240102000000_acme_a.sql",
        "20240104000000_impl_a.sql",
    ];

    fn plan(applied: &[Row], request: &Request) -> Result<Vec<String>, Vec<Obstacle>> {
        let files = FILES.map(migration);
        let tracks = tracks(&["core", "acme", "impl"]);
        let statuses = compare(&tracks, &files, applied);
        let pending = select(&statuses, applied, request)?;
        Ok(pending
            .iter()
            .map(|migration| migration.name.file_name())
            .collect())
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
                error: Some("it failed\nERROR: gone (SQLSTATE 42P01)\nmore".to_owned()),
                ..row(FILES[2])
            },
        ];
        let obstacles = plan(&rows, &Request::default()).unwrap_err();
        let kinds: Vec<_> = obstacles
            .iter()
            .map(|found| found.code().unwrap().to_string())
            .collect();
        let expected = ["changed", "missing", "unfinished", "out_of_order"];
        assert_eq!(kinds, expected.map(|code| format!("migrate::{code}")));
        let unfinished = obstacles[2].to_string();
        assert!(
            unfinished.ends_with("\n  ERROR: gone (SQLSTATE 42P01)"),
            "{unfinished}"
        );
        let gravest = super::super::Obstacles(obstacles);
        assert_eq!(gravest.code().unwrap().to_string(), "migrate::unfinished");
    }

    #[test]
    fn what_was_done_counts_towards_the_steps() {
        let of = |steps| Request {
            steps,
            ..Request::default()
        };
        assert_eq!(of(Some(3)).after(2), of(Some(1)));
        assert_eq!(of(Some(1)).after(2), of(Some(0)));
        assert_eq!(of(None).after(2), of(None));
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
            [FILES[0], FILES[2], FILES[3]]
        );
        let none = Request {
            steps: Some(0),
            ..Request::default()
        };
        assert!(plan(&late, &none).is_ok());
    }
}
