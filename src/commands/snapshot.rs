//! `migrate snapshot`: the schema as one readable file per object.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{detail, required};
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::verbs::snapshot::{SnapshotRow, snapshot};

pub struct Snapshot;

impl PluginCommand for Snapshot {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate snapshot"
    }

    fn description(&self) -> &str {
        "Write the database's schema to a folder, one file per object."
    }

    fn extra_description(&self) -> &str {
        help(
            "The file of a table has its columns, constraints, indexes, triggers and policies. \
             Commit the files, and a diff shows what a migration does to the schema. `migrate \
             drift --against` compares a database with the files.\n\n\
             The folder must not have other .sql files. The ledgers are left out. Nothing in the \
             database is changed.",
            &[columns::<SnapshotRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .named(
                "to",
                SyntaxShape::Directory,
                "the folder, which has no other .sql files",
                None,
            )
            .switch("all", "also write owners, grants and comments", Some('a'))
            .reaches_database()
            .gives::<SnapshotRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate snapshot ./db --to ./schema | where state != same",
                description: "What has changed in the schema since the last snapshot",
                result: None,
            },
            Example {
                example: "migrate snapshot ./db --to ./schema",
                description: "Write a file per object",
                result: None,
            },
            Example {
                example: "migrate snapshot ./db --to ./schema --all | group-by kind | columns",
                description: "Which kinds of objects there are, with owners, grants and comments",
                result: None,
            },
            Example {
                example: "migrate snapshot ./db --to ./schema | ignore; migrate drift ./db --against ./schema",
                description: "Compare the database with a snapshot",
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
            snapshot(context, &required(call, "to")?, detail(call)?)
        })
    }
}

impl Row for SnapshotRow {
    const PRIORITY: &'static [&'static str] = &["kind", "name", "state"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("kind", |row: &Self| row.kind.clone())
                .means("table, view, function and so on"),
            Column::text("name", |row: &Self| row.name.clone())
                .means("the object's name, with its schema"),
            Column::text("state", |row: &Self| row.state.to_owned())
                .means("written, same, or removed (the object is gone)"),
            Column::text("file", |row: &Self| row.file.display().to_string())
                .means("the file of the object"),
        ]
    }
}
