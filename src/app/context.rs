//! A command's surroundings: the caller, the directory, the settings.
//! Settled once, before the command starts; must not speak to a database.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use uuid::Uuid;

use crate::connection::Connection;
use crate::database::{Address, Ledgers};
use crate::discovery::{Tree, WorkingFolder, discover};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::migration::Track;
use crate::progress::Progress;
use crate::psql::locate::locate;
use crate::runner::Circumstances;
use crate::scope::scope;
use crate::settings::{self, Layer, Origin, Settings, Sourced, TransactionMode};
use crate::shell::Shell;
use crate::validation::Source;
use crate::variables::Common;

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
    pub(super) shell: Shell,
    pub(super) root: PathBuf,
    pub(super) tracks: Vec<Track>,
    pub(super) settings: Settings,
    pub(super) interrupt: Interrupt,
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

    /// The same surroundings for another database of the same server.
    ///
    /// # Errors
    /// The connection is not well described.
    pub(super) fn on_database(&self, name: &str) -> Result<Self, Error> {
        Ok(self.at(self.address()?.connection.conninfo_for(name)))
    }

    /// The same surroundings for another database.
    pub(super) fn at(&self, text: String) -> Self {
        let origin = Origin::Default;
        Self {
            shell: self.shell.clone(),
            root: self.root.clone(),
            tracks: self.tracks.clone(),
            settings: Settings {
                database: Some(Sourced { text, origin }),
                ..self.settings.clone()
            },
            interrupt: self.interrupt.clone(),
        }
    }

    /// The closures of the plugin's configuration that check migrations.
    pub fn checks(&self) -> &[Source] {
        &self.shell.checks
    }

    /// The `transaction` setting.
    pub fn transaction_mode(&self) -> TransactionMode {
        self.settings.transaction
    }

    pub(super) fn tree(&self) -> Result<Tree, Error> {
        discover(&self.root, &self.folders(), &self.interrupt)
    }

    pub(super) fn folders(&self) -> WorkingFolder {
        WorkingFolder {
            choice: self.settings.working_directory,
            tree: self.root.clone(),
            caller: self.shell.directory.clone(),
        }
    }

    pub(super) fn circumstances(
        &self,
        transaction: TransactionMode,
        progress: Progress,
    ) -> Circumstances {
        Circumstances {
            common: Common {
                execution_id: Uuid::new_v4().to_string(),
                transaction_mode: transaction.to_string(),
                users: self.settings.variables.clone(),
            },
            progress,
            folders: self.folders(),
            lock_timeout: self.settings.lock_timeout,
            statement_timeout: self.settings.statement_timeout,
        }
    }

    pub(super) fn address(&self) -> Result<Address, Error> {
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

    /// The tracks whose ledgers matter: those asked for, else those of the tree; and those that
    /// something in the tree requires.
    pub(super) fn wants<'a>(&'a self, tree: &'a Tree) -> impl Fn(&Track) -> bool + 'a {
        let in_tree: BTreeSet<_> = tree
            .migrations
            .iter()
            .map(|migration| &migration.name.track)
            .collect();
        let required: BTreeSet<_> = tree
            .migrations
            .iter()
            .flat_map(|migration| &migration.directives.requires)
            .map(|required| &required.track)
            .collect();
        move |track| {
            required.contains(track)
                || match self.tracks.is_empty() {
                    true => in_tree.contains(track),
                    false => self.tracks.contains(track),
                }
        }
    }

    pub(super) fn scope(&self, tree: &Tree, ledgers: &Ledgers) -> Result<BTreeSet<Track>, Error> {
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
