//! `migrate rehearse`: what a run would do, found out by doing it and rolling back.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, Type};

use super::arguments::{checks, request, switch};
use super::{MigrateSignature, answer, closures, gives};
use crate::app::Preflight;
use crate::catalog::Difference;
use crate::error::Error;
use crate::outcome::RehearsalRow;
use crate::progress::Progress;
use crate::validation::Closures;
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
         holds the locks while it lasts, and lock_timeout applies. An error ends it, but with --transaction \
         each a file that fails is undone, its state is `failed`, and the others follow. Files that run outside of a \
         transaction are skipped, and so a later file may miss what they make. What PostgreSQL itself \
         does not roll back, a rehearsal cannot either: sequences go on, \\! runs its program, \
         \\copy ... to writes its file. With --scratch, the whole history is applied to a new database \
         on the same server (or, without that right, in a throw-away server on this computer), which is \
         removed again, and the result is how its schema differs from \
         the target's, object by object: an empty table proves that a fresh install works and gives \
         the same. What is pending is a difference, too."
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .selects_steps()
            .limits_statements()
            .switch(
                "scratch",
                "apply the whole history to a new database instead, and compare its schema",
                None,
            )
            .checks_first();
        gives(signature, table_type::<RehearsalRow>())
            .input_output_type(Type::Nothing, table_type::<Difference>())
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate rehearse ./db | where rewrites != [] or duration > 1sec",
                description: "What takes long, or writes a table anew",
                result: None,
            },
            Example {
                example: "migrate rehearse ./db --scratch | where difference == different",
                description: "Does a fresh install give the same schema?",
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
        if call.has_flag("scratch").unwrap_or(false) {
            let priority = ["kind", "name", "difference"];
            return answer(engine, call, &priority, |context| {
                let request = request(call, context.transaction_mode())?;
                let closures = closures(engine, context, checks(call)?);
                app::scratch(context, &request, &preflight(call, &closures)?)
            });
        }
        let priority = ["name", "state", "duration", "rows", "rewrites", "locks"];
        answer(engine, call, &priority, |context| {
            let request = request(call, context.transaction_mode())?;
            let closures = closures(engine, context, checks(call)?);
            app::rehearse(context, &request, &preflight(call, &closures)?)
        })
    }
}

fn preflight<'a>(call: &EvaluatedCall, closures: &'a Closures) -> Result<Preflight<'a>, Error> {
    Ok(Preflight {
        closures,
        progress: Progress {
            quiet: switch(call, "quiet")?,
        },
        skip: switch(call, "skip-validation")?,
    })
}
