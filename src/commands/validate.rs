//! `migrate validate`: what a run would stumble over.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{checks, switch};
use super::{MigrateSignature, answer, closures, gives};
use crate::app::Preflight;
use crate::outcome::Finding;
use crate::progress::Progress;
use crate::value::table_type;
use crate::{MigratePlugin, app};

/// The command.
pub(super) struct Validate;

impl PluginCommand for Validate {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate validate"
    }

    fn description(&self) -> &str {
        "Run the validation scripts of everything pending, and nothing else."
    }

    fn extra_description(&self) -> &str {
        "Gives a row per script and closure: severity `error` for one that fails, `info` for one \
         that passes, with its time and what it gave. The scripts run as before a run, read-only \
         unless they say otherwise; a late one is only parsed, because the tables it looks at may \
         not be there yet. With --offline no database is needed, and nothing is run: the scripts \
         of all migrations are parsed."
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch(
                "offline",
                "see only whether all scripts parse; needs no database",
                None,
            )
            .named(
                "check",
                SyntaxShape::Closure(Some(vec![SyntaxShape::Any])),
                "evaluate this closure, too, for every pending migration",
                None,
            )
            .named(
                "set",
                SyntaxShape::Record(Default::default()),
                "psql variables, such as { tenant: acme }",
                None,
            )
            .switch("quiet", "keep what scripts print to the report", Some('q'));
        gives(signature, table_type::<Finding>())
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate validate ./db | where severity == error",
                description: "What would stop a run",
                result: None,
            },
            Example {
                example: "migrate validate ./db --offline",
                description: "Only see whether the scripts parse",
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
        let priority = ["severity", "rule", "name", "line", "message"];
        answer(engine, call, &priority, |context| {
            let preflight = Preflight {
                closures: &closures(engine, context, checks(call)?),
                progress: Progress {
                    quiet: switch(call, "quiet")?,
                },
                skip: false,
            };
            app::validate(context, &preflight, switch(call, "offline")?)
        })
    }
}
