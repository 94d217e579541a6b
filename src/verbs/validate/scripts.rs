//! What validation scripts and closures have said. Pure.

use std::path::Path;

use miette::Diagnostic;

use super::Finding;
use super::names::unreadable;
use crate::checks::{self, Check, Rejection, Script, Stage, Verdict, shown};
use crate::plan::error::ONLY_QUERIES;
use crate::sql::inspection::Violation;
use crate::sql::rules::Rule;
use crate::tree::Migration;

/// A script with a line at its top that means nothing, or that cannot be read.
pub fn unusable(migration: &Migration, file: &Path, error: &checks::Error) -> Finding {
    let found = match error {
        checks::Error::BadDirective(error) => unreadable(error, file, Some(error.line)),
        error => unreadable(error as &dyn Diagnostic, file, None),
    };
    Finding {
        track: Some(migration.name.track.clone()),
        name: Some(migration.name.file_name()),
        ..found
    }
}

pub fn passed(migration: &Migration, script: Option<&Script>, check: &Check) -> Finding {
    let gave = check.result.as_ref();
    let gave = gave.map_or_else(String::new, |result| format!(" and gave {result}"));
    let took = shown(check.duration);
    let message = format!("{} passed in {took}{gave}", check.check);
    about(migration, script, Rule::ValidationPassed, message)
}

pub fn rejected(migration: &Migration, script: Option<&Script>, rejection: Rejection) -> Finding {
    complaint(migration, script, Rule::ValidationFailed, rejection)
}

/// A script that does not parse; a late one that does will only run in a run.
pub fn parsed(migration: &Migration, script: &Script, verdict: Verdict) -> Option<Finding> {
    match verdict {
        Verdict::Passed(_) => None,
        Verdict::Rejected(rejection) => Some(complaint(
            migration,
            Some(script),
            Rule::ValidationUnparsed,
            *rejection,
        )),
    }
}

/// A late script, or one behind the SQL, which only a run can run.
pub fn postponed(migration: &Migration, script: &Script) -> Finding {
    let when = match script.stage {
        Stage::After => "a run executes it right after the SQL of its migration",
        _ => "it is late: a run executes it right before the SQL of its migration",
    };
    let message = format!("{} parses; {when}", script.name());
    about(migration, Some(script), Rule::ValidationLate, message)
}

fn complaint(
    migration: &Migration,
    script: Option<&Script>,
    rule: Rule,
    rejection: Rejection,
) -> Finding {
    let detail = rejection.to_string();
    let complaint = rejection.complaint;
    Finding {
        line: complaint.line,
        help: complaint.help,
        detail: Some(detail),
        ..about(migration, script, rule, complaint.message)
    }
}

fn about(migration: &Migration, script: Option<&Script>, rule: Rule, message: String) -> Finding {
    let file = script.map_or(&migration.path, |script| &script.path);
    Finding {
        file: Some(file.clone()),
        ..Finding::about(migration, rule, message)
    }
}

/// What is no query in a `.verify.sql` file.
pub fn no_query(migration: &Migration, found: &Violation) -> Finding {
    let message = format!("{} is not a query", found.found);
    Finding {
        file: Some(found.path.clone()),
        line: Some(found.line),
        help: Some(ONLY_QUERIES.to_owned()),
        ..Finding::about(migration, Rule::BadVerification, message)
    }
}
