//! `migrate run`: applies what is pending.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Completion, Example, Flag, LabeledError, PipelineData, Signature, SyntaxShape};

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
        let transaction = Flag::new("transaction")
            .arg(SyntaxShape::String)
            .desc("what shares a transaction: all (default), track or each")
            .completion(Completion::new_list(&["all", "track", "each"]));
        let signature = Signature::build(self.name())
            .takes_directory()
            .reaches_database()
            .switch("dry-run", "show the plan and touch nothing", Some('n'))
            .named(
                "to",
                SyntaxShape::Any,
                "nothing later than this timestamp: 14 digits, or a datetime",
                None,
            )
            .named(
                "steps",
                SyntaxShape::Int,
                "no more migrations than this",
                None,
            )
            .switch(
                "allow-out-of-order",
                "apply a migration although a later one of its track is applied",
                None,
            )
            .named(
                "lock-wait",
                SyntaxShape::Duration,
                "how long to wait for another run to end (default 30sec)",
                None,
            )
            .switch("atomic", "refuse a plan that needs more than one transaction", None)
            .named(
                "lock-timeout",
                SyntaxShape::Duration,
                "how long a statement may wait for a lock (default 5sec)",
                None,
            )
            .named(
                "statement-timeout",
                SyntaxShape::Duration,
                "how long a statement may take (default: no limit)",
                None,
            )
            .named(
                "retries",
                SyntaxShape::Int,
                "how often to try a transaction again after a lock timeout or a deadlock (default 3)",
                None,
            )
            .named(
                "check",
                SyntaxShape::Closure(Some(vec![SyntaxShape::Any])),
                "evaluate this closure for every planned migration, before any SQL",
                None,
            )
            .switch(
                "skip-validation",
                "leave out the validation scripts and the closures that check",
                None,
            )
            .named(
                "set",
                SyntaxShape::Record(Default::default()),
                "psql variables, such as { tenant: acme }",
                None,
            )
            .switch("quiet", "say nothing while running", Some('q'))
            .param(transaction);
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
