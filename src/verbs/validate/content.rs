//! What a pending migration and its includes hold. Pure; hazards are for `hazards`.

use std::path::PathBuf;

use super::{Finding, names};
use crate::plan::error::{REMOVE_TRANSACTION_CONTROL, WRITE_IT_CLEARLY, give_a_value};
use crate::plan::{Fit, in_circle, place};
use crate::settings::TransactionControl;
use crate::sql::inspection::{Violation, needs_no_transaction};
use crate::sql::rules::Rule;
use crate::tree::{self, Judgement, Material, Migration};

pub fn content(
    migration: &Migration,
    material: &Material,
    judgement: &Judgement,
    control: TransactionControl,
) -> Result<Vec<Finding>, tree::Error> {
    let near_miss = migration.directives.near_miss.iter();
    let mut findings: Vec<_> = near_miss
        .map(|found| names::unreadable(found, &migration.path, Some(found.line)))
        .map(|finding| Finding {
            track: Some(migration.name.track.clone()),
            ..finding
        })
        .collect();
    let inspection = &judgement.inspection;
    let place = place(migration, inspection, control);
    let is_outside = place == Some(Fit::NoTransaction);
    for found in &inspection.forbidden {
        findings.push(forbidden(migration, found, Rule::FatalCommand));
    }
    let outside = inspection.outside.iter().filter(|_| is_outside);
    for found in inspection.bearable.iter().chain(outside) {
        findings.push(forbidden(migration, found, Rule::ForbiddenCommand));
    }
    let circles = material.circles.iter().cloned().map(in_circle);
    for found in inspection.misread.iter().cloned().chain(circles) {
        let message = format!("psql does not read {} as it is written", found.found);
        let rule = Rule::Misread;
        findings.push(at(migration, &found, rule, message, WRITE_IT_CLEARLY));
    }
    if place.is_none() {
        for found in &inspection.transaction_control {
            findings.push(forbidden(migration, found, Rule::TransactionControl));
        }
    }
    for found in &judgement.unset {
        let message = format!("{} is used and has no value", found.found);
        let help = give_a_value(Some(found));
        findings.push(at(migration, found, Rule::UnsetVariable, message, &help));
    }
    let mut not_utf8: Vec<PathBuf> = Vec::new();
    material.scripts(|script| {
        if !is_outside {
            findings.extend(needs_no_transaction(script).iter().map(|found| {
                let message = format!("{} cannot run in a transaction", found.found);
                at(
                    migration,
                    found,
                    Rule::NeedsNoTransaction,
                    message,
                    OWN_FILE,
                )
            }));
        }
        let is_told = not_utf8.last().is_some_and(|told| told == script.path);
        if !is_told && std::str::from_utf8(script.content).is_err() {
            not_utf8.push(script.path.to_owned());
            findings.push(Finding {
                file: Some(script.path.to_owned()),
                help: Some(SAY_THE_ENCODING.to_owned()),
                ..Finding::about(migration, Rule::NotUtf8, "the file is not UTF-8".to_owned())
            });
        }
    })?;
    Ok(findings)
}

const OWN_FILE: &str =
    "put it into a migration of its own with `-- migrate: no-transaction` at its top";

const SAY_THE_ENCODING: &str =
    "convert it, or declare its encoding with \\encoding in the file or with PGCLIENTENCODING";

fn forbidden(migration: &Migration, found: &Violation, rule: Rule) -> Finding {
    let message = format!("{} is not allowed in a migration", found.found);
    at(migration, found, rule, message, REMOVE_TRANSACTION_CONTROL)
}

fn at(
    migration: &Migration,
    found: &Violation,
    rule: Rule,
    message: String,
    help: &str,
) -> Finding {
    Finding {
        file: Some(found.path.clone()),
        line: Some(found.line),
        help: Some(help.to_owned()),
        ..Finding::about(migration, rule, message)
    }
}
