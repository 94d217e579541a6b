//! `migrate history`: what the ledgers say.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::{MigrateSignature, answer, gives};
use crate::outcome::HistoryRow;
use crate::value::table_type;
use crate::{MigratePlugin, app};

/// The command.
pub(super) struct History;

impl PluginCommand for History {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate history"
    }

    fn description(&self) -> &str {
        "Show what the database's ledgers say, in the order of applying. Changes nothing."
    }

    fn extra_description(&self) -> &str {
        "All tracks of the database are shown, also those and the files that are gone from the \
         directory; --track narrows it down."
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database();
        gives(signature, table_type::<HistoryRow>())
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
        ]
    }

    fn run(
        &self,
        _plugin: &MigratePlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        let priority = [
            "track",
            "version",
            "description",
            "applied_at",
            "duration",
            "applied_by",
        ];
        answer(engine, call, &priority, app::history)
    }
}
