//! The commands as nushell sees them: names, signatures, examples, help.
//! Each is thin: it reads its call, asks `app`, and turns the answer into a value.

mod add;
mod arguments;
mod history;
mod rehearse;
mod repair;
mod root;
mod run;
mod status;
#[cfg(test)]
mod tests;
mod validate;

use std::panic::{AssertUnwindSafe, catch_unwind};

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{
    Completion, Flag, LabeledError, PipelineData, PipelineMetadata, Signature, SyntaxShape, Type,
};

use crate::MigratePlugin;
use crate::app::Context;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::report;
use crate::shell::Shell;
use crate::validation::{Closures, Source};
use crate::value::{Row, table};

/// Every command of the plugin, for nushell and for the tests of the examples.
pub fn all() -> Vec<Box<dyn PluginCommand<Plugin = MigratePlugin>>> {
    vec![
        Box::new(root::Root),
        Box::new(status::Status),
        Box::new(run::Run),
        Box::new(history::History),
        Box::new(add::Add),
        Box::new(validate::Validate),
        Box::new(rehearse::Rehearse),
        Box::new(repair::Repair),
    ]
}

/// What the signatures have in common.
trait MigrateSignature {
    /// The directory that every command takes.
    fn takes_directory(self) -> Self;
    /// The flags of every command that speaks to a database.
    fn reaches_database(self) -> Self;
    /// The flags that say which migrations are meant, and what shares a transaction.
    fn selects_steps(self) -> Self;
    /// The flags about waiting.
    fn limits_statements(self) -> Self;
    /// The flags about checks, variables and what is shown meanwhile.
    fn checks_first(self) -> Self;
}

impl MigrateSignature for Signature {
    fn takes_directory(self) -> Self {
        self.required(
            "directory",
            SyntaxShape::Directory,
            "the directory of the migrations",
        )
        .named(
            "config",
            SyntaxShape::Filepath,
            "settings file, instead of the nearest migrate.json",
            Some('c'),
        )
        .category(nu_protocol::Category::Database)
    }

    fn reaches_database(self) -> Self {
        self.named(
            "track",
            SyntaxShape::OneOf(vec![
                SyntaxShape::List(Box::new(SyntaxShape::String)),
                SyntaxShape::String,
            ]),
            "only this track, or a list such as [core impl]",
            Some('t'),
        )
        .named(
            "database",
            SyntaxShape::String,
            "database name, conninfo string or URL, as psql takes it",
            Some('d'),
        )
    }

    fn selects_steps(self) -> Self {
        let transaction = Flag::new("transaction")
            .arg(SyntaxShape::String)
            .desc("what shares a transaction: all (default), track or each")
            .completion(Completion::new_list(&["all", "track", "each"]));
        self.named(
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
        .param(transaction)
        .switch(
            "atomic",
            "refuse a plan that needs more than one transaction",
            None,
        )
    }

    fn limits_statements(self) -> Self {
        self.named(
            "lock-wait",
            SyntaxShape::Duration,
            "how long to wait for another run to end (default 30sec)",
            None,
        )
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
    }

    fn checks_first(self) -> Self {
        self.named(
            "set",
            SyntaxShape::Record(Default::default()),
            "psql variables, such as { tenant: acme }",
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
        .switch("quiet", "say nothing meanwhile", Some('q'))
    }
}

/// Runs a command: surroundings first, then the work, then the table.
fn answer<R: Row>(
    engine: &EngineInterface,
    call: &EvaluatedCall,
    priority: &[&str],
    work: impl FnOnce(&Context) -> Result<Vec<R>, Error>,
) -> Result<PipelineData, LabeledError> {
    let shell = Shell::read(engine)?;
    let interrupt = Interrupt::from_shell(engine.signals());
    let work = || {
        let context = Context::new(shell?, arguments::target(call)?, interrupt)?;
        work(&context)
    };
    // A panic would end the plugin and with it every other command that runs in it.
    let rows = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or(Err(Error::Bug))
        .map_err(|error| report::labeled(&error, call))?;
    let metadata =
        PipelineMetadata::default().with_table_width_priority_columns(call.head, priority);
    Ok(PipelineData::value(table(rows, call.head), Some(metadata)))
}

/// The closures that check: those of the configuration, then those of the command itself.
fn closures(engine: &EngineInterface, context: &Context, own: Vec<Source>) -> Closures {
    let mut sources = context.checks().to_vec();
    sources.extend(own);
    Closures::new(engine.clone(), sources)
}

/// The types of a command that takes nothing and gives a table.
fn gives(signature: Signature, table: Type) -> Signature {
    signature.input_output_type(Type::Nothing, table)
}
