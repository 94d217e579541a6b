//! `migrate status`: where every migration stands.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::switch;
use super::{MigrateSignature, answer, gives};
use crate::outcome::{StatusRow, SummaryRow};
use crate::value::table_type;
use crate::{MigratePlugin, app, status};

/// The command.
pub(super) struct Status;

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
         what was applied), missing (applied, and the file is gone), failed, running."
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
        gives(
            gives(signature, table_type::<StatusRow>()),
            table_type::<SummaryRow>(),
        )
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
        if call.has_flag("summary").unwrap_or(false) {
            return answer(engine, call, &["track", "pending", "applied"], |context| {
                Ok(status::summary(&app::status(
                    context,
                    switch(call, "offline")?,
                )?))
            });
        }
        let priority = [
            "track",
            "version",
            "description",
            "state",
            "applied_at",
            "duration",
        ];
        answer(engine, call, &priority, |context| {
            app::status(context, switch(call, "offline")?)
        })
    }
}
