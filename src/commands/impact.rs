//! `migrate impact`: what depends on an object or a column.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::names;
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer};
use crate::verbs::impact::{ImpactRow, impact};

pub struct Impact;

impl PluginCommand for Impact {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate impact"
    }

    fn description(&self) -> &str {
        "Show what depends on an object or a column of the database, to any depth. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        help(
            "NAME is a table, view, function, type, sequence, schema or another object, or \
             TABLE.COLUMN. Without a schema, it is looked up in the search path. Put the kind \
             before the name if several objects have this name: `view public.v`.\n\n\
             Gives a row per object. PostgreSQL does not record which objects a function's body \
             uses. So a function whose body contains the name has certain = false. Everything \
             that depends on this function also has certain = false.\n\n\
             The ledgers are left out, and so are the parts of a named table, such as its \
             indexes.",
            &[columns::<ImpactRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .rest(
                "name",
                SyntaxShape::String,
                "an object, or TABLE.COLUMN; several are allowed",
            )
            .reaches_database()
            .gives::<ImpactRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate impact ./db public | where kind == view",
                description: "The views that depend on anything in a schema",
                result: None,
            },
            Example {
                example: "migrate impact ./db public | where not certain",
                description: "Functions that may use an object of the schema, for you to read",
                result: None,
            },
            Example {
                example: "migrate impact ./db public | where depth == 1",
                description: "What directly depends on an object of the schema",
                result: None,
            },
            Example {
                example: "migrate impact ./db public | get track | uniq",
                description: "Which tracks are concerned",
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
        answer(engine, call, |context| impact(context, &names(call)?))
    }
}

impl Row for ImpactRow {
    const PRIORITY: &'static [&'static str] = &["name", "depth", "via", "certain", "kind", "track"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("name", |row: &Self| row.object.1.clone())
                .means("the object that depends on NAME"),
            Column::int("depth", |row: &Self| row.depth)
                .means("how many steps away it is; 1 is a direct dependency"),
            Column::text("via", |row: &Self| row.via.clone())
                .means("the object that it directly depends on"),
            Column::bool("certain", |row: &Self| row.certain)
                .means("whether PostgreSQL records every dependency on the way"),
            Column::text("kind", |row: &Self| row.object.0.clone())
                .means("table, column, view, function and so on"),
            Column::optional_text("track", |row: &Self| {
                Some(row.maker.as_ref()?.track.clone())
            })
            .means("the track of the object; empty if no ledger knows it"),
            Column::optional_text("made_by", |row: &Self| row.maker.as_ref()?.made_by.clone())
                .means("the migration that made it"),
        ]
    }
}
