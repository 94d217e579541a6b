//! The plugin's executable: hands the plugin to nushell, or puts a late check's question to the run.

use std::path::Path;
use std::process::ExitCode;

use nu_plugin::{MsgPackSerializer, serve_plugin};
use nu_plugin_migrate::{ASK, MigratePlugin, ask};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(first), Some(socket)) if first == ASK => ask(Path::new(&socket)),
        _ => {
            serve_plugin(&MigratePlugin, MsgPackSerializer);
            ExitCode::SUCCESS
        }
    }
}
