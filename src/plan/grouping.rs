//! How each file fits into a transaction, and which share one.

use super::{Direction, Error, Fit, Group, Plan, Request, Step};
use crate::settings::{TransactionControl, TransactionMode};
use crate::sql::inspection::{Inspection, Violation};
use crate::sql::rules::Rule;
use crate::sql::variables::usage::Leftovers;
use crate::tree::Migration;

/// Decides how a migration fits into a transaction.
///
/// # Errors
/// What is in it that no run can live with, or that nothing says how to take.
pub fn fit(
    migration: &Migration,
    inspection: Inspection,
    setting: TransactionControl,
) -> Result<Step, Vec<Violation>> {
    let place = place(migration, &inspection, setting);
    let Inspection {
        transaction_control,
        mut forbidden,
        bearable,
        outside,
        misread: _,
        outer_pair: _,
        adds_enum_value,
        plain,
    } = inspection;
    if !migration
        .directives
        .allows
        .contains(&Rule::ForbiddenCommand)
    {
        forbidden.extend(bearable);
        if place == Some(Fit::NoTransaction) {
            forbidden.extend(outside);
        }
    }
    let fit = place.unwrap_or_else(|| {
        forbidden.extend(transaction_control);
        Fit::Whole
    });
    if forbidden.is_empty() {
        Ok(Step {
            migration: migration.clone(),
            fit,
            validation: None,
            verification: None,
            leftovers: Leftovers::default(),
            adds_enum_value,
            plain,
            direction: Direction::Up,
            reason: None,
            parts: migration.checksum.parts().clone(),
        })
    } else {
        Err(forbidden)
    }
}

/// Where its own BEGIN and COMMIT let it run; `None` if nothing says how to take them.
pub fn place(
    migration: &Migration,
    inspection: &Inspection,
    setting: TransactionControl,
) -> Option<Fit> {
    let directives = &migration.directives;
    let control = directives.transaction_control.unwrap_or(setting);
    match (control, &inspection.outer_pair) {
        _ if directives.no_transaction => Some(Fit::NoTransaction),
        _ if inspection.transaction_control.is_empty() => Some(Fit::Whole),
        (TransactionControl::Separate, _) => Some(Fit::NoTransaction),
        (TransactionControl::Unwrap, Some(pair)) => Some(Fit::Unwrapped(pair.clone())),
        _ => None,
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
            _ if step.fit == Fit::NoTransaction => {
                groups.push(Group::NoTransaction(Box::new(step)))
            }
            _ => groups.push(Group::Transaction(vec![step])),
        }
    }
    if request.atomic && groups.len() > 1 {
        Err(Error::NotAtomic {
            groups: groups.len(),
            reasons: reasons(&groups, request.transaction),
        })
    } else {
        Ok(Plan {
            groups,
            standby: vec![],
            carried: vec![],
        })
    }
}

/// May a step run in the transaction of the one before?
fn shares(last: &Step, next: &Step, mode: TransactionMode) -> bool {
    let (was_repeatable, is_repeatable) = (
        last.migration.name.is_repeatable(),
        next.migration.name.is_repeatable(),
    );
    let by_mode = match mode {
        // Their order is found in one transaction.
        _ if was_repeatable && is_repeatable => true,
        TransactionMode::All => true,
        TransactionMode::Track => last.migration.name.track == next.migration.name.track,
        TransactionMode::Each => false,
    };
    by_mode && !last.adds_enum_value && next.fit != Fit::NoTransaction
}

fn reasons(groups: &[Group], mode: TransactionMode) -> Vec<String> {
    let steps = groups.iter().flat_map(Group::steps);
    let mut reasons: Vec<_> = steps
        .filter_map(|step| {
            let name = &step.migration.name;
            match (&step.fit, step.adds_enum_value) {
                (Fit::NoTransaction, _) => Some(format!("{name} runs outside of a transaction")),
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

#[cfg(test)]
mod tests {
    use super::super::{Obstacle, select};
    use super::*;
    use crate::database::ledger::Row;
    use crate::database::ledger::examples::row;
    use crate::plan::status::compare;
    use crate::tree::Version;
    use crate::tree::checksum::Parts;
    use crate::tree::examples::{migration, tracks};

    const FILES: [&str; 4] = [
        "20240101000000_core_a.sql",
        "20240103000000_core_b.sql",
        "20240102000000_acme_a.sql",
        "20240104000000_impl_a.sql",
    ];

    fn plan(applied: &[Row], request: &Request) -> Result<Vec<Vec<String>>, Vec<Obstacle>> {
        let files = FILES.map(migration);
        let tracks = tracks(&["core", "acme", "impl"]);
        let statuses = compare(&tracks, &files, applied);
        let fit = |migration: &Migration| {
            fit(migration, Inspection::default(), TransactionControl::Refuse).unwrap()
        };
        let steps = select(&statuses, &[], request)?
            .into_iter()
            .map(fit)
            .collect();
        Ok(names(&group(steps, request).unwrap()))
    }

    fn names(plan: &Plan) -> Vec<Vec<String>> {
        let of_group = |group: &Group| {
            let steps = group.steps().iter();
            steps.map(|step| step.migration.name.file_name()).collect()
        };
        plan.groups.iter().map(of_group).collect()
    }

    fn violation() -> Violation {
        Violation {
            path: "a.sql".into(),
            line: 1,
            found: "COMMIT".to_owned(),
        }
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
    fn groups_end_at_lonely_files_and_behind_enum_values() {
        let step = |file: &str, fit: Fit, adds_enum_value: bool| Step {
            migration: migration(file),
            fit,
            validation: None,
            verification: None,
            leftovers: Leftovers::default(),
            adds_enum_value,
            plain: None,
            direction: Direction::Up,
            reason: None,
            parts: Parts::new(),
        };
        let [a, b, c, d] = FILES;
        let steps = vec![
            step(a, Fit::Whole, true),
            step(b, Fit::Whole, false),
            step(c, Fit::NoTransaction, false),
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
            Some(Fit::NoTransaction)
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
            Fit::NoTransaction,
            "the directive is nearer than the setting"
        );
        asks.directives.no_transaction = true;
        let leaves = Inspection {
            forbidden: vec![violation()],
            ..cut
        };
        assert!(
            fit(&asks, leaves, TransactionControl::Refuse).is_err(),
            "\\c is never allowed"
        );
    }
}
