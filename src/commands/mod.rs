//! The commands as nushell sees them: one file per verb, with its flags, help, examples and columns.
//! The engine is read and nushell's values and errors are built here, and only here; must not
//! decide anything.

mod add;
mod adopt;
mod arguments;
mod checks;
mod completion;
mod drift;
mod error;
mod help;
mod history;
mod impact;
mod import;
mod objects;
mod plugin;
mod rehearse;
mod repair;
mod root;
mod run;
mod seal;
mod settings;
mod signature;
mod snapshot;
mod squash;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod undo;
mod validate;
mod verify;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{LabeledError, PipelineData};

use crate::checks::Closures;
use crate::preflight::Preflight;
use crate::process::interrupt::Interrupt;
use crate::process::progress::Progress;
use crate::process::screen;
use crate::settings::Shell;
use crate::verbs::{Context, Error};
pub use plugin::MigratePlugin;
use table::{Full, Row, table};
pub use wire::Wire;

/// Runs a command: who calls, then the work, then the table.
fn answer<R: Row + Send>(
    engine: &EngineInterface,
    call: &EvaluatedCall,
    work: impl FnOnce(&Context) -> Result<Vec<R>, Error>,
) -> Result<PipelineData, LabeledError> {
    let interrupt = Interrupt::from_shell(engine.signals());
    respond(engine, call, |shell| {
        work(&Context::new(shell, arguments::target(call)?, interrupt)?)
    })
}

/// The same for a command without a directory.
fn respond<R: Row + Send>(
    engine: &EngineInterface,
    call: &EvaluatedCall,
    work: impl FnOnce(Shell) -> Result<Vec<R>, Error>,
) -> Result<PipelineData, LabeledError> {
    let snapshot = Shell::snapshot(engine)?;
    let work = || work(Shell::read(snapshot)?);
    // A panic would end the plugin and with it every other command that runs in it.
    let rows = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or(Err(Error::Bug))
        .map_err(|error| error::labeled(&error, call));
    screen::flush();
    Ok(table(rows?, call.head))
}

/// The same, with the further columns of the flag `--full`.
fn answer_in_full<R: Row + Send>(
    engine: &EngineInterface,
    call: &EvaluatedCall,
    work: impl FnOnce(&Context) -> Result<Vec<R>, Error>,
) -> Result<PipelineData, LabeledError>
where
    Full<R>: Row + Send,
{
    if !chosen(call, "full")? {
        return answer(engine, call, work);
    }
    let full = |rows: Vec<R>| rows.into_iter().map(Full).collect();
    answer(engine, call, |context| work(context).map(full))
}

/// Is the switch on that decides which columns come back? Anything but a bool is an error.
fn chosen(call: &EvaluatedCall, name: &'static str) -> Result<bool, LabeledError> {
    arguments::switch(call, name).map_err(|error| error::labeled(&error.into(), call))
}

/// The closures that check: those of the configuration, then those of the command itself.
fn closures(
    engine: &EngineInterface,
    call: &EvaluatedCall,
    context: &Context,
) -> Result<Closures, Error> {
    let mut sources = context.checks().to_vec();
    sources.extend(arguments::checks(call)?);
    Ok(Closures::new(engine.clone(), sources))
}

/// What a command checks first, by its flags; `skip` where it has a flag to leave that out.
fn preflight<'a>(
    call: &EvaluatedCall,
    closures: &'a Closures,
    skip: bool,
) -> Result<Preflight<'a>, Error> {
    Ok(Preflight {
        registry: plugin::registry,
        closures,
        progress: progress(call)?,
        skip,
    })
}

/// What is said meanwhile, by the flag `--quiet`.
fn progress(call: &EvaluatedCall) -> Result<Progress, Error> {
    let quiet = arguments::switch(call, "quiet")?;
    Ok(Progress { quiet })
}
