//! Which unsafe statements of a migration would hurt somebody here, and how much.

use std::path::Path;

use super::Finding;
use super::reading::{Linted, Reading};
use super::surroundings::{Surroundings, Weight};
use crate::database::relations::Usage;
use crate::database::{self, Database};
use crate::sql::rules::{Rule, Severity};
use crate::sql::unsafe_ddl::Violation;
use crate::tree::Migration;

/// The hazards of a migration, whose objects then count as made.
pub fn hazards(
    reading: &Reading<'_>,
    surroundings: &mut Surroundings,
    mut database: Option<&mut Database>,
) -> Result<Vec<Finding>, database::Error> {
    // What is included comes first: a script that includes others goes on with what they have made.
    let migration = reading.migration;
    let mut found = Vec::new();
    for script in reading.scripts.iter().skip(1) {
        let database = database.as_deref_mut();
        found.extend(of_script(migration, script, surroundings, database)?);
    }
    let mut findings = Vec::new();
    if let Some(own) = reading.scripts.first() {
        findings = of_script(migration, own, surroundings, database)?;
    }
    findings.append(&mut found);
    // What stands for others runs on fresh databases alone, where nobody waits for a lock.
    if migration.directives.replaces.is_some() {
        findings.clear();
    }
    Ok(findings)
}

fn of_script(
    migration: &Migration,
    script: &Linted,
    surroundings: &mut Surroundings,
    mut database: Option<&mut Database>,
) -> Result<Vec<Finding>, database::Error> {
    let mut findings = Vec::new();
    surroundings.sets_path = script.sets_path;
    for statement in &script.statements {
        for violation in &statement.violations {
            let weight =
                surroundings.weigh(violation, &statement.deed.touched, database.as_deref_mut())?;
            let is_known = surroundings.is_known();
            findings.extend(finding(
                migration,
                &script.path,
                violation,
                &weight,
                is_known,
            ));
        }
        surroundings.pass(&statement.deed);
    }
    Ok(findings)
}

/// `None` where nobody is hurt.
fn finding(
    migration: &Migration,
    path: &Path,
    violation: &Violation,
    weight: &Weight,
    is_known: bool,
) -> Option<Finding> {
    let (measured, weight, where_to) = match weight {
        Weight::None => return None,
        Weight::Unknown if is_known || !violation.is_about_others() => (None, 0, String::new()),
        Weight::Unknown => (None, 0, " (offline: the worst is assumed)".to_owned()),
        Weight::Table(usage) => (
            Some(severity(violation, usage)),
            weight_of(usage),
            format!(" ({})", measured(usage)),
        ),
    };
    Some(Finding {
        file: Some(path.to_owned()),
        line: Some(violation.line),
        help: Some(violation.help.to_owned()),
        measured,
        weight,
        ..Finding::about(
            migration,
            Rule::UnsafeDdl(violation.rule),
            format!("{}{where_to}", violation.message),
        )
    })
}

/// A short lock on a table that hardly anybody uses, or the loss of nothing, is good to know.
fn severity(violation: &Violation, usage: &Usage) -> Severity {
    let is_empty = violation.is_about_time() || usage.rows == 0;
    if usage.is_small() && usage.is_idle() && is_empty {
        Severity::Info
    } else {
        Severity::Warning
    }
}

/// The larger a table, the longer it takes; the more it is used, the more have to wait.
fn weight_of(usage: &Usage) -> u64 {
    let uses = (usage.per_second.max(0.0).round() as u64).saturating_add(1);
    usage.size.saturating_mul(uses).saturating_add(1)
}

/// `invoice: 2.1 GB, used 340 times a second`
fn measured(usage: &Usage) -> String {
    let used = match usage.per_second {
        often if often >= 0.95 => format!("used {often:.0} times a second"),
        seldom if seldom * 60.0 >= 0.95 => format!("used {:.0} times a minute", seldom * 60.0),
        _ => "hardly used".to_owned(),
    };
    format!("{}: {}, {used}", usage.name, bytes(usage.size))
}

fn bytes(size: u64) -> String {
    let mut number = size as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if number < 1000.0 {
            let digits = usize::from(number < 10.0 && unit != "bytes");
            return format!("{number:.digits$} {unit}");
        }
        number /= 1000.0;
    }
    format!("{number:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(size: u64, per_second: f64) -> Usage {
        Usage {
            name: "invoice".to_owned(),
            size,
            rows: 0,
            per_second,
        }
    }

    #[test]
    fn a_table_is_told_in_words() {
        for (size, per_second, told) in [
            (
                2_100_000_000,
                340.2,
                "invoice: 2.1 GB, used 340 times a second",
            ),
            (0, 0.0, "invoice: 0 bytes, hardly used"),
            (16_384, 0.5, "invoice: 16 kB, used 30 times a minute"),
            (
                3_000_000_000_000,
                1.0,
                "invoice: 3.0 TB, used 1 times a second",
            ),
        ] {
            assert_eq!(measured(&usage(size, per_second)), told);
        }
    }

    #[test]
    fn the_larger_and_the_more_used_weighs_more() {
        let small = weight_of(&usage(1000, 0.0));
        let busy = weight_of(&usage(1000, 50.0));
        let large = weight_of(&usage(1_000_000, 0.0));
        assert!(small < busy && busy < large);
        assert_eq!(weight_of(&usage(u64::MAX, f64::INFINITY)), u64::MAX);
    }
}
