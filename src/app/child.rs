//! What a context is to a child nu: its program, its environment, its configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nu_protocol::{Record, Span, Value};

use super::Context;
use crate::child::Watchdog;
use crate::connection::Reached;
use crate::error::Error;
use crate::progress::Progress;
use crate::settings::{Key, resolve_path};
use crate::validation::caller::{configuration, typed_variables};
use crate::validation::program::find;
use crate::validation::{Kit, Surroundings};

impl Context {
    /// What all scripts share; `reached` where there is a connection.
    pub(super) fn surroundings(
        &self,
        reached: Option<&Reached>,
        kit: &Kit,
        progress: Progress,
    ) -> Result<Surroundings, Error> {
        let prelude = self
            .settings
            .prelude
            .as_ref()
            .map(|setting| self.prelude(resolve_path(setting, &self.shell.directory)))
            .transpose()?;
        let (environment, psql) = match reached {
            Some(reached) => self.reaching(reached)?,
            None => (self.shell.environment.clone(), PathBuf::from("psql")),
        };
        Ok(Surroundings {
            program: find(&self.shell.environment, &self.shell.directory)?,
            folder: self.shell.directory.clone(),
            environment,
            library: library(
                self.shell.variables.get("NU_LIB_DIRS"),
                &self.shell.directory,
            ),
            prelude,
            time_limit: self.settings.validation_timeout,
            interrupt: self.interrupt.clone(),
            watchdog: Watchdog::start(Some(kit.path())).map_err(|error| Error::NuNotStarted {
                program: "/bin/sh".into(),
                reason: error.to_string(),
            })?,
            progress,
            psql,
        })
    }

    fn prelude(&self, path: PathBuf) -> Result<PathBuf, Error> {
        match path.is_file() {
            true => Ok(path),
            false => Err(Error::UnreadableFile {
                path,
                reason: "the setting `prelude` names it, and it is no file".to_owned(),
            }),
        }
    }

    /// The caller's environment, with libpq's variables leading to the same database.
    fn reaching(&self, reached: &Reached) -> Result<(BTreeMap<String, String>, PathBuf), Error> {
        let address = self.address()?;
        let mut environment = self.shell.environment.clone();
        environment.remove("PGSERVICE");
        let variables = address.connection.variables(reached);
        environment.extend(
            variables
                .into_iter()
                .filter(|(name, _)| name.starts_with("PG") && name != "PG_COLOR"),
        );
        Ok((environment, address.psql))
    }

    /// The typed variables of the caller, with settings for the commands of this plugin that lead
    /// to the same database and the same ledgers.
    pub(super) fn variables(&self, is_connected: bool) -> Result<Record, Error> {
        let span = Span::unknown();
        let mut plugin: Record = self
            .shell
            .config
            .iter()
            // It may hold a password, and is put back below without it.
            .filter(|(key, _)| **key != Key::Database)
            .map(|(key, setting)| (key.name().to_owned(), Value::string(&setting.text, span)))
            .collect();
        let mut settle = |name: &str, value: &str| plugin.insert(name, Value::string(value, span));
        settle("table_prefix", &self.settings.table_prefix);
        if let Some(schema) = &self.settings.schema {
            settle("schema", schema);
        }
        if is_connected && self.settings.database.is_some() {
            let address = self.address()?;
            if let Some(conninfo) = address.connection.arguments().last() {
                settle("database", conninfo);
            }
        }
        let mut variables = typed_variables(&self.shell.variables);
        let callers = self.shell.variables.get("config");
        variables.insert("config", configuration(callers, plugin));
        Ok(variables)
    }
}

/// The folders of `$env.NU_LIB_DIRS`, a list or a text with separators, as the caller reads them.
fn library(folders: Option<&Value>, caller: &Path) -> Vec<String> {
    let folders: Vec<&str> = match folders {
        Some(Value::List { vals, .. }) => vals
            .iter()
            .filter_map(|folder| folder.as_str().ok())
            .collect(),
        Some(Value::String { val, .. }) => val.split(['\u{1e}', ':']).collect(),
        _ => vec![],
    };
    folders
        .into_iter()
        .filter(|folder| !folder.is_empty())
        .map(|folder| caller.join(folder).to_string_lossy().into_owned())
        .collect()
}
