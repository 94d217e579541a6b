//! A command's context: the caller, the directory, the settings.
//! Read once, before the command starts; must not speak to a database.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use nu_protocol::Value;

use super::Error;
use crate::checks::{Source, closures_of};
use crate::database::{Address, Ledgers};
use crate::plan::scope::{complete, scope};
use crate::process::interrupt::Interrupt;
use crate::psql::log::Log;
use crate::settings::shell::CHECKS;
use crate::settings::{self, Caller, Layer, Origin, Settings, Shell, Sourced, TransactionMode};
use crate::tree::{self, Migration, Requirement, Track, Tree, Version, WorkingFolder, discover};
use crate::{plan, psql};

/// Where the closures of the configuration stand, for reports.
const CONFIGURED_CHECKS: &str = "$env.config.plugins.migrate.checks";

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

/// What a command knows before it starts.
#[derive(Clone)]
pub struct Context {
    pub(super) caller: Caller,
    pub(super) root: PathBuf,
    pub(super) tracks: Vec<Track>,
    /// The sources of the settings, the strongest first.
    pub(super) layers: [Layer; 4],
    checks: Vec<Source>,
    /// Is a history that may be applied elsewhere run once more? Its files ran as they are.
    pub(super) is_replay: bool,
    /// Is each transaction of a run to remember at once what it does?
    pub(super) remembers_each: bool,
    /// The files that count, where not all of the directory do.
    only: Option<BTreeSet<(Track, Version)>>,
    /// A file that counts without lying in the directory.
    added: Option<Migration>,
}

impl Context {
    /// Merges the settings for a target.
    pub fn new(
        shell: Shell,
        target: Target,
        interrupt: Interrupt,
    ) -> Result<Self, settings::Error> {
        let root = plain(&shell.directory.join(&target.directory));
        let named = target.config.map(|path| shell.directory.join(path));
        let layers = [
            target.flags,
            shell.config.clone(),
            settings::file::load(named, &root, &shell.environment)?,
            settings::from_environment(&shell.environment),
        ];
        let settings = Settings::resolve(layers.clone())?;
        let checks = configured_checks(shell.checks.as_ref())?;
        Ok(Self {
            layers,
            checks,
            caller: Caller {
                shell,
                settings,
                interrupt,
            },
            root,
            tracks: target.tracks,
            is_replay: false,
            remembers_each: false,
            only: None,
            added: None,
        })
    }

    /// The same context for another database of the same server.
    pub(super) fn on_database(&self, name: &str) -> Result<Self, psql::Error> {
        Ok(self.at(self.address()?.connection.conninfo_for(name)))
    }

    /// The same context for another database.
    pub(super) fn at(&self, text: String) -> Self {
        let origin = Origin::Default;
        let mut other = self.clone();
        other.caller.settings.database = Some(Sourced { text, origin });
        other.is_replay = true;
        other
    }

    /// The same surroundings with the ledgers where the search path leads.
    pub(super) fn without_schema(&self) -> Self {
        let mut other = self.clone();
        other.caller.settings.schema = None;
        other
    }

    /// The same context with some of its files only, of all tracks.
    pub(super) fn with_only(&self, files: BTreeSet<(Track, Version)>) -> Self {
        let mut other = self.clone();
        other.tracks.clear();
        other.only = Some(files);
        other
    }

    /// Is it a part of the directory's files, or their history run once more?
    pub(super) fn is_excerpt(&self) -> bool {
        self.is_replay || self.only.is_some()
    }

    /// The same context for a run that is to remember all that it does.
    pub(super) fn remembering_each(&self) -> Self {
        let mut other = self.clone();
        other.remembers_each = true;
        other
    }

    /// Does none of its files count?
    pub(super) fn has_nothing(&self) -> bool {
        self.only.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// The same context with some of its files only, and one more that lies elsewhere.
    pub(super) fn excerpt(&self, kept: &BTreeSet<Requirement>, added: Option<Migration>) -> Self {
        let files = kept.iter().cloned();
        let files = files.map(|found| (found.track, found.version)).collect();
        Self {
            added,
            ..self.with_only(files)
        }
    }

    /// The closures of the plugin's configuration that check migrations.
    pub fn checks(&self) -> &[Source] {
        &self.checks
    }

    pub fn transaction_mode(&self) -> TransactionMode {
        self.caller.settings.transaction
    }

    pub(super) fn tree(&self) -> Result<Tree, tree::Error> {
        let mut tree = discover(&self.root, &self.folders(), &self.caller.interrupt)?;
        if let Some(only) = &self.only {
            tree.migrations.retain(|migration| {
                only.contains(&(migration.name.track.clone(), migration.name.version.clone()))
            });
        }
        if let Some(added) = &self.added {
            tree.migrations.push(added.clone());
            tree.migrations
                .sort_by(|one, other| one.name.cmp(&other.name));
        }
        for migration in &mut tree.migrations {
            self.allow(migration);
        }
        Ok(tree)
    }

    /// What the setting allows every file, the file allows as well.
    pub(super) fn allow(&self, migration: &mut Migration) {
        let allows = &self.caller.settings.allow;
        migration.directives.allows.extend(allows.iter().copied());
    }

    pub(super) fn folders(&self) -> WorkingFolder {
        WorkingFolder {
            choice: self.caller.settings.working_directory,
            tree: self.root.clone(),
            caller: self.caller.shell.directory.clone(),
            home: self.caller.shell.environment.get("HOME").map(PathBuf::from),
        }
    }

    pub(super) fn address(&self) -> Result<Address, psql::Error> {
        let mut address = Address::of(&self.caller)?;
        address.connection.log = Log::of(&self.caller, &address.connection)?;
        // Of a database that is made for one command, nothing may stay open.
        let is_lasting = !self.is_replay;
        let period = self.caller.settings.keep_session;
        Ok(address.kept_for(if is_lasting { period } else { Duration::ZERO }))
    }

    /// The tracks whose ledgers matter: those asked for, else those of the tree; and those whose
    /// steps something in the tree names.
    pub(super) fn wants<'a>(&'a self, tree: &'a Tree) -> impl Fn(&Track) -> bool + 'a {
        let in_tree: BTreeSet<_> = tree
            .migrations
            .iter()
            .map(|migration| &migration.name.track)
            .collect();
        let required: BTreeSet<_> = tree
            .migrations
            .iter()
            .flat_map(|migration| migration.directives.other_steps())
            .map(|required| &required.track)
            .collect();
        move |track| {
            required.contains(track)
                || if self.tracks.is_empty() {
                    in_tree.contains(track)
                } else {
                    self.tracks.contains(track)
                }
        }
    }

    /// The one track that a command is about: the one that is named, or the tree's only one.
    pub(super) fn only_track(&self, tree: &Tree) -> Result<Track, Error> {
        let in_tree = tree.migrations.iter().map(|found| found.name.track.clone());
        let in_tree: BTreeSet<_> = in_tree.collect();
        let asked: BTreeSet<_> = self.tracks.iter().cloned().collect();
        let candidates = if asked.is_empty() { in_tree } else { asked };
        let mut tracks = candidates.into_iter();
        match (tracks.next(), tracks.next()) {
            (Some(only), None) => Ok(only),
            (Some(first), Some(second)) => Err(Error::TrackUnclear {
                tracks: [first, second].into_iter().chain(tracks).collect(),
            }),
            (None, _) => Err(plan::Error::NoMigrations {
                root: tree.root.clone(),
            }
            .into()),
        }
    }

    pub(super) fn scope(
        &self,
        tree: &Tree,
        ledgers: &Ledgers,
    ) -> Result<BTreeSet<Track>, plan::Error> {
        let expected = &self.caller.settings.expect_tracks;
        complete(tree, expected)?;
        scope(&self.tracks, tree, ledgers)
    }
}

/// A path without `.` and `..`, as nushell itself reads it, so that a parent in it is a parent.
pub(super) fn plain(path: &Path) -> PathBuf {
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

fn configured_checks(value: Option<&Value>) -> Result<Vec<Source>, settings::Error> {
    let Some(value) = value else {
        return Ok(vec![]);
    };
    closures_of(value, CONFIGURED_CHECKS).map_err(|problem| settings::Error::BadPluginConfig {
        problem: format!("`{CHECKS}`: {problem}"),
    })
}
