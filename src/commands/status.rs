//! `migrate status`: where every migration stands.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::switch;
use super::completion::completes;
use super::signature::{MigrateSignature, wrapped};
use super::table::{Column, Row, one_line};
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
        wrapped(
            "A migration is pending if it is not in the database, and applied if it is. It is changed if its \
         file differs from what was applied, and missing if its file is gone. failed and running are \
         steps outside a transaction that did not succeed, or have not ended. With --offline, the state \
         is unknown.\n\n\
         A migration is replaced if another file replaces it. It is partial if it replaces others and \
         only some of them are applied. It is not-needed if it should run before a step of another track, \
         and that step is applied already.",
        )
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .expects_tracks()
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

    completes!();

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
    const PRIORITY: &'static [&'static str] = &["name", "version", "description"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row| row.track.to_string()),
            Column::optional_text("version", |row| {
                Some(row.name.as_ref()?.digits()?.to_string())
            }),
            Column::text("state", |row| {
                (row.state).map_or_else(|| "unknown".to_owned(), |state| state.to_string())
            }),
            Column::optional_text("description", |row| {
                Some(row.name.as_ref()?.description.clone())
            }),
            Column::optional_duration("duration", |row| row.duration),
            Column::optional_date("applied_at", |row| row.applied_at),
            Column::optional_bool("pending", |row| Some(row.state? == State::Pending)),
            Column::optional_duration("validation_time", |row| row.validation_time),
            Column::text("name", |row| row.file_name.clone()),
            Column::optional_text("error", |row| row.error.as_deref().map(one_line)),
            Column::optional_text("changes", |row| {
                (!row.changes.is_empty()).then(|| row.changes.join(", "))
            }),
            Column::optional_text("reason", |row| Some(row.due?.to_string())),
            Column::optional_text("kind", |row| Some(row.name.as_ref()?.kind().to_owned())),
            Column::optional_date("timestamp", |row| row.name.as_ref()?.version.timestamp()),
            Column::optional_text("file", |row| {
                Some(row.file.as_ref()?.to_string_lossy().into_owned())
            }),
        ]
    }
}

impl Row for SummaryRow {
    const PRIORITY: &'static [&'static str] = &["track", "pending", "applied"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row| row.track.to_string()),
            Column::int("total", |row| row.total),
            Column::optional_int("applied", |row| Some(row.counts.as_ref()?.applied)),
            Column::optional_int("pending", |row| Some(row.counts.as_ref()?.pending)),
            Column::optional_int("changed", |row| Some(row.counts.as_ref()?.changed)),
            Column::optional_int("missing", |row| Some(row.counts.as_ref()?.missing)),
            Column::optional_int("failed", |row| Some(row.counts.as_ref()?.failed)),
            Column::optional_duration("duration", |row| row.duration),
            Column::optional_date("last_applied_at", |row| row.last_applied_at),
        ]
    }
}
