//! `migrate status`: where every migration stands.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::switch;
use super::signature::MigrateSignature;
use super::table::{Column, Row};
use super::{MigratePlugin, answer, chosen};
use crate::plan::status::State;
use crate::verbs::status::{StatusRow, SummaryRow, status, summary};

pub struct Status;

impl PluginCommand for Status {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate status"
    }

    fn description(&self) -> &str {
        "Show where every migration stands. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        "state is one of: pending (not in the database), applied, changed (the file differs from \
         what was applied), missing (applied, and the file is gone), failed, running; replaced (another \
         file stands for it) and partial (it stands for others, of which only some are applied); \
         not-needed (it was to run before a step of another track, and that step is applied already)."
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch("summary", "one row per track", Some('s'))
            .switch(
                "offline",
                "look at the files alone, not at the database",
                None,
            );
        signature.gives::<StatusRow>().gives::<SummaryRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate status ./db | where pending",
                description: "What is not in the database yet",
                result: None,
            },
            Example {
                example: "migrate status ./db | where applied_at > (date now) - 1day",
                description: "What was applied since yesterday",
                result: None,
            },
            Example {
                example: "migrate status ./db --summary",
                description: "One row per track",
                result: None,
            },
            Example {
                example: "migrate status ./db | group-by track",
                description: "The tracks apart",
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
        if chosen(call, "summary")? {
            return answer(engine, call, |context| {
                Ok(summary(&status(context, switch(call, "offline")?)?))
            });
        }
        answer(engine, call, |context| {
            status(context, switch(call, "offline")?)
        })
    }
}

impl Row for StatusRow {
    const PRIORITY: &'static [&'static str] = &[
        "track",
        "version",
        "description",
        "state",
        "applied_at",
        "duration",
    ];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row| row.track.to_string()),
            Column::optional_text("version", |row| {
                Some(row.name.as_ref()?.version.to_string())
            }),
            Column::optional_text("description", |row| {
                Some(row.name.as_ref()?.description.clone())
            }),
            Column::text("state", |row| row.state.to_string()),
            Column::bool("pending", |row| row.state == State::Pending),
            Column::optional_date("applied_at", |row| row.applied_at),
            Column::optional_duration("duration", |row| row.duration),
            Column::optional_date("timestamp", |row| row.name.as_ref()?.version.timestamp()),
            Column::text("name", |row| row.file_name.clone()),
            Column::optional_text("file", |row| {
                Some(row.file.as_ref()?.to_string_lossy().into_owned())
            }),
            Column::optional_duration("validation_time", |row| row.validation_time),
            Column::texts("changes", |row| row.changes.clone()),
        ]
    }
}

impl Row for SummaryRow {
    const PRIORITY: &'static [&'static str] = &["track", "pending", "applied"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row| row.track.to_string()),
            Column::int("total", |row| row.total),
            Column::int("applied", |row| row.applied),
            Column::int("pending", |row| row.pending),
            Column::int("changed", |row| row.changed),
            Column::int("missing", |row| row.missing),
            Column::int("failed", |row| row.failed),
            Column::optional_date("last_applied_at", |row| row.last_applied_at),
            Column::duration("duration", |row| row.duration),
        ]
    }
}
