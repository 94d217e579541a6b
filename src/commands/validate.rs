//! `migrate validate`: what a run would stumble over.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{checks, switch};
use super::completion::completes;
use super::error::to_paste;
use super::help::{columns, columns_with, help};
use super::signature::MigrateSignature;
use super::table::{Column, Full, Row, one_line};
use super::{MigratePlugin, answer_in_full, closures, preflight};
use crate::settings::Error;
use crate::sql::rules::Severity;
use crate::tree::file_name::parse_recorded;
use crate::verbs::validate::{Finding, Order, validate};

pub struct Validate;

impl PluginCommand for Validate {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate validate"
    }

    fn description(&self) -> &str {
        "Find what would stop a run, and what is risky. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        help(
            "Gives a row per finding: wrong names, missing requirements, files that do not match \
             the ledgers, SQL that cannot run or takes strong locks, unset variables, and failed \
             validation scripts. An `error` would stop a run. A `warning` would not. An `info` \
             needs no action, for example a check that passed.\n\n\
             The validation scripts run, as before a run. A late script is only parsed, because \
             the tables that it reads may not exist yet.\n\n\
             To silence a rule, write `-- migrate: allow RULE` into the file. The rules are in \
             docs/reference.md under \"Rules of `migrate validate`\".",
            &[columns::<Finding>(), columns_with::<Full<Finding>>("full")],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch(
                "offline",
                "read only the files; parse the scripts, do not run them",
                None,
            )
            .switch(
                "strict",
                "end with an error if any finding is an error",
                None,
            )
            .switch(
                "deny-warnings",
                "end with an error if any finding is an error or a warning",
                None,
            )
            .named(
                "check",
                SyntaxShape::Closure(Some(vec![SyntaxShape::Any])),
                "run this closure for each pending migration",
                None,
            )
            .named(
                "set",
                SyntaxShape::Record(Default::default()),
                "psql variables, such as { tenant: acme }",
                None,
            )
            .switch(
                "quiet",
                "show the output of scripts only in the report",
                Some('q'),
            )
            .switch(
                "full",
                "add the column detail: the output of failed checks",
                None,
            )
            .gives::<Finding>()
            .gives::<Full<Finding>>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate validate ./db | where severity == error",
                description: "What would stop a run",
                result: None,
            },
            Example {
                example: "migrate validate ./db --offline --strict",
                description: "Check only the files, and fail on an error",
                result: None,
            },
            Example {
                example: "migrate validate ./db | group-by rule | columns",
                description: "Which rules have found something",
                result: None,
            },
            Example {
                example: "migrate validate ./db --offline | where severity == warning | select place rule help",
                description: "The warnings, each with advice",
                result: None,
            },
        ]
    }

    completes!();

    fn run(
        &self,
        _plugin: &MigratePlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        answer_in_full(engine, call, |context| {
            let order = Order {
                offline: switch(call, "offline")?,
                fails_on: fails_on(switch(call, "strict")?, switch(call, "deny-warnings")?),
            };
            if order.offline && !checks(call)?.is_empty() {
                return Err(Error::BadFlag {
                    flag: "check",
                    problem: "it cannot be combined with --offline, which runs no checks"
                        .to_owned(),
                }
                .into());
            }
            let closures = closures(engine, call, context)?;
            let found = validate(context, &preflight(call, &closures, false)?, &order)?;
            Ok(found.into_iter().map(|found| ready(found, call)).collect())
        })
    }
}

/// A finding whose help can be typed as it is, with the directory and the migration's name.
fn ready(mut found: Finding, call: &EvaluatedCall) -> Finding {
    let name = found.name.as_deref().unwrap_or("NAME");
    let help = found.help.map(|help| {
        let named = help.replace(" NAME`", &format!(" {name}`"));
        to_paste(&named, call)
    });
    found.help = help;
    found
}

fn fails_on(is_strict: bool, denies_warnings: bool) -> Option<Severity> {
    if denies_warnings {
        Some(Severity::Warning)
    } else {
        is_strict.then_some(Severity::Error)
    }
}

impl Row for Finding {
    const PRIORITY: &'static [&'static str] = &["rule", "message", "place"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("severity", |found: &Self| found.severity().to_string())
                .means("error, warning or info"),
            Column::optional_text("place", |found: &Self| found.place.clone())
                .means("the file in the directory, and the line"),
            Column::text("message", |found: &Self| one_line(&found.message))
                .means("what was found"),
            Column::optional_text("track", |found: &Self| {
                Some(found.track.as_ref()?.to_string())
            })
            .means("the track of the file"),
            Column::optional_int("line", |found: &Self| found.line)
                .means("the line of the file, counted from 1"),
            Column::text("rule", |found: &Self| found.rule.name().to_owned())
                .means("the name of the rule, for -- migrate: allow"),
            Column::optional_text("name", |found: &Self| found.name.clone())
                .means("the file's name"),
            Column::optional_text("help", |found: &Self| found.help.as_deref().map(one_line))
                .means("what to do"),
            Column::optional_text("kind", |found: &Self| {
                Some(parse_recorded(found.name.as_ref()?)?.kind().to_owned())
            })
            .means("versioned or repeatable"),
            Column::optional_text("reason", |found: &Self| Some(found.due?.to_string()))
                .means("why a repeatable is pending"),
            Column::optional_text("file", |found: &Self| {
                Some(found.file.as_ref()?.to_string_lossy().into_owned())
            })
            .means("the file, as an absolute path"),
        ]
    }
}

impl Row for Full<Finding> {
    const PRIORITY: &'static [&'static str] = Finding::PRIORITY;

    fn columns() -> Vec<Column<Self>> {
        let detail = Column::optional_text("detail", |found: &Finding| found.detail.clone())
            .means("the whole output of a failed check");
        Self::with(Finding::columns(), detail)
    }
}
