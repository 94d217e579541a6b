//! The plugin's executable: hands the plugin to nushell, or puts a late check's question to the run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use nu_plugin::{MsgPackSerializer, serve_plugin, serve_plugin_io};
use nu_plugin_migrate::{ASK, MigratePlugin, ask};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As much as nushell reads at once.
const BUFFER: usize = 16 * 1024;

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
    let output = File::from(output.map_err(|error| error.to_string())?);
    let mut output = BufWriter::with_capacity(BUFFER, output);
    // How nushell is told the encoding: its length, then its name.
    output
        .write_all(b"\x07msgpack")
        .and_then(|()| output.flush())
        .map_err(|error| error.to_string())?;
    let input = || (io::stdin().lock(), MsgPackSerializer);
    let output = (Mutex::new(output), MsgPackSerializer);
    serve_plugin_io(&MigratePlugin, "migrate", input, move || output)
        .map_err(|error| error.to_string())
}
