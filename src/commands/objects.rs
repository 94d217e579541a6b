//! `migrate objects`: who made what.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::switch;
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer, closures, preflight};
use crate::verbs::objects::{ObjectRow, objects, rebuilt_objects};

pub struct Objects;

impl PluginCommand for Objects {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate objects"
    }

    fn description(&self) -> &str {
        "Show the database's objects, and which migration made each."
    }

    fn extra_description(&self) -> &str {
        help(
            "A run writes into its ledger rows what each migration has created, altered and \
             dropped. It reads this from PostgreSQL's catalogue, so the work of DO blocks and \
             functions is included.\n\n\
             track is null if no ledger knows the object: it was made by hand, or by an earlier \
             version of this plugin. made_by is null if a migration has changed an object that no \
             migration made. A part of a table, such as an index, has the track of the migration \
             that made it, or else the track of the table. --track shows only the objects of \
             these tracks.\n\n\
             --rebuild is for databases that an earlier version of this plugin has migrated. \
             Their ledger rows do not list the objects. The files of all applied migrations run \
             in a scratch database, as for `migrate drift`, and the lists are written into these \
             ledger rows. Without --rebuild, nothing is changed.",
            &[columns::<ObjectRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .switch("all", "also show columns and constraints", Some('a'))
            .switch(
                "rebuild",
                "complete old ledger rows by a replay of the files",
                None,
            )
            .named(
                "set",
                SyntaxShape::Record(Default::default()),
                "psql variables for the replay, such as { tenant: acme }",
                None,
            )
            .switch("quiet", "show no progress", Some('q'))
            .reaches_database()
            .gives::<ObjectRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate objects ./db | where kind == view and track == impl",
                description: "The views of a track",
                result: None,
            },
            Example {
                example: "migrate objects ./db | where track == null",
                description: "What no migration has made",
                result: None,
            },
            Example {
                example: "migrate objects ./db --all | first 20",
                description: "With columns and constraints",
                result: None,
            },
            Example {
                example: "migrate objects ./db | group-by track --to-table",
                description: "The objects of each track",
                result: None,
            },
            Example {
                example: "migrate objects ./db --rebuild | where kind == table",
                description: "The tables, in a database that an earlier version has migrated",
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
            let all = switch(call, "all")?;
            if !switch(call, "rebuild")? {
                return objects(context, all);
            }
            let closures = closures(engine, call, context)?;
            rebuilt_objects(context, all, &preflight(call, &closures, true)?)
        })
    }
}

impl Row for ObjectRow {
    const PRIORITY: &'static [&'static str] = &["track", "kind", "name", "made_by"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::optional_text("track", |row: &Self| {
                Some(row.maker.as_ref()?.track.clone())
            })
            .means("the track of the object; empty if no ledger knows it"),
            Column::text("kind", |row: &Self| row.object.0.clone())
                .means("table, index, view, function and so on"),
            Column::text("name", |row: &Self| row.object.1.clone())
                .means("the object's name, with its schema"),
            Column::optional_text("made_by", |row: &Self| row.maker.as_ref()?.made_by.clone())
                .means("the migration that made it"),
            Column::optional_date("made_at", |row: &Self| row.maker.as_ref()?.made_at)
                .means("when it was made"),
            Column::optional_text("last_changed_by", |row: &Self| {
                Some(row.maker.as_ref()?.last_changed_by.clone())
            })
            .means("the last migration that changed it"),
            Column::optional_text("owner", |row: &Self| row.owner.clone())
                .means("the role that owns it"),
        ]
    }
}
