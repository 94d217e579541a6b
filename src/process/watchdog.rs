//! Ends a process group when the plugin dies without a chance to do it, such as by SIGKILL.
//! Nothing else would: psql reads its script only between statements, and a statement that runs
//! for an hour would keep its locks for that hour.

use std::io::{self, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::spawn::spawn;

/// Reads whom to watch over until the end of its standard input, which is the end of the plugin;
/// then lets that group cancel what it does, and ends it.
const SCRIPT: &str = r#"group=0
while read -r next; do group=$next; done
[ "$group" = 0 ] || { kill -s INT -- "-$group"; sleep 0.3; kill -s KILL -- "-$group"; }
[ -z "$1" ] || rm -rf -- "$1""#;

/// A shell process that outlives the plugin by a moment.
pub struct Watchdog {
    shell: Child,
    /// Closed by the system when the plugin dies.
    leash: PipeWriter,
}

impl Watchdog {
    /// Watches over nobody yet. If the plugin dies, this folder is removed as well.
    pub fn start(folder: Option<&Path>) -> io::Result<Self> {
        let (input, leash) = io::pipe()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "watchdog"])
            .arg(folder.unwrap_or(Path::new("")))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::from(input))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What kills the plugin's group must not kill its watchdog.
            .process_group(0);
        let shell = spawn(&mut command)?;
        Ok(Self { shell, leash })
    }

    /// Watches over this child from now on, and over no other.
    pub fn guard(&self, child: &super::Child) -> io::Result<()> {
        writeln!(&self.leash, "{}", child.process.id())
    }

    /// Watches over nobody.
    pub fn release(&self) {
        // A shell that is gone watches over nobody, too.
        let _ = writeln!(&self.leash, "0");
    }
}

impl Drop for Watchdog {
    /// The process has ended by itself. The shell goes first: without its leash it would act.
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
