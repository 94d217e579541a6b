//! `migrate history`: what the ledgers say.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::completion::completes;
use super::signature::{MigrateSignature, wrapped};
use super::table::{Column, Row, one_line};
use super::{MigratePlugin, answer};
use crate::verbs::history::{HistoryRow, history};

pub struct History;

impl PluginCommand for History {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate history"
    }

    fn description(&self) -> &str {
        "Show what the database's ledgers say, in the order of applying. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        wrapped(
            "Shows all tracks of the database, including tracks and files that are gone from the directory. \
         --track shows only these tracks.",
        )
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .gives::<HistoryRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate history ./db | sort-by duration | last 5",
                description: "The five slowest migrations",
                result: None,
            },
            Example {
                example: "migrate history ./db --track core | last",
                description: "The latest migration of a track",
                result: None,
            },
            Example {
                example: "migrate history ./db | where applied_at > (date now) - 7day",
                description: "What was applied in the last week",
                result: None,
            },
            Example {
                example: "migrate history ./db | save --force history.csv",
                description: "Keep it as a file",
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
        answer(engine, call, history)
    }
}

impl Row for HistoryRow {
    const PRIORITY: &'static [&'static str] = &["name", "version", "description"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row| row.row.track.to_string()),
            Column::optional_text("version", |row| {
                Some(row.name.as_ref()?.digits()?.to_string())
            }),
            Column::text("state", |row| row.row.state.to_string()),
            Column::optional_text("description", |row| {
                Some(row.name.as_ref()?.description.clone())
            }),
            Column::optional_duration("duration", |row| row.row.duration()),
            Column::optional_date("applied_at", |row| row.row.applied_at),
            Column::optional_duration("validation_time", |row| row.row.validation_time()),
            // Itself, and what it includes.
            Column::int("files", |row| row.row.parts.len().max(1)),
            Column::text("name", |row| row.row.name.clone()),
            Column::optional_text("applied_by", |row| row.row.applied_by.clone()),
            Column::optional_text("error", |row| row.row.error.as_deref().map(one_line)),
            Column::optional_date("timestamp", |row| row.name.as_ref()?.version.timestamp()),
            Column::optional_text("execution_id", |row| row.row.execution_id.clone()),
            Column::text("hash", |row| row.row.hash.clone()),
            Column::optional_text("kind", |row| Some(row.name.as_ref()?.kind().to_owned())),
        ]
    }
}
