//! `migrate history`: what the ledgers say.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::completion::completes;
use super::help::{columns, help};
use super::signature::MigrateSignature;
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
        "Show the rows of the database's ledgers, oldest first. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        help(
            "Shows all tracks of the database, even if the directory no longer has their files. \
             --track shows only these tracks.",
            &[columns::<HistoryRow>()],
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
                description: "Save the history as a file",
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
            Column::text("track", |row: &Self| row.row.track.to_string())
                .means("the track of the migration"),
            Column::optional_text("version", |row: &Self| {
                Some(row.name.as_ref()?.digits()?.to_string())
            })
            .means("the timestamp of 14 digits; empty for a repeatable"),
            Column::text("state", |row: &Self| row.row.state.to_string())
                .means("applied, failed or running"),
            Column::optional_text("description", |row: &Self| {
                Some(row.name.as_ref()?.description.clone())
            })
            .means("the description in the file name"),
            Column::optional_duration("duration", |row: &Self| row.row.duration())
                .means("how long its SQL took"),
            Column::optional_date("applied_at", |row: &Self| row.row.applied_at)
                .means("when it was applied, by the server's clock"),
            Column::optional_duration("validation_time", |row: &Self| row.row.validation_time())
                .means("how long its checks took"),
            // Itself, and what it includes.
            Column::int("files", |row: &Self| row.row.parts.len().max(1))
                .means("how many files it has: its own, and included ones"),
            Column::text("name", |row: &Self| row.row.name.clone()).means("the file's name"),
            Column::optional_text("applied_by", |row: &Self| row.row.applied_by.clone())
                .means("the database user of that run"),
            Column::optional_text("error", |row: &Self| row.row.error.as_deref().map(one_line))
                .means("why a migration outside a transaction failed"),
            Column::optional_date("timestamp", |row: &Self| {
                row.name.as_ref()?.version.timestamp()
            })
            .means("the version as a datetime; empty if it is not a date"),
            Column::optional_text("execution_id", |row: &Self| row.row.execution_id.clone())
                .means("the run that applied it"),
            Column::text("hash", |row: &Self| row.row.hash.clone())
                .means("the checksum of the file as it was applied"),
            Column::optional_text("kind", |row: &Self| {
                Some(row.name.as_ref()?.kind().to_owned())
            })
            .means("versioned or repeatable"),
        ]
    }
}
