//! `migrate validate`: what a run would stumble over, all of it at once.

use super::preflight::{Checker, Preflight, no_session};
use super::{Context, look};
use crate::database::Ledgers;
use crate::error::Error;
use crate::migration::Migration;
use crate::outcome::{Finding, Severity};
use crate::preparation::{unset_variables, validation};
use crate::standing::{compare, pending};
use crate::validation::{Check, Kit, Rejection, Script, Stage, shown};

/// Runs the validation scripts and closures of everything pending; `offline` sees only whether
/// the scripts of all files parse.
///
/// # Errors
/// See the README's list of codes. A script that fails is no error but a finding.
pub fn validate(
    context: &Context,
    preflight: &Preflight<'_>,
    offline: bool,
) -> Result<Vec<Finding>, Error> {
    match offline {
        true => parse_all(context, preflight),
        false => check_pending(context, preflight),
    }
}

fn parse_all(context: &Context, preflight: &Preflight<'_>) -> Result<Vec<Finding>, Error> {
    let tree = context.tree()?;
    let tracks = context.scope(&tree, &Ledgers::default())?;
    let mut findings = Vec::new();
    let mut child = None;
    for migration in tree
        .migrations
        .iter()
        .filter(|migration| tracks.contains(&migration.name.track))
    {
        let script = match readable(migration) {
            Ok(None) => continue,
            Ok(Some(script)) => script,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        let (surroundings, kit) = match &child {
            Some(child) => child,
            None => child.insert((
                context.surroundings(None, preflight.progress)?,
                Kit::lay_out(context.variables(false)?)?,
            )),
        };
        let parsed = surroundings.parse(kit, &script).map_err(no_session)?;
        findings.extend(unparsed(migration, &script, parsed));
    }
    Ok(findings)
}

fn check_pending(context: &Context, preflight: &Preflight<'_>) -> Result<Vec<Finding>, Error> {
    let (tree, database, ledgers) = look(context)?;
    let tracks = context.scope(&tree, &ledgers)?;
    let standings = compare(&tracks, &tree.migrations, &ledgers.rows);
    let execution_id = uuid::Uuid::new_v4().to_string();
    let mut checker = Checker::new(context, preflight, &execution_id);
    let mut findings = Vec::new();
    let mut planned: Vec<&Migration> = Vec::new();
    for migration in pending(&standings) {
        findings.extend(variables(context, migration)?);
        let subject = checker.subject(migration, &planned, &database);
        planned.push(migration);
        match preflight.closures.check(&migration.name, &subject) {
            Ok(checks) => {
                findings.extend(checks.iter().map(|check| passed(migration, None, check)))
            }
            Err(rejection) => findings.push(rejected(migration, None, rejection)),
        }
        match readable(migration) {
            Ok(None) => {}
            Ok(Some(script)) => {
                checker.prepare(&database)?;
                findings.push(match script.stage {
                    Stage::Early => {
                        match checker.run(&script, subject, None).map_err(no_session)? {
                            Ok(check) => passed(migration, Some(&script), &check),
                            Err(rejection) => rejected(migration, Some(&script), rejection),
                        }
                    }
                    Stage::Late => {
                        let parsed = checker.parse(&script).map_err(no_session)?;
                        unparsed(migration, &script, parsed)
                            .unwrap_or_else(|| postponed(migration, &script))
                    }
                });
            }
            Err(finding) => findings.push(finding),
        }
    }
    Ok(findings)
}

/// The psql variables that a migration uses and nobody has set.
fn variables(context: &Context, migration: &Migration) -> Result<Vec<Finding>, Error> {
    let uses = unset_variables(migration, &context.folders(), &context.settings.variables)?;
    Ok(uses
        .into_iter()
        .map(|found| {
            let message = format!("{} is used and has no value", found.found);
            Finding {
                file: found.path.clone(),
                line: Some(found.line),
                help: Some(Error::UnsetVariables { uses: vec![found] }.help()),
                ..finding(migration, None, Severity::Error, "unset-variable", message)
            }
        })
        .collect())
}

/// The script of a migration, unless a line at its top is wrong.
fn readable(migration: &Migration) -> Result<Option<Script>, Finding> {
    validation(migration).map_err(|error| Finding {
        severity: Severity::Error,
        rule: "validation-unreadable",
        name: migration.name.clone(),
        file: migration.validation.clone().unwrap_or_default(),
        line: match &error {
            Error::BadDirective { line, .. } => Some(*line),
            _ => None,
        },
        message: error.to_string(),
        help: Some(error.help()),
    })
}

fn passed(migration: &Migration, script: Option<&Script>, check: &Check) -> Finding {
    let result = check
        .result
        .as_ref()
        .map(|result| format!(" and gave {result}"))
        .unwrap_or_default();
    finding(
        migration,
        script,
        Severity::Info,
        "validation-passed",
        format!(
            "{} passed in {}{result}",
            check.check,
            shown(check.duration)
        ),
    )
}

fn rejected(migration: &Migration, script: Option<&Script>, rejection: Rejection) -> Finding {
    Finding {
        line: rejection.complaint.line,
        help: rejection.complaint.help.clone(),
        ..finding(
            migration,
            script,
            Severity::Error,
            "validation-failed",
            rejection.to_string(),
        )
    }
}

fn unparsed(
    migration: &Migration,
    script: &Script,
    parsed: Result<Check, Rejection>,
) -> Option<Finding> {
    let rejection = parsed.err()?;
    Some(Finding {
        rule: "validation-unparsed",
        ..rejected(migration, Some(script), rejection)
    })
}

fn postponed(migration: &Migration, script: &Script) -> Finding {
    finding(
        migration,
        Some(script),
        Severity::Info,
        "validation-late",
        format!(
            "{} parses; it is late and runs only in a run, right before its own SQL",
            script.name()
        ),
    )
}

fn finding(
    migration: &Migration,
    script: Option<&Script>,
    severity: Severity,
    rule: &'static str,
    message: String,
) -> Finding {
    Finding {
        severity,
        rule,
        name: migration.name.clone(),
        file: script.map_or_else(|| migration.path.clone(), |script| script.path.clone()),
        line: None,
        message,
        help: None,
    }
}
