//! `migrate run`: applies what is pending.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{
    Example, LabeledError, PipelineData, Signature, Span, SyntaxShape, Value, record,
};

use super::arguments::{request, switch};
use super::signature::{MigrateSignature, or_default};
use super::table::{self, Column, Row, list};
use super::{MigratePlugin, answer, closures, preflight};
use crate::checks::Check;
use crate::checks::caller::from_nuon;
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
        "Order: track core first, then the others alphabetically, each by timestamp; what a file \
         `requires`, or is to run `before`, changes that, and the column reason says where. Every \
         migration is recorded in its track's ledger within the same transaction; if one fails, \
         nothing of its transaction stays. Refuses to run when an applied file was changed or is \
         gone. Gives a row per applied migration, with the group that shares its transaction and \
         the notices: what the server and psql said, and what queries gave. Nothing pending gives \
         an empty table. Before any SQL, the `.nu` file beside each pending migration runs in a \
         nu of its own, and one that fails stops everything; `--check` does the same with a \
         closure, evaluated in this shell. Files that cannot run in a transaction say so at their top with \
         `-- migrate: no-transaction`."
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch("dry-run", "show the plan and touch nothing", Some('n'))
            .selects_steps()
            .limits_statements()
            .named(
                "retries",
                SyntaxShape::Int,
                or_default(
                    "how often to try a transaction again after a lock timeout or a deadlock",
                    Key::Retries,
                ),
                None,
            )
            .checks_first()
            .gives::<RunRow>()
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
                description: "Two tracks, each migration in a transaction of its own",
                result: None,
            },
            Example {
                example: "migrate run ./db --database $env.STAGING --to 20240131000000",
                description: "Another database, up to a timestamp",
                result: None,
            },
            Example {
                example: r#"migrate run ./db --check {|migration| if $migration.description =~ drop { error make { msg: "nothing is dropped today" } } }"#,
                description: "Ask this shell about every migration first",
                result: None,
            },
        ]
    }

    fn run(
        &self,
        _plugin: &MigratePlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        answer(engine, call, |context| {
            let request = request(call, context.transaction_mode())?;
            if switch(call, "dry-run")? {
                return dry_run(context, &request);
            }
            let closures = closures(engine, call, context)?;
            let skip = switch(call, "skip-validation")?;
            run(context, &request, &preflight(call, &closures, skip)?)
        })
    }
}

impl Row for RunRow {
    const PRIORITY: &'static [&'static str] = &["track", "name", "state", "duration", "group"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row| row.name.track.to_string()),
            Column::text("name", |row| row.name.file_name()),
            Column::text("state", |row| {
                if row.applied.is_some() {
                    "applied".to_owned()
                } else {
                    "planned".to_owned()
                }
            }),
            Column::optional_duration("duration", |row| Some(row.applied.as_ref()?.duration)),
            Column::optional_date("applied_at", |row| Some(row.applied.as_ref()?.applied_at)),
            Column::optional_text("execution_id", |row| {
                Some(row.applied.as_ref()?.execution_id.clone())
            }),
            Column::int("group", |row| row.group),
            Column::optional_text("reason", |row| row.reason.as_ref().map(ToString::to_string)),
            Column::texts("notices", |row| row.notices.clone()),
            Column::optional_duration("validation_time", Self::validation_time),
            Column::new("validation", list(), |row, span| {
                validation(&row.checks, span)
            }),
        ]
    }
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
