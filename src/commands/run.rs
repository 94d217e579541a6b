//! `migrate run`: applies what is pending.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Example, LabeledError, PipelineData, Signature, SyntaxShape};

use super::arguments::{checks, request, switch};
use super::{MigrateSignature, answer, closures, gives};
use crate::app::Preflight;
use crate::outcome::RunRow;
use crate::progress::Progress;
use crate::value::table_type;
use crate::{MigratePlugin, app};

/// The command.
pub(super) struct Run;

impl PluginCommand for Run {
    type Plugin = MigratePlugin;

    fn name(&self) -> &str {
        "migrate run"
    }

    fn description(&self) -> &str {
        "Apply all pending migrations, in one transaction where PostgreSQL allows it."
    }

    fn extra_description(&self) -> &str {
        "Order: track core first, then the others alphabetically, each by timestamp. Every \
         migration is recorded in its track's ledger within the same transaction; if one fails, \
         nothing of its transaction stays. Refuses to run when an applied file was changed or is \
         gone. Gives a row per applied migration, with the group that shares its transaction and \
         the notices: what the server and psql said, and what queries gave. Nothing pending gives \
         an empty table. Before any SQL, the `.nu` file beside each pending migration runs in a \
         nu of its own, and one that fails stops everything; `--check` does the same with a \
         closure, evaluated in this shell. Files that cannot run in a transaction say so at their top with \
         `-- migrate: no-transaction`."
    }

    fn signature(&self) -> Signature {
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch("dry-run", "show the plan and touch nothing", Some('n'))
            .selects_steps()
            .limits_statements()
            .named(
                "retries",
                SyntaxShape::Int,
                "how often to try a transaction again after a lock timeout or a deadlock (default 3)",
                None,
            )
            .checks_first();
        gives(signature, table_type::<RunRow>())
    }

    fn examples(&self) -> Vec<Example<'_>> {
        vec![
            Example {
                example: "migrate run ./db --dry-run",
                description: "See the plan first",
                result: None,
            },
            Example {
                example: "migrate run ./db",
                description: "Apply everything that is pending, all or nothing",
                result: None,
            },
            Example {
                example: "migrate run ./db --track [core impl] --transaction each",
                description: "Two tracks, each migration in a transaction of its own",
                result: None,
            },
            Example {
                example: "migrate run ./db --database $env.STAGING --to 20240131000000",
                description: "Another database, up to a timestamp",
                result: None,
            },
            Example {
                example: r#"migrate run ./db --check {|migration| if $migration.description =~ drop { error make { msg: "nothing is dropped today" } } }"#,
                description: "Ask this shell about every migration first",
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
        let priority = ["track", "name", "state", "duration", "group"];
        answer(engine, call, &priority, |context| {
            let request = request(call, context.transaction_mode())?;
            match switch(call, "dry-run")? {
                true => app::dry_run(context, &request),
                false => {
                    let preflight = Preflight {
                        closures: &closures(engine, context, checks(call)?),
                        progress: Progress {
                            quiet: switch(call, "quiet")?,
                        },
                        skip: switch(call, "skip-validation")?,
                    };
                    app::run(context, &request, &preflight)
                }
            }
        })
    }
}
