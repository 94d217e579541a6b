//! `migrate repair`: edits ledger rows by hand.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::{orders, switch};
use super::completion::completes;
use super::help::{columns, help};
use super::signature::{MigrateSignature, names};
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::verbs::repair::{RepairRow, repair};

pub struct Repair;

impl PluginCommand for Repair {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate repair"
    }

    fn description(&self) -> &str {
        "Correct rows of the ledgers. Changes no other table."
    }

    fn extra_description(&self) -> &str {
        help(
            "NAME is a version or a file name, with or without .sql. Each flag takes one name or \
             a list. Everything is done in one transaction. The table shows what was done.",
            &[columns::<RepairRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .named(
                "rehash",
                names(),
                "record a changed file's new checksum",
                None,
            )
            .named("forget", names(), "delete the row of a migration", None)
            .named(
                "mark-applied",
                names(),
                "count a migration as applied",
                None,
            )
            .named("retry", names(), "let a failed migration run again", None)
            .switch("dry-run", "show what would be done", Some('n'))
            .gives::<RepairRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate repair ./db --mark-applied 20240101000000_core_a.sql --dry-run",
                description: "See what marking a file as applied would do",
                result: None,
            },
            Example {
                example: "migrate repair ./db --mark-applied [20240101000000_core_a.sql 20240101000000_impl_a.sql]",
                description: "Mark two migrations as applied",
                result: None,
            },
            Example {
                example: "migrate run ./db | ignore; migrate repair ./db --forget 20240101000000_core_a.sql",
                description: "Delete the row of a migration: it counts as not applied",
                result: None,
            },
            Example {
                example: "migrate status ./db | where state == changed | get name",
                description: "Which files were changed after they were applied; --rehash accepts them",
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
            repair(context, &orders(call)?, switch(call, "dry-run")?)
        })
    }
}

impl Row for RepairRow {
    const PRIORITY: &'static [&'static str] = &["name"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.track.to_string())
                .means("the track of the migration"),
            Column::text("action", |row: &Self| {
                let would = if row.is_dry_run { "would " } else { "" };
                format!("{would}{}", row.action)
            })
            .means("what was done; would ... with --dry-run"),
            Column::text("name", |row: &Self| row.name.clone()).means("the file's name"),
        ]
    }
}
