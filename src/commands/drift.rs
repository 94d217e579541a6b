//! `migrate drift`: how the live schema differs from what the migrations made.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{detail, flag, request, switch};
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer, closures, preflight};
use crate::settings::Error;
use crate::verbs::drift::{DriftRow, Expected, drift};

pub struct Drift;

impl PluginCommand for Drift {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate drift"
    }

    fn description(&self) -> &str {
        "Show what was changed by hand in the database's schema. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        help(
            "An empty table means that nobody has changed the schema by hand. Pending migrations \
             are left out. Standard error says with what the schema was compared.\n\n\
             The setting record_schema makes each run record the schema. If the last run has \
             recorded it, the table shows what was changed since then. Otherwise, or with \
             --replay, the files of all applied migrations run in a new database, and the schemas \
             are compared. The new database is made as by `migrate rehearse --scratch`. \
             Validation scripts do not run there.\n\n\
             With --against, the schema is compared with the files that `migrate snapshot` has \
             written.",
            &[columns::<DriftRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .switch(
                "replay",
                "always compare with a new database made from the files",
                None,
            )
            .named(
                "against",
                SyntaxShape::Directory,
                "compare with the snapshot in this folder",
                None,
            )
            .switch("all", "also compare owners, grants and comments", Some('a'))
            .named(
                "set",
                SyntaxShape::Record(Default::default()),
                "psql variables for the replay, such as { tenant: acme }",
                None,
            )
            .switch(
                "quiet",
                "show no progress and no output of the files",
                Some('q'),
            )
            .reaches_database()
            .gives::<DriftRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate drift ./db | where difference == unexpected",
                description: "What somebody has added by hand",
                result: None,
            },
            Example {
                example: "migrate drift ./db | where track == core",
                description: "What was changed by hand in the objects of a track",
                result: None,
            },
            Example {
                example: "migrate snapshot ./db --to ./schema | ignore; migrate drift ./db --against ./schema",
                description: "What has changed since a snapshot",
                result: None,
            },
            Example {
                example: "migrate drift ./db | group-by kind | columns",
                description: "Which kinds of objects differ",
                result: None,
            },
            Example {
                example: "migrate drift ./db --replay | where track == null",
                description: "What no migration made, compared with a replay of the files",
                result: None,
            },
            Example {
                example: "migrate drift ./db --all | to md",
                description: "With owners, grants and comments, as Markdown for a ticket",
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
            let expected = match (flag(call, "against")?, switch(call, "replay")?) {
                (None, false) => Expected::Recorded(&request),
                (None, true) => Expected::Replay(&request),
                (Some(folder), false) => Expected::Folder(folder),
                (Some(_), true) => {
                    return Err(Error::BadFlag {
                        flag: "replay",
                        problem: "it cannot be combined with --against".to_owned(),
                    }
                    .into());
                }
            };
            // Scripts check a database that is in use.
            let closures = closures(engine, call, context)?;
            drift(
                context,
                &expected,
                detail(call)?,
                &preflight(call, &closures, true)?,
            )
        })
    }
}

impl Row for DriftRow {
    const PRIORITY: &'static [&'static str] = &["kind", "name", "difference"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("kind", |row: &Self| row.object.0.clone())
                .means("table, column, view, function and so on"),
            Column::text("name", |row: &Self| row.object.1.clone())
                .means("the object's name, with its schema"),
            Column::text("difference", |row: &Self| row.difference.to_owned())
                .means("missing, unexpected or different"),
            Column::optional_text("track", |row: &Self| {
                Some(row.maker.as_ref()?.track.clone())
            })
            .means("the track of the object; empty if no ledger knows it"),
            Column::optional_text("expected", |row: &Self| row.expected.clone())
                .means("the definition that the migrations make"),
            Column::optional_text("actual", |row: &Self| row.actual.clone())
                .means("the definition in the database"),
            Column::optional_date("since", |row: &Self| row.since)
                .means("the change by hand was made after this time"),
        ]
    }
}
