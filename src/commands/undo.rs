//! `migrate undo`: takes back what was applied last.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{extent, switch};
use super::completion::completes;
use super::help::{columns, columns_with, help};
use super::signature::{MigrateSignature, or_default};
use super::table::{Column, Full, Row, said, which};
use super::{MigratePlugin, answer_in_full, closures, preflight};
use crate::settings::Key;
use crate::verbs::undo::{Order, UndoRow, dry_run, undo};

pub struct Undo;

impl PluginCommand for Undo {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate undo"
    }

    fn description(&self) -> &str {
        "Undo the migration that was applied last, with its undo file."
    }

    fn extra_description(&self) -> &str {
        help(
            "The undo file is beside the migration. Its name ends in .down.sql instead of .sql. \
             It runs like a migration: in one transaction, with the same directives, variables \
             and checks. The ledger row is deleted in the same transaction. Afterwards, the \
             migration is pending again.\n\n\
             Without --steps and --to, one migration is undone: the one that was applied last in \
             all tracks of the directory, or in those of --track. Several migrations are undone \
             in reverse order.\n\n\
             Nothing is undone if an undo file is missing, if an applied file has changed, if a \
             migration is unfinished, or if another applied migration requires one that would be \
             undone. Validation scripts do not run. The closures of --check and of the \
             configuration run; in their record, `file` is the undo file.",
            &[columns::<UndoRow>(), columns_with::<Full<UndoRow>>("full")],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch("dry-run", "show the plan and change nothing", Some('n'))
            .named(
                "to",
                SyntaxShape::Any,
                "undo what is later than this timestamp: 14 digits, or a datetime",
                None,
            )
            .named("steps", SyntaxShape::Int, "undo this many migrations", None)
            .switch(
                "atomic",
                "refuse a plan that needs more than one transaction",
                None,
            )
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
                "notices as a list, and the column execution_id",
                None,
            )
            .gives::<UndoRow>()
            .gives::<Full<UndoRow>>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate undo ./db --dry-run --steps 3",
                description: "Which three migrations would be undone, in this order",
                result: None,
            },
            Example {
                example: "migrate undo ./db --track impl --to 20240131000000",
                description: "Undo the migrations of track impl that are later than a timestamp",
                result: None,
            },
            Example {
                example: "migrate undo ./db --dry-run",
                description: "Which migration would be undone: the one that was applied last",
                result: None,
            },
            Example {
                example: "migrate undo ./db --to 20240131000000 --dry-run",
                description: "Which migrations would be undone to get back to a timestamp",
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
                extent: extent(call)?,
                atomic: switch(call, "atomic")?,
            };
            if switch(call, "dry-run")? {
                return dry_run(context, &order);
            }
            let closures = closures(engine, call, context)?;
            let skip = switch(call, "skip-validation")?;
            undo(context, &order, &preflight(call, &closures, skip)?)
        })
    }
}

impl Row for UndoRow {
    const PRIORITY: &'static [&'static str] = &["name", "version", "description"];

    fn columns() -> Vec<Column<Self>> {
        let state = |row: &Self| match row.run.applied {
            Some(_) => "undone".to_owned(),
            None => "planned".to_owned(),
        };
        let mut columns: Vec<Column<Self>> = which(
            |row: &Self| &row.run.name,
            state,
            "undone, or planned with --dry-run",
        );
        let others: Vec<Column<Self>> = vec![
            Column::optional_duration("duration", |row: &Self| {
                Some(row.run.applied.as_ref()?.duration)
            })
            .means("how long the undo file took"),
            Column::optional_date("applied_at", |row: &Self| row.applied_at)
                .means("when it was applied"),
            Column::optional_date("undone_at", |row: &Self| {
                Some(row.run.applied.as_ref()?.applied_at)
            })
            .means("when it was undone"),
            Column::int("group", |row: &Self| row.run.group)
                .means("the number of its transaction, from 1"),
            Column::text("name", |row: &Self| row.run.name.file_name()).means("the file's name"),
            Column::text("notices", |row: &Self| said(&row.run.notices))
                .means("the messages of psql and the server, in one line"),
        ];
        columns.extend(others);
        columns
    }
}

impl Row for Full<UndoRow> {
    const PRIORITY: &'static [&'static str] = UndoRow::PRIORITY;

    fn columns() -> Vec<Column<Self>> {
        let mut columns = Self::with(
            UndoRow::columns(),
            Column::texts("notices", |row: &UndoRow| row.run.notices.clone())
                .means("the messages of psql and the server: a list"),
        );
        columns.push(
            Column::optional_text("execution_id", |row: &Self| {
                Some(row.0.run.applied.as_ref()?.execution_id.clone())
            })
            .means("the id of the undo, as in $env.MIGRATION"),
        );
        columns
    }
}
