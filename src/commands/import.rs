//! `migrate import`: turns another tool's files into ours.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, Flag, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{import_order, switch};
use super::completion::completes;
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::verbs::import::{ImportRow, Order, import};

pub struct Import;

impl PluginCommand for Import {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate import"
    }

    fn description(&self) -> &str {
        "Import another tool's migration files. Never overwrites a file."
    }

    fn extra_description(&self) -> &str {
        help(
            "DIRECTORY is the folder of the other tool. It is not changed. --into is the folder \
             of the new files. The name of this folder is the track, unless --track gives \
             another.\n\n\
             The SQL is copied unchanged. The tool's own marks become file names, undo files, or \
             directives: no-transaction, transaction-control if a file has its own BEGIN and \
             COMMIT, and `allow unset-variable` if a colon looks like a psql variable.\n\n\
             The table shows what each file became: a migration, an undo file, or skipped. If the \
             folder has problems, all of them are listed and nothing is written. Afterwards, \
             `migrate adopt` marks the applied migrations.",
            &[columns::<ImportRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .param(
                Flag::new("from")
                    .arg(SyntaxShape::String)
                    .desc("the tool that the files belong to"),
            )
            .named(
                "into",
                SyntaxShape::Directory,
                "the folder of the new files, such as ./db/core",
                None,
            )
            .named(
                "track",
                SyntaxShape::String,
                "the track, if it is not the folder's name",
                Some('t'),
            )
            .switch("dry-run", "show what would be written", Some('n'))
            .gives::<ImportRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "mkdir ./migrations; '-- migrate:up' | save ./migrations/20240101000000_a.sql; migrate import ./migrations --from dbmate --into ./erp/core --dry-run",
                description: "Which files would be written for dbmate's",
                result: None,
            },
            Example {
                example: "mkdir ./goose; '-- +goose Up' | save ./goose/1_a.sql; migrate import ./goose --from goose --into ./erp/core",
                description: "Import goose's files",
                result: None,
            },
            Example {
                example: "mkdir ./sqlx; 'SELECT 1;' | save ./sqlx/20240101000000_a.sql; migrate import ./sqlx --from sqlx --into ./erp/core | where note != null",
                description: "Import sqlx's files, and show which have a note",
                result: None,
            },
            Example {
                example: "mkdir ./more; '-- migrate:up' | save ./more/20240101000000_a.sql; migrate import ./more --from dbmate --into ./erp/impl | get to",
                description: "The new files",
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
        answer(engine, call, |context| {
            let (tool, into) = import_order(call)?;
            let order = Order {
                tool,
                into,
                dry_run: switch(call, "dry-run")?,
            };
            import(context, &order)
        })
    }
}

impl Row for ImportRow {
    const PRIORITY: &'static [&'static str] = &["from", "kind", "note"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("from", |row: &Self| row.from.clone()).means("the other tool's file"),
            Column::text("kind", |row: &Self| row.kind.clone()).means("migration, undo or skipped"),
            Column::text("note", |row: &Self| row.note.clone())
                .means("the directives that were added, or why the file was skipped"),
            Column::optional_text("to", |row: &Self| {
                Some(row.to.as_ref()?.to_string_lossy().into_owned())
            })
            .means("the new file; empty if it was skipped"),
        ]
    }
}
