//! `migrate status`: where every migration stands.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::switch;
use super::completion::completes;
use super::help::{columns, columns_with, help};
use super::signature::MigrateSignature;
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
        "Show the state of every migration. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        help(
            "A migration is applied if the ledger has it, and pending if it is still to be \
             applied. It is changed if its file differs from what was applied, and missing if its \
             file no longer exists. A migration outside a transaction is failed if it did not \
             succeed, and running if it has not ended. With --offline, the state is unknown.\n\n\
             A migration is replaced if another file replaces it. It is partial if it replaces \
             others and only some of them are applied. It is not-needed if it should run before a \
             migration of another track that is applied already.",
            &[
                columns::<StatusRow>(),
                columns_with::<SummaryRow>("summary"),
            ],
        )
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .expects_tracks()
            .switch("summary", "one row per track", Some('s'))
            .switch("offline", "read only the files, not the database", None);
        signature.gives::<StatusRow>().gives::<SummaryRow>()
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate status ./db | where pending",
                description: "Which migrations a run would apply",
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
                description: "A table for each track",
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
            Column::text("track", |row: &Self| row.track.to_string())
                .means("the track of the migration"),
            Column::optional_text("version", |row: &Self| {
                Some(row.name.as_ref()?.digits()?.to_string())
            })
            .means("the timestamp of 14 digits; empty for a repeatable"),
            Column::text("state", |row: &Self| {
                (row.state).map_or_else(|| "unknown".to_owned(), |state| state.to_string())
            })
            .means("pending, applied, changed and so on, as above"),
            Column::optional_text("description", |row: &Self| {
                Some(row.name.as_ref()?.description.clone())
            })
            .means("the description in the file name"),
            Column::optional_duration("duration", |row: &Self| row.duration)
                .means("how long its SQL took"),
            Column::optional_date("applied_at", |row: &Self| row.applied_at)
                .means("when it was applied, by the server's clock"),
            Column::optional_bool("pending", |row: &Self| Some(row.state? == State::Pending))
                .means("whether a run would apply it"),
            Column::optional_duration("validation_time", |row: &Self| row.validation_time)
                .means("how long its checks took"),
            Column::text("name", |row: &Self| row.file_name.clone()).means("the file's name"),
            Column::optional_text("error", |row: &Self| row.error.as_deref().map(one_line))
                .means("why a migration outside a transaction failed"),
            Column::optional_text("changes", |row: &Self| {
                (!row.changes.is_empty()).then(|| row.changes.join(", "))
            })
            .means("which files have changed: its own, or included ones"),
            Column::optional_text("reason", |row: &Self| Some(row.due?.to_string()))
                .means("why a repeatable is pending"),
            Column::optional_text("kind", |row: &Self| {
                Some(row.name.as_ref()?.kind().to_owned())
            })
            .means("versioned or repeatable"),
            Column::optional_date("timestamp", |row: &Self| {
                row.name.as_ref()?.version.timestamp()
            })
            .means("the version as a datetime; empty if it is not a date"),
            Column::optional_text("file", |row: &Self| {
                Some(row.file.as_ref()?.to_string_lossy().into_owned())
            })
            .means("the file, as an absolute path"),
        ]
    }
}

impl Row for SummaryRow {
    const PRIORITY: &'static [&'static str] = &["track", "pending", "applied"];

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("track", |row: &Self| row.track.to_string()).means("the track"),
            Column::int("total", |row: &Self| row.total)
                .means("how many migrations it has, without replaced ones"),
            Column::optional_int("applied", |row: &Self| Some(row.counts.as_ref()?.applied))
                .means("how many are applied"),
            Column::optional_int("pending", |row: &Self| Some(row.counts.as_ref()?.pending))
                .means("how many a run would apply"),
            Column::optional_int("changed", |row: &Self| Some(row.counts.as_ref()?.changed))
                .means("how many files differ from what was applied"),
            Column::optional_int("missing", |row: &Self| Some(row.counts.as_ref()?.missing))
                .means("how many are applied, but have no file"),
            Column::optional_int("failed", |row: &Self| Some(row.counts.as_ref()?.failed))
                .means("how many failed, have not ended or are partial"),
            Column::optional_duration("duration", |row: &Self| row.duration)
                .means("how long the SQL of all of them took"),
            Column::optional_date("last_applied_at", |row: &Self| row.last_applied_at)
                .means("when the latest was applied"),
        ]
    }
}
