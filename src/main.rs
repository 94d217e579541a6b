//! The plugin's executable: hands the plugin to nushell, or puts a late check's question to the run.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use nu_plugin::{MsgPackSerializer, serve_plugin, serve_plugin_io};
use nu_plugin_migrate::{ASK, MigratePlugin, Wire, ask};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(first), Some(socket)) if first == ASK => ask(Path::new(&socket)),
        (Some(first), None) if first == "--stdio" => match serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("nu_plugin_migrate: {problem}");
                ExitCode::FAILURE
            }
        },
        _ => {
            serve_plugin(&MigratePlugin, MsgPackSerializer);
            ExitCode::SUCCESS
        }
    }
}

/// What [`serve_plugin`] does, without Rust's own standard output: that writes at most 1024 bytes at
/// a time, which is 700 calls to the system for a table of 1000 migrations.
fn serve() -> Result<(), String> {
    let output = io::stdout().as_fd().try_clone_to_owned();
    let mut output = File::from(output.map_err(|error| error.to_string())?);
    // How nushell is told the encoding: its length, then its name.
    output
        .write_all(b"\x07msgpack")
        .map_err(|error| error.to_string())?;
    let input = || (io::stdin().lock(), MsgPackSerializer);
    let output = Wire::new(output);
    serve_plugin_io(&MigratePlugin, "migrate", input, move || output)
        .map_err(|error| error.to_string())
}
