//! The plugin as nushell sees it: a version and a list of commands.

use nu_plugin::{Plugin, PluginCommand};

use crate::commands;

/// PostgreSQL migrations for nushell.
pub struct MigratePlugin;

impl Plugin for MigratePlugin {
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn commands(&self) -> Vec<Box<dyn PluginCommand<Plugin = Self>>> {
        commands::all()
    }
}
