//! `migrate impact`: what depends on an object or a column.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::names;
use super::signature::{MigrateSignature, wrapped};
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
        wrapped(
            "A name is that of a table, view, function, type, sequence, schema or another object, or TABLE.COLUMN; \
         without a schema it is looked for along the search path, and `view public.v` names the kind as well. \
         Gives a row per object: depth tells how many steps away it is, via what it depends on. PostgreSQL \
         knows nothing about the bodies of functions that are texts: a function that names the object as a \
         word is listed, too, with certain = false, and so is what depends on it. What is part of a table \
         that is named, such as its own indexes, is left out. Ledgers are left out.",
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
                description: "Functions that may use it: look at them",
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
    const PRIORITY: &'static [&'static str] = &["name", "kind", "track", "depth", "via", "certain"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("name", |row| row.object.1.clone()),
            Column::text("kind", |row| row.object.0.clone()),
            Column::optional_text("track", |row| Some(row.maker.as_ref()?.track.clone())),
            Column::optional_text("made_by", |row| row.maker.as_ref()?.made_by.clone()),
            Column::int("depth", |row| row.depth),
            Column::text("via", |row| row.via.clone()),
            Column::bool("certain", |row| row.certain),
        ]
    }
}
