//! One function per verb, wiring the stages in their order.
//! The only file that knows the whole sequence; must not hold rules of its own.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use uuid::Uuid;

use crate::connection::Connection;
use crate::database::{Address, Ledgers};
use crate::discovery::name::parse_recorded;
use crate::discovery::{Tree, WorkingFolder, discover};
use crate::error::{Error, Failure, Fate};
use crate::interrupt::Interrupt;
use crate::migration::{Migration, Name, Track};
use crate::outcome::{AddedRow, HistoryRow, RepairRow, RunRow, StatusRow};
use crate::plan::{self, Plan, Request};
use crate::preparation::prepare;
use crate::progress::Progress;
use crate::psql::locate::locate;
use crate::repair::{self, Order};
use crate::runner::{self, Circumstances, Stop};
use crate::scope::{everything, scope};
use crate::settings::{self, Layer, Settings, TransactionMode};
use crate::settle::settle;
use crate::shell::Shell;
use crate::standing::compare;
use crate::{new_migration, retry, status as report};

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
        let root = plain(&shell.directory.join(&target.directory));
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
        discover(&self.root, &self.folders(), &self.interrupt)
    }

    fn folders(&self) -> WorkingFolder {
        WorkingFolder {
            choice: self.settings.working_directory,
            tree: self.root.clone(),
            caller: self.shell.directory.clone(),
        }
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances {
            execution_id: Uuid::new_v4().to_string(),
            folders: self.folders(),
            lock_timeout: self.settings.lock_timeout,
            statement_timeout: self.settings.statement_timeout,
        }
    }

    fn address(&self) -> Result<Address, Error> {
        let environment = &self.shell.environment;
        Ok(Address {
            connection: Connection::resolve(self.settings.database.as_ref(), environment)?,
            psql: locate(&self.settings.psql, &self.shell.directory, environment)?,
            folder: self.shell.directory.clone(),
            schema: self.settings.schema.clone(),
            prefix: self.settings.table_prefix.clone(),
            mark: None,
        })
    }

    /// The tracks whose ledgers matter: those asked for, else those of the tree.
    fn wants<'a>(&'a self, tree: &'a Tree) -> impl Fn(&Track) -> bool + 'a {
        let in_tree: BTreeSet<_> = tree
            .migrations
            .iter()
            .map(|migration| &migration.name.track)
            .collect();
        move |track| match self.tracks.is_empty() {
            true => in_tree.contains(track),
            false => self.tracks.contains(track),
        }
    }

    fn scope(&self, tree: &Tree, ledgers: &Ledgers) -> Result<BTreeSet<Track>, Error> {
        scope(&self.tracks, tree, ledgers)
    }
}

/// A path without `.` and `..`, as nushell itself reads it, so that a parent in it is a parent.
fn plain(path: &Path) -> PathBuf {
    path.components()
        .fold(PathBuf::new(), |mut plain, component| {
            match component {
                Component::ParentDir => {
                    plain.pop();
                }
                Component::CurDir => {}
                other => plain.push(other),
            }
            plain
        })
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
    let ledgers = database.ledgers(&tree.migrations, context.wants(&tree))?;
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
    let wanted = |track: &Track| context.tracks.is_empty() || context.tracks.contains(track);
    let recorded = context
        .address()?
        .dial(&context.interrupt)?
        .answer()?
        .recorded(wanted)?;
    Ok(recorded
        .rows
        .into_iter()
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
    Ok(make_plan(context, request, &tree, &ledgers)?.rows())
}

/// Applies what is pending.
///
/// # Errors
/// See the README's list of codes; [`Error::Failed`] tells what the database holds.
pub fn run(
    context: &Context,
    request: &Request,
    progress: &Progress,
) -> Result<Vec<RunRow>, Error> {
    let address = context.address()?.for_writing();
    let circumstances = context.circumstances();
    let mut applied = Vec::new();
    let mut retries = 0;
    loop {
        let before = applied.len();
        let Err(stop) = attempt(
            context,
            &address,
            &request.after(before),
            &circumstances,
            &mut applied,
        )
        .map_err(|error| after(error, &applied))?
        else {
            return Ok(applied);
        };
        if applied.len() > before {
            retries = 0;
        }
        let failure = match resume(&address, stop, &circumstances.execution_id, &mut applied) {
            None => continue,
            Some(failure) => failure,
        };
        if !may_pass(&failure) || retries == context.settings.retries {
            return Err(Failure {
                attempts: retries + 1,
                ..failure
            }
            .into());
        }
        retries += 1;
        let pause = retry::pause(retries, retry::chance());
        progress.retrying(
            &failure.fault.summary(),
            retries,
            context.settings.retries,
            pause,
        );
        retry::sleep(pause, &context.interrupt);
    }
}

/// An error before a session of a run, after other sessions have committed.
fn after(error: Error, applied: &[RunRow]) -> Error {
    match applied.is_empty() {
        true => error,
        false => Error::AfterCommits {
            error: Box::new(error),
            applied: names(applied),
        },
    }
}

fn names(rows: &[RunRow]) -> Vec<Name> {
    rows.iter().map(|row| row.name.clone()).collect()
}

/// One session: locks, plans under the lock, runs the plan.
fn attempt(
    context: &Context,
    address: &Address,
    request: &Request,
    circumstances: &Circumstances,
    applied: &mut Vec<RunRow>,
) -> Result<Result<(), Stop>, Error> {
    let dialing = address.dial(&context.interrupt);
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    database.server.require_writable()?;
    database.lock(context.settings.lock_wait)?;
    let ledgers = database.ledgers(&tree.migrations, context.wants(&tree))?;
    let plan = make_plan(context, request, &tree, &ledgers)?;
    Ok(runner::run(
        &mut database,
        &ledgers.tables,
        &plan,
        circumstances,
        applied,
    ))
}

/// Only a whole transaction can be tried again, and only after a lock or a deadlock.
fn may_pass(failure: &Failure) -> bool {
    failure.fault.is_passing() && failure.fate == Fate::RolledBack
}

/// Asks the server what a stop has left. A commit that had succeeded without our hearing of it
/// is no failure: the run goes on with a new session.
fn resume(
    address: &Address,
    stop: Stop,
    execution_id: &str,
    applied: &mut Vec<RunRow>,
) -> Option<Failure> {
    let fate = settle(address, &stop, execution_id);
    let Stop {
        fault,
        scene,
        mut group,
    } = stop;
    if fate == Fate::Committed && scene.was_ending() {
        applied.append(&mut group);
        if !fault.is_interruption() {
            return None;
        }
    }
    Some(Failure {
        fault,
        fate,
        group: names(&group),
        applied: names(applied),
        attempts: 1,
    })
}

fn make_plan(
    context: &Context,
    request: &Request,
    tree: &Tree,
    ledgers: &Ledgers,
) -> Result<Plan, Error> {
    let tracks = context.scope(tree, ledgers)?;
    let standings = compare(&tracks, &tree.migrations, &ledgers.rows);
    let pending =
        plan::select(&standings, request).map_err(|obstacles| Error::Refused { obstacles })?;
    let control = context.settings.transaction_control;
    let steps = prepare(&pending, &context.folders(), control)?;
    plan::group(steps, request)
}

/// Edits ledger rows by hand, under the lock and in one transaction.
///
/// # Errors
/// See the README's list of codes.
pub fn repair(context: &Context, orders: &[Order], dry_run: bool) -> Result<Vec<RepairRow>, Error> {
    let address = context.address()?.for_writing();
    let dialing = address.dial(&context.interrupt);
    let tree = context.tree()?;
    let mut database = dialing?.answer()?;
    if !dry_run {
        database.server.require_writable()?;
        database.lock(context.settings.lock_wait)?;
    }
    let ledgers = database.ledgers(&tree.migrations, |_| true)?;
    let tracks = everything(&tree, &ledgers);
    let standings = compare(&tracks, &tree.migrations, &ledgers.rows);
    let execution_id = Uuid::new_v4().to_string();
    let mut statements = String::new();
    let mut rows = Vec::new();
    for order in orders {
        let (statement, row) = repair::repair(order, &standings, &database.place, &execution_id)?;
        let existing = ledgers.tables.iter().find(|table| table.track == row.track);
        statements += &database.place.ensure(&row.track, existing);
        statements += &statement;
        rows.push(row);
    }
    if !dry_run {
        database.change(&statements)?;
    }
    Ok(rows)
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
