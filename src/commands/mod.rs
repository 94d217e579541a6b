//! The commands as nushell sees them: names, signatures, examples, help.
//! Each is thin: it reads its call, asks `app`, and turns the answer into a value.

mod add;
mod arguments;
mod history;
mod repair;
mod root;
mod run;
mod status;
#[cfg(test)]
mod tests;
mod validate;

use std::panic::{AssertUnwindSafe, catch_unwind};

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{LabeledError, PipelineData, PipelineMetadata, Signature, SyntaxShape, Type};

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
        Box::new(repair::Repair),
    ]
}

/// What the signatures have in common.
trait MigrateSignature {
    /// The directory that every command takes.
    fn takes_directory(self) -> Self;
    /// The flags of every command that speaks to a database.
    fn reaches_database(self) -> Self;
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
