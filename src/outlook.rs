//! What `migrate validate` finds, from what others have read. Pure; must not read anything itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::discovery::name::Rule;
use crate::discovery::{Misnamed, Survey};
use crate::error::Error;
use crate::finding::{Finding, Severity};
use crate::inspection::{Violation, inspect, needs_no_transaction};
use crate::migration::Migration;
use crate::plan::{Fit, Obstacle, fit};
use crate::preparation::Material;
use crate::settings::TransactionControl;
use crate::standing::Standing;
use crate::unsafe_ddl;
use crate::validation::{Check, Rejection, Script, shown};
use crate::variables::Variables;
use crate::variables::usage::unset;

/// What the files' names and places say.
pub fn structure(survey: &Survey) -> Vec<Finding> {
    let mut findings: Vec<_> = survey
        .misnamed
        .iter()
        .map(|found| misnamed(survey, found))
        .collect();
    findings.extend(
        survey
            .unreadable
            .iter()
            .map(|found| unreadable(&found.1, &found.0)),
    );
    findings.extend(survey.migrations.iter().filter_map(no_date));
    findings.extend(mixed_folders(&survey.migrations));
    findings
}

fn misnamed(survey: &Survey, found: &Misnamed) -> Finding {
    let rule = match &found.rule {
        Rule::TimestampTaken { .. } => "duplicate-timestamp",
        Rule::CompanionAlone { .. } => "orphan-companion",
        _ => "bad-name",
    };
    Finding {
        severity: Severity::Error,
        rule,
        track: None,
        name: None,
        file: Some(survey.root.join(&found.file)),
        line: None,
        message: found.rule.to_string(),
        help: Some(
            Error::BadNames {
                root: survey.root.clone(),
                misnamed: vec![],
            }
            .help(),
        ),
    }
}

fn unreadable(error: &Error, file: &Path) -> Finding {
    let (rule, line) = match error {
        Error::BadDirective { line, .. } => ("bad-directive", Some(*line)),
        _ => ("unreadable-file", None),
    };
    Finding {
        severity: Severity::Error,
        rule,
        track: None,
        name: file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
        file: Some(file.to_owned()),
        line,
        message: error.to_string(),
        help: Some(error.help()),
    }
}

fn no_date(migration: &Migration) -> Option<Finding> {
    migration
        .name
        .version
        .timestamp()
        .is_none()
        .then(|| Finding {
            message: format!("{} is no date and time", migration.name.version),
            help: Some("nothing depends on it, and an applied file keeps its name".to_owned()),
            ..about(migration, Severity::Warning, "no-date")
        })
}

/// One finding for each folder with several tracks.
fn mixed_folders(migrations: &[Migration]) -> Vec<Finding> {
    let mut folders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for migration in migrations {
        let tracks = folders.entry(migration.path.parent()).or_default();
        tracks.insert(migration.name.track.to_string());
    }
    folders
        .into_iter()
        .filter(|(_, tracks)| tracks.len() > 1)
        .map(|(folder, tracks)| {
            let tracks: Vec<_> = tracks.into_iter().collect();
            Finding {
                severity: Severity::Warning,
                rule: "mixed-folder",
                track: None,
                name: None,
                file: folder.map(PathBuf::from),
                line: None,
                message: format!("the folder holds the tracks {}", tracks.join(", ")),
                help: Some("give each track a folder of its own".to_owned()),
            }
        })
        .collect()
}

/// What stands in the way of a run, in the history or between migrations.
pub fn obstacle(obstacle: &Obstacle, standings: &[Standing<'_>]) -> Finding {
    let rule = match obstacle {
        Obstacle::Changed { name, changes, .. } if !changes.contains(&name.file_name()) => {
            "changed-include"
        }
        Obstacle::Changed { .. } => "changed",
        Obstacle::Missing { .. } => "missing",
        Obstacle::Unfinished { .. } => "unfinished",
        Obstacle::Unmet { .. } => "unmet-requirement",
        Obstacle::Circle { .. } => "circular-requirement",
        Obstacle::OutOfOrder { .. } => "out-of-order",
    };
    let base = Finding {
        severity: Severity::Error,
        rule,
        track: None,
        name: None,
        file: None,
        line: None,
        message: obstacle.to_string(),
        help: Some(obstacle.way_out().to_owned()),
    };
    match obstacle {
        Obstacle::Missing { track, recorded } => Finding {
            track: Some(track.clone()),
            name: Some(recorded.clone()),
            ..base
        },
        Obstacle::Circle { names } => Finding {
            track: names.first().map(|name| name.track.clone()),
            name: names.first().map(ToString::to_string),
            ..base
        },
        Obstacle::Changed { name, .. }
        | Obstacle::Unfinished { name, .. }
        | Obstacle::Unmet { name, .. }
        | Obstacle::OutOfOrder { name, .. } => Finding {
            track: Some(name.track.clone()),
            name: Some(name.file_name()),
            file: standings
                .iter()
                .filter_map(|standing| standing.migration)
                .find(|migration| migration.name == *name)
                .map(|migration| migration.path.clone()),
            ..base
        },
    }
}

/// A file that the predecessor recorded with other line endings.
pub fn line_endings(migration: &Migration) -> Finding {
    Finding {
        message: "it was applied with other line endings, which is no change".to_owned(),
        help: Some("`migrate repair DIR --rehash NAME` is not needed".to_owned()),
        ..about(migration, Severity::Info, "line-endings")
    }
}

/// An index that no query can use.
pub fn invalid_index(index: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        rule: "invalid-index",
        track: None,
        name: None,
        file: None,
        line: None,
        message: format!("the index {index} is invalid: every write keeps it up, no query uses it"),
        help: Some(format!("DROP INDEX CONCURRENTLY {index};")),
    }
}

/// What a pending migration and what it includes hold.
pub fn content(
    migration: &Migration,
    material: &Material,
    control: TransactionControl,
    users: &Variables,
    major: Option<u32>,
) -> Vec<Finding> {
    let script = material.script(migration);
    let included = material.scripts();
    let inspection = inspect(script, &included);
    let mut findings = Vec::new();
    let fits = fit(migration, inspection.clone(), control);
    for found in &inspection.forbidden {
        findings.push(violation(migration, found, "forbidden-command"));
    }
    if fits.is_err() {
        for found in &inspection.transaction_control {
            findings.push(violation(migration, found, "transaction-control"));
        }
    }
    for found in unset(script, &included, users) {
        let message = format!("{} is used and has no value", found.found);
        let help = Error::UnsetVariables {
            uses: vec![found.clone()],
        }
        .help();
        findings.push(Finding {
            message,
            help: Some(help),
            ..violation(migration, &found, "unset-variable")
        });
    }
    let is_alone = fits.is_ok_and(|step| step.fit == Fit::Alone);
    for script in std::iter::once(script).chain(included) {
        if !is_alone {
            findings.extend(needs_no_transaction(script).iter().map(|found| Finding {
                message: format!("{} cannot run in a transaction", found.found),
                help: Some(
                    "put it into a migration of its own with `-- migrate: no-transaction` at its top"
                        .to_owned(),
                ),
                ..violation(migration, found, "needs-no-transaction")
            }));
        }
        if std::str::from_utf8(script.content).is_err() {
            findings.push(Finding {
                file: Some(script.path.to_owned()),
                message: "it is not UTF-8".to_owned(),
                help: Some(
                    "convert it, or say its encoding with \\encoding in it or PGCLIENTENCODING"
                        .to_owned(),
                ),
                ..about(migration, Severity::Warning, "not-utf8")
            });
        }
        let hazards = unsafe_ddl::lint(script.content, major, !is_alone);
        findings.extend(hazards.into_iter().map(|found| Finding {
            file: Some(script.path.to_owned()),
            line: Some(found.line),
            message: found.message,
            help: Some(found.help.to_owned()),
            ..about(migration, Severity::Warning, found.rule)
        }));
    }
    findings
}

fn violation(migration: &Migration, found: &Violation, rule: &'static str) -> Finding {
    Finding {
        file: Some(found.path.clone()),
        line: Some(found.line),
        message: format!("{} must not stand in a migration", found.found),
        help: Some(
            Error::Forbidden {
                files: 1,
                violations: vec![],
            }
            .help(),
        ),
        ..about(migration, Severity::Error, rule)
    }
}

fn about(migration: &Migration, severity: Severity, rule: &'static str) -> Finding {
    Finding::about(&migration.name, migration.path.clone(), severity, rule)
}

fn about_script(
    migration: &Migration,
    script: Option<&Script>,
    severity: Severity,
    rule: &'static str,
) -> Finding {
    let file = script.map_or_else(|| migration.path.clone(), |script| script.path.clone());
    Finding::about(&migration.name, file, severity, rule)
}

/// A script with a line at its top that means nothing, or that cannot be read.
pub fn unreadable_script(migration: &Migration, error: &Error) -> Finding {
    let file = migration.validation.clone().unwrap_or_default();
    Finding {
        track: Some(migration.name.track.clone()),
        name: Some(migration.name.file_name()),
        ..unreadable(error, &file)
    }
}

/// What checks have said.
pub fn checked(
    migration: &Migration,
    script: Option<&Script>,
    result: Result<Vec<Check>, Rejection>,
) -> Vec<Finding> {
    match result {
        Ok(checks) => checks
            .iter()
            .map(|check| Finding {
                message: passed(check),
                ..about_script(migration, script, Severity::Info, "validation-passed")
            })
            .collect(),
        Err(rejection) => vec![rejected(migration, script, rejection, "validation-failed")],
    }
}

fn passed(check: &Check) -> String {
    let gave = check
        .result
        .as_ref()
        .map(|result| format!(" and gave {result}"));
    format!(
        "{} passed in {}{}",
        check.check,
        shown(check.duration),
        gave.unwrap_or_default()
    )
}

fn rejected(
    migration: &Migration,
    script: Option<&Script>,
    rejection: Rejection,
    rule: &'static str,
) -> Finding {
    Finding {
        line: rejection.complaint.line,
        message: rejection.to_string(),
        help: rejection.complaint.help,
        ..about_script(migration, script, Severity::Error, rule)
    }
}

/// A script that does not parse.
pub fn unparsed(
    migration: &Migration,
    script: &Script,
    rejection: Option<Rejection>,
) -> Option<Finding> {
    Some(rejected(
        migration,
        Some(script),
        rejection?,
        "validation-unparsed",
    ))
}

/// A late script, which only a run can run.
pub fn postponed(migration: &Migration, script: &Script) -> Finding {
    Finding {
        message: format!(
            "{} parses; it is late and runs only in a run, right before its own SQL",
            script.name()
        ),
        ..about_script(migration, Some(script), Severity::Info, "validation-late")
    }
}
