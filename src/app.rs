//! One function per verb, wiring the stages in their order.
//! The only file that knows the whole sequence; must not hold rules of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::connection::Connection;
use crate::database::{Address, Ledgers};
use crate::discovery::name::parse_recorded;
use crate::discovery::{Tree, discover};
use crate::error::{Error, Failure, Fate, Fault};
use crate::interrupt::Interrupt;
use crate::migration::{Migration, Track};
use crate::outcome::{AddedRow, HistoryRow, RunRow, StatusRow};
use crate::plan::{self, Plan, Request};
use crate::psql::locate::locate;
use crate::runner::{self, Circumstances, Stop};
use crate::scope::scope;
use crate::settings::{self, Layer, Settings, TransactionMode};
use crate::settle::settle;
use crate::shell::Shell;
use crate::standing::compare;
use crate::{new_migration, status as report};

/// How long the look back after a stop may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same when the user has pressed Ctrl-C and wants the prompt.
const PATIENCE_AFTER_CTRL_C: Duration = Duration::from_millis(600);

/// What every command is told.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The directory, as typed.
    pub directory: String,
    /// The tracks asked for; none means all of the directory.
    pub tracks: Vec<Track>,
    /// The settings file asked for.
    pub config: Option<String>,
    /// The settings that flags give.
    pub flags: Layer,
}

/// A command's surroundings, settled before it starts.
pub struct Context {
    shell: Shell,
    root: PathBuf,
    tracks: Vec<Track>,
    settings: Settings,
    interrupt: Interrupt,
}

impl Context {
    /// Merges the settings for a target.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn new(shell: Shell, target: Target, interrupt: Interrupt) -> Result<Self, Error> {
        // Collecting the components drops every `.`, for paths that read well.
        let root: PathBuf = shell
            .directory
            .join(&target.directory)
            .components()
            .collect();
        let named = target.config.map(|path| shell.directory.join(path));
        let layers = [
            target.flags,
            shell.config.clone(),
            settings::file::load(named, &root, &shell.environment)?,
            settings::from_environment(&shell.environment),
        ];
        let settings = Settings::resolve(layers)?;
        Ok(Self {
            shell,
            root,
            tracks: target.tracks,
            settings,
            interrupt,
        })
    }

    /// The `transaction` setting.
    pub fn transaction_mode(&self) -> TransactionMode {
        self.settings.transaction
    }

    fn tree(&self) -> Result<Tree, Error> {
        discover(&self.root, &self.interrupt)
    }

    fn address(&self) -> Result<Address, Error> {
        let environment = &self.shell.environment;
        Ok(Address {
            connection: Connection::resolve(self.settings.database.as_ref(), environment)?,
            psql: locate(&self.settings.psql, &self.shell.directory, environment)?,
            folder: self.shell.directory.clone(),
            schema: self.settings.schema.clone(),
            prefix: self.settings.table_prefix.clone(),
        })
    }

    fn scope(&self, tree: &Tree, ledgers: &Ledgers) -> Result<BTreeSet<Track>, Error> {
        scope(&self.tracks, tree, ledgers)
    }
}

/// Where every migration stands. `offline` looks at the files alone.
///
/// # Errors
/// See the README's list of codes.
pub fn status(context: &Context, offline: bool) -> Result<Vec<StatusRow>, Error> {
    let (tree, ledgers) = match offline {
        true => (context.tree()?, Ledgers::default()),
        false => look(context)?,
    };
    let tracks = context.scope(&tree, &ledgers)?;
    Ok(report::rows(&compare(
        &tracks,
        &tree.migrations,
        &ledgers.rows,
    )))
}

/// Reads the folder while psql connects.
fn look(context: &Context) -> Result<(Tree, Ledgers), Error> {
    let dialing = context
        .address()
        .and_then(|address| address.dial(&context.interrupt));
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    let ledgers = database.ledgers(&tree.migrations)?;
    Ok((tree, ledgers))
}

/// What the ledgers say, also of files that are gone.
///
/// # Errors
/// See the README's list of codes.
pub fn history(context: &Context) -> Result<Vec<HistoryRow>, Error> {
    if !context.root.is_dir() {
        return Err(Error::NoSuchDirectory {
            path: context.root.clone(),
        });
    }
    let recorded = context
        .address()?
        .dial(&context.interrupt)?
        .answer()?
        .recorded()?;
    let wanted = |track: &Track| context.tracks.is_empty() || context.tracks.contains(track);
    Ok(recorded
        .rows
        .into_iter()
        .filter(|row| wanted(&row.track))
        .map(|row| HistoryRow {
            name: parse_recorded(&row.name),
            row,
        })
        .collect())
}

/// What a run would do. Takes no lock and touches nothing.
///
/// # Errors
/// See the README's list of codes.
pub fn dry_run(context: &Context, request: &Request) -> Result<Vec<RunRow>, Error> {
    let (tree, ledgers) = look(context)?;
    let plan = make_plan(context, request, &tree, &ledgers)?;
    Ok(plan.rows())
}

/// Applies what is pending.
///
/// # Errors
/// See the README's list of codes; [`Error::Failed`] tells what the database holds.
pub fn run(context: &Context, request: &Request) -> Result<Vec<RunRow>, Error> {
    let address = context.address()?;
    let circumstances = Circumstances {
        execution_id: Uuid::new_v4().to_string(),
        tree: context.root.clone(),
        caller: context.shell.directory.clone(),
        working_directory: context.settings.working_directory,
        file_encoding: Connection::file_encoding(&context.shell.environment),
    };
    let mut applied = Vec::new();
    loop {
        let dialing = address.dial(&context.interrupt);
        let tree = context.tree()?;
        let mut database = dialing?.answer()?;
        database.server.require_writable()?;
        database.lock(context.settings.lock_wait)?;
        let ledgers = database.ledgers(&tree.migrations)?;
        let request = request.after(applied.len());
        let plan = make_plan(context, &request, &tree, &ledgers)?;
        let result = runner::run(
            &mut database,
            &ledgers.tables,
            &plan,
            &circumstances,
            &mut applied,
        );
        drop(database);
        let Err(stop) = result else {
            return Ok(applied);
        };
        resume_or_fail(&address, stop, &mut applied)?;
    }
}

/// Asks the server what a stop has left. A commit that had succeeded without our hearing of it
/// is no failure: the run goes on with a new session.
fn resume_or_fail(address: &Address, stop: Stop, applied: &mut Vec<RunRow>) -> Result<(), Error> {
    let interrupted = matches!(stop.fault, Fault::Interrupted);
    let patience = if interrupted {
        PATIENCE_AFTER_CTRL_C
    } else {
        PATIENCE
    };
    let fate = settle(address, stop.transaction.as_ref(), patience);
    let mut group = stop.group;
    if stop.at_commit && fate == Fate::Committed {
        applied.append(&mut group);
        if !interrupted {
            return Ok(());
        }
    }
    let names = |rows: Vec<RunRow>| rows.into_iter().map(|row| row.name).collect();
    Err(Failure {
        fault: stop.fault,
        fate,
        group: names(group),
        applied: names(std::mem::take(applied)),
    }
    .into())
}

fn make_plan(
    context: &Context,
    request: &Request,
    tree: &Tree,
    ledgers: &Ledgers,
) -> Result<Plan, Error> {
    let tracks = context.scope(tree, ledgers)?;
    plan::make(&compare(&tracks, &tree.migrations, &ledgers.rows), request)
        .map_err(|obstacles| Error::Refused { obstacles })
}

/// Makes the next migration file.
///
/// # Errors
/// See the README's list of codes.
pub fn add(context: &Context, description: &str) -> Result<Vec<AddedRow>, Error> {
    let migrations: Vec<Migration> = match context.root.exists() {
        true => context.tree()?.migrations,
        false => vec![],
    };
    let place =
        new_migration::Place::choose(&context.root, &migrations, context.tracks.as_slice())?;
    let file = new_migration::create(&place, &migrations, description, chrono::Utc::now())?;
    Ok(vec![AddedRow {
        file,
        kind: "migration",
    }])
}
