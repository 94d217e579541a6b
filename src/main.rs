//! The plugin's executable: hands the plugin to nushell and does nothing else.

use nu_plugin::{MsgPackSerializer, serve_plugin};
use nu_plugin_migrate::MigratePlugin;

fn main() {
    serve_plugin(&MigratePlugin, MsgPackSerializer);
}
