//! What a child nu gets of the caller: the nu program, the environment, the configuration.
//! Decides what a script can reach; must not start anything but the watchdog.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nu_protocol::{Record, Span, Value};

use super::Error;
use crate::checks::caller::{configuration, typed_variables};
use crate::checks::program::find;
use crate::checks::{self, Nu, Workspace};
use crate::database::Address;
use crate::error::Unreadable;
use crate::process::Watchdog;
use crate::process::progress::Progress;
use crate::psql::connection::Reached;
use crate::settings::{Caller, Key, resolve_path};

/// The nu that all scripts share; `reached` where there is a connection.
pub fn nu(
    caller: &Caller,
    reached: Option<&Reached>,
    workspace: &Workspace,
    progress: Progress,
) -> Result<Nu, Error> {
    let prelude = caller
        .settings
        .prelude
        .as_ref()
        .map(|setting| prelude(resolve_path(setting, &caller.shell.directory)))
        .transpose()?;
    let (environment, psql) = match reached {
        Some(reached) => reaching(caller, reached)?,
        None => (caller.shell.environment.clone(), PathBuf::from("psql")),
    };
    Ok(Nu {
        program: find(&caller.shell.environment, &caller.shell.directory)?,
        folder: caller.shell.directory.clone(),
        environment,
        library: library(
            caller.shell.variables.get("NU_LIB_DIRS"),
            &caller.shell.directory,
        ),
        prelude,
        time_limit: caller.settings.validation_timeout,
        interrupt: caller.interrupt.clone(),
        watchdog: Watchdog::start(Some(workspace.path())).map_err(|error| {
            checks::Error::NuNotStarted {
                program: "/bin/sh".into(),
                reason: error.to_string(),
            }
        })?,
        progress,
        psql,
    })
}

fn prelude(path: PathBuf) -> Result<PathBuf, Error> {
    if path.is_file() {
        return Ok(path);
    }
    let reason = "the setting `prelude` names it, and it is not a file".to_owned();
    Err(Unreadable { path, reason }.into())
}

/// The caller's environment, with libpq's variables leading to the same database.
fn reaching(
    caller: &Caller,
    reached: &Reached,
) -> Result<(BTreeMap<String, String>, PathBuf), Error> {
    let address = Address::of(caller)?;
    let mut environment = caller.shell.environment.clone();
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
pub fn variables(caller: &Caller, is_connected: bool) -> Result<Record, Error> {
    let span = Span::unknown();
    let mut plugin: Record = caller
        .shell
        .config
        .iter()
        // It may hold a password, and is put back below without it.
        .filter(|(key, _)| **key != Key::Database)
        .map(|(key, setting)| (key.to_string(), Value::string(&setting.text, span)))
        .collect();
    let mut set = |name: &str, value: &str| plugin.insert(name, Value::string(value, span));
    set("table_prefix", &caller.settings.table_prefix);
    if let Some(schema) = &caller.settings.schema {
        set("schema", schema);
    }
    if is_connected && caller.settings.database.is_some() {
        let address = Address::of(caller)?;
        if let Some(conninfo) = address.connection.arguments().last() {
            set("database", conninfo);
        }
    }
    let mut variables = typed_variables(&caller.shell.variables);
    let callers = caller.shell.variables.get("config");
    variables.insert("config", configuration(callers, plugin));
    Ok(variables)
}

/// The folders of `$env.NU_LIB_DIRS`, a list or a text with separators, as the caller reads them.
pub fn library(folders: Option<&Value>, caller: &Path) -> Vec<String> {
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
