//! `migrate settings`: what is in force, and whether the database answers.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::switch;
use super::help::{columns, help};
use super::signature::MigrateSignature;
use super::table::{Column, Row, one_line};
use super::{MigratePlugin, answer};
use crate::verbs::settings::{SettingRow, settings};

pub struct Settings;

impl PluginCommand for Settings {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate settings"
    }

    fn description(&self) -> &str {
        "Show the settings, where each value comes from, and whether the database answers."
    }

    fn extra_description(&self) -> &str {
        help(
            "Passwords and the values of psql variables are not shown. The command connects to \
             the database as a run would, and changes nothing. With --offline, it does not \
             connect.",
            &[columns::<SettingRow>()],
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .connects()
            .switch("offline", "do not connect to the database", None)
            .gives::<SettingRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate settings ./db",
                description: "Which database a run would change, and whether it may",
                result: None,
            },
            Example {
                example: "migrate settings ./db | where works == false",
                description: "What does not work",
                result: None,
            },
            Example {
                example: "migrate settings ./db --offline | where source != default",
                description: "Which settings do not have their default",
                result: None,
            },
            Example {
                example: "migrate settings ./db --database $env.STAGING | where key == connection",
                description: "To which database another name connects",
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
            settings(context, switch(call, "offline")?)
        })
    }
}

impl Row for SettingRow {
    const PRIORITY: &'static [&'static str] = &["value"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("key", |row: &Self| row.key.clone())
                .means("a setting, a variable of libpq, or a test of the connection"),
            Column::optional_bool("works", |row: &Self| row.works)
                .means("whether it works; empty if it was not tested"),
            Column::optional_text("source", |row: &Self| row.source.clone())
                .means("where the value comes from"),
            Column::optional_text("value", |row: &Self| row.value.as_deref().map(one_line))
                .means("the value, without secrets"),
            Column::optional_text("overrides", |row: &Self| {
                (!row.overrides.is_empty()).then(|| row.overrides.join("; "))
            })
            .means("the values of other sources, which are not used"),
        ]
    }
}
