//! `migrate rehearse`: what a run would do, found out by doing it and rolling back.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature};

use super::arguments::{checks, request, switch};
use super::{MigrateSignature, answer, closures, gives};
use crate::app::Preflight;
use crate::outcome::RehearsalRow;
use crate::progress::Progress;
use crate::value::table_type;
use crate::{MigratePlugin, app};

/// The command.
pub(super) struct Rehearse;

impl PluginCommand for Rehearse {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate rehearse"
    }

    fn description(&self) -> &str {
        "Execute everything pending in a transaction and roll it back: what it takes, locks and rewrites."
    }

    fn extra_description(&self) -> &str {
        "Real errors, real durations. Gives a row per migration, as `migrate run` does, and: locks, the \
         locks it takes on what was there before (relation, mode, whom they block, how long they would \
         be held at most, and live: do others use the relation just now); rewrites, the tables it \
         writes anew; indexes, those it builds; rows, how many it inserts, updates and deletes. \
         Everything shares one transaction, and whatever ends the session, nothing of it stays. It \
         holds the locks while it lasts, and lock_timeout applies. Files that run outside of a \
         transaction are skipped, and so a later file may miss what they make. What PostgreSQL itself \
         does not roll back, a rehearsal cannot either: sequences go on, \\! runs its program, \
         \\copy ... to writes its file."
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .selects_steps()
            .limits_statements()
            .checks_first();
        gives(signature, table_type::<RehearsalRow>())
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate rehearse ./db | where rewrites != [] or duration > 1sec",
                description: "What takes long, or writes a table anew",
                result: None,
            },
            Example {
                example: "migrate rehearse ./db | select name locks | flatten locks --all",
                description: "Every lock that others would notice",
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
        let priority = ["name", "state", "duration", "rows", "rewrites", "locks"];
        answer(engine, call, &priority, |context| {
            let request = request(call, context.transaction_mode())?;
            let preflight = Preflight {
                closures: &closures(engine, context, checks(call)?),
                progress: Progress {
                    quiet: switch(call, "quiet")?,
                },
                skip: switch(call, "skip-validation")?,
            };
            app::rehearse(context, &request, &preflight)
        })
    }
}
