//! The plugin: a version and a list of commands.

use std::io;

use nu_plugin::{Plugin, PluginCommand, create_plugin_signature};
use nu_protocol::{PluginIdentity, PluginMetadata, PluginRegistryFile, PluginRegistryItem};

use super::{
    add, adopt, checks, drift, history, impact, import, objects, rehearse, repair, root, run, seal,
    settings, snapshot, squash, status, undo, validate, verify,
};

/// PostgreSQL migrations for nushell.
pub struct MigratePlugin;

impl Plugin for MigratePlugin {
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn commands(&self) -> Vec<Box<dyn PluginCommand<Plugin = Self>>> {
        vec![
            Box::new(root::Root),
            Box::new(status::Status),
            Box::new(run::Run),
            Box::new(history::History),
            Box::new(add::Add),
            Box::new(validate::Validate),
            Box::new(rehearse::Rehearse),
            Box::new(checks::Checks),
            Box::new(repair::Repair),
            Box::new(undo::Undo),
            Box::new(adopt::Adopt),
            Box::new(import::Import),
            Box::new(settings::Settings),
            Box::new(impact::Impact),
            Box::new(objects::Objects),
            Box::new(drift::Drift),
            Box::new(snapshot::Snapshot),
            Box::new(squash::Squash),
            Box::new(verify::Verify),
            Box::new(seal::Seal),
        ]
    }
}

/// This plugin in the form of `plugin add`, so that no child has to start it before it is used.
pub fn registry() -> io::Result<PluginRegistryFile> {
    let program = std::env::current_exe()?;
    let identity = PluginIdentity::new(program, None)
        .map_err(|_| io::Error::other("the plugin's program is not called nu_plugin_migrate"))?;
    let metadata = PluginMetadata::new().with_version(MigratePlugin.version());
    let commands = MigratePlugin
        .commands()
        .iter()
        .map(|command| {
            let mut signature = create_plugin_signature(&**command);
            // Every script reads all of this; nobody reads the help in one.
            signature.examples.clear();
            signature.sig.extra_description.clear();
            signature
        })
        .collect();
    let mut registry = PluginRegistryFile::new();
    registry.upsert_plugin(PluginRegistryItem::new(&identity, metadata, commands));
    Ok(registry)
}
