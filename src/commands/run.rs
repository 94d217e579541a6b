//! `migrate run`: applies what is pending.

use std::collections::BTreeMap;

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{
    Example, LabeledError, PipelineData, Signature, Span, SyntaxShape, Value, record,
};

use super::arguments::{request, switch};
use super::completion::completes;
use super::help::{columns, columns_with, help};
use super::signature::{MigrateSignature, or_default};
use super::table::{self, Column, Full, Row, list, said, which};
use super::{MigratePlugin, answer, answer_in_full, chosen, closures, preflight, progress};
use crate::checks::Check;
use crate::checks::caller::from_nuon;
use crate::database::ledger::objects::{Action, Change};
use crate::execution::row::RunRow;
use crate::settings::Key;
use crate::verbs::run::{dry_run, run};

pub struct Run;

impl PluginCommand for Run {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate run"
    }

    fn description(&self) -> &str {
        "Apply all pending migrations, in one transaction where PostgreSQL allows it."
    }

    fn extra_description(&self) -> &str {
        help(
            "The track core runs first, then the other tracks in alphabetical order. Within a \
             track, the timestamps give the order. The directives `requires` and `before` change \
             the order. Each migration is recorded in its track's ledger within the same \
             transaction. If a migration fails, its whole transaction is rolled back. A run is \
             refused if an applied file was changed or is missing.\n\n\
             Each pending migration can have a validation script: a `.nu` file beside it. All \
             scripts run before any SQL, each in a nu of its own. If one fails, no migration is \
             applied. --check runs a closure of this shell for each migration in the same way. If \
             objects of a repeatable prevent a change, they are dropped for it, and created again \
             from their files. A file that cannot run in a transaction begins with `-- migrate: \
             no-transaction`.\n\n\
             Gives a row per applied migration. If nothing is pending, the table is empty.",
            &[columns::<RunRow>(), columns_with::<Full<RunRow>>("full")],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .expects_tracks()
            .switch("dry-run", "show the plan and change nothing", Some('n'))
            .selects_steps()
            .limits_statements()
            .named(
                "retries",
                SyntaxShape::Int,
                or_default("retries after a lock timeout or a deadlock", Key::Retries),
                None,
            )
            .checks_first()
            .switch(
                "full",
                "notices and objects in full, and the column validation",
                None,
            )
            .gives::<RunRow>()
            .gives::<Planned>()
            .gives::<Full<RunRow>>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate run ./db --dry-run",
                description: "See the plan first",
                result: None,
            },
            Example {
                example: "migrate run ./db",
                description: "Apply everything that is pending, all or nothing",
                result: None,
            },
            Example {
                example: "migrate run ./db --track [core impl] --transaction each",
                description: "Apply two tracks, each migration in a transaction of its own",
                result: None,
            },
            Example {
                example: "migrate run ./db --database $env.STAGING --to 20240131000000",
                description: "Use another database, and apply up to a timestamp",
                result: None,
            },
            Example {
                example: r#"migrate run ./db --check {|migration| if $migration.description =~ drop { error make { msg: "nothing is dropped today" } } }"#,
                description: "Check every migration with a closure of this shell first",
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
        if chosen(call, "dry-run")? {
            return answer(engine, call, |context| {
                let request = request(call, context.transaction_mode())?;
                let rows = dry_run(context, &request, progress(call)?)?;
                Ok(rows.into_iter().map(Planned).collect())
            });
        }
        answer_in_full(engine, call, |context| {
            let request = request(call, context.transaction_mode())?;
            let closures = closures(engine, call, context)?;
            let skip = switch(call, "skip-validation")?;
            run(context, &request, &preflight(call, &closures, skip)?)
        })
    }
}

const STATES: &str = "applied, or planned with --dry-run";

impl Row for RunRow {
    const PRIORITY: &'static [&'static str] = &["name", "version", "description"];

    fn columns() -> Vec<Column<Self>> {
        let mut columns = which(|row: &Self| &row.name, Self::state, STATES);
        columns.extend(Self::times());
        columns.push(Self::group_column());
        columns.extend(Self::check_and_name());
        columns.push(Self::reason());
        columns.push(
            Column::text("notices", |row: &Self| said(&row.notices))
                .means("the messages of psql and the server, in one line"),
        );
        columns.push(
            Column::text("objects", |row: &Self| summary(&row.objects))
                .means("its changes to the schema, in one line"),
        );
        columns.push(
            Column::optional_text("execution_id", |row: &Self| {
                Some(row.applied.as_ref()?.execution_id.clone())
            })
            .means("the id of the run, as in the ledger and in $env.MIGRATION"),
        );
        columns
    }
}

impl RunRow {
    fn state(&self) -> String {
        let is_applied = self.applied.is_some();
        if is_applied { "applied" } else { "planned" }.to_owned()
    }

    fn group_column() -> Column<Self> {
        Column::int("group", |row: &Self| row.group).means("the number of its transaction, from 1")
    }

    fn times() -> Vec<Column<Self>> {
        vec![
            Column::optional_duration("duration", |row: &Self| {
                Some(row.applied.as_ref()?.duration)
            })
            .means("how long its SQL took"),
            Column::optional_date("applied_at", |row: &Self| {
                Some(row.applied.as_ref()?.applied_at)
            })
            .means("when it was applied, by the server's clock"),
        ]
    }

    fn reason() -> Column<Self> {
        Column::optional_text("reason", |row: &Self| {
            row.reason.as_ref().map(ToString::to_string)
        })
        .means("why a repeatable runs, or where a bridge (before) runs")
    }

    fn check_and_name() -> Vec<Column<Self>> {
        vec![
            Column::optional_duration("validation_time", Self::validation_time)
                .means("how long its checks took"),
            Column::text("name", |row: &Self| row.name.file_name()).means("the file's name"),
            Column::text("kind", |row: &Self| row.name.kind().to_owned())
                .means("versioned or repeatable"),
        ]
    }
}

impl Row for Full<RunRow> {
    const PRIORITY: &'static [&'static str] = RunRow::PRIORITY;

    fn columns() -> Vec<Column<Self>> {
        let mut columns = Self::with(
            RunRow::columns(),
            Column::texts("notices", |row: &RunRow| row.notices.clone())
                .means("the messages of psql and the server: a list"),
        );
        columns.retain(|column| column.name != "objects");
        columns.push(
            Column::new("objects", list(), |row: &Self, span| {
                changes(&row.0.objects, span)
            })
            .means("its changes to the schema: a table"),
        );
        columns.push(
            Column::new("validation", list(), |row: &Self, span| {
                validation(&row.0.checks, span)
            })
            .means("the result of each check: a table"),
        );
        columns
    }
}

/// A row of a plan: the same columns, the groups before the times that nothing has taken yet.
pub struct Planned(RunRow);

impl Row for Planned {
    const PRIORITY: &'static [&'static str] = &["name"];

    fn columns() -> Vec<Column<Self>> {
        let mut columns = which(|row: &RunRow| &row.name, RunRow::state, STATES);
        columns.push(RunRow::group_column());
        columns.extend(RunRow::times());
        columns.extend(RunRow::check_and_name());
        columns.push(RunRow::reason());
        let columns = columns.into_iter();
        columns
            .map(|column| column.of(|row: &Self| &row.0))
            .collect()
    }
}

/// What a migration did to the schema, in a line: `created table public.a, view public.v; dropped ...`.
fn summary(changes: &[Change]) -> String {
    let mut by_action: BTreeMap<Action, Vec<String>> = BTreeMap::new();
    for Change(action, kind, name, ..) in changes {
        let of_action = by_action.entry(*action).or_default();
        of_action.push(format!("{kind} {name}"));
    }
    let parts = by_action
        .iter()
        .map(|(action, objects)| format!("{action} {}", objects.join(", ")));
    parts.collect::<Vec<_>>().join("; ")
}

/// The same as a table in a cell.
pub fn changes(changes: &[Change], span: Span) -> Value {
    let row = |Change(action, kind, name, ..): &Change| {
        Value::record(
            record! {
                "action" => Value::string(action.to_string(), span),
                "kind" => Value::string(kind, span),
                "name" => Value::string(name, span),
            },
            span,
        )
    };
    Value::list(changes.iter().map(row).collect(), span)
}

/// The checks that a migration has passed, as a table in a cell.
pub fn validation(checks: &[Check], span: Span) -> Value {
    let row = |check: &Check| {
        let result = check.result.as_ref();
        let result = result.map_or_else(|| Value::nothing(span), |text| from_nuon(text, span));
        Value::record(
            record! {
                "check" => Value::string(&check.check, span),
                "duration" => table::duration(check.duration, span),
                "output" => table::texts(check.output.clone(), span),
                "result" => result,
            },
            span,
        )
    };
    Value::list(checks.iter().map(row).collect(), span)
}
