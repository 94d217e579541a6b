//! A folder of migrations and a database of its own, for one test.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::nu::{NU, Output, PLUGIN};
use super::server::{PSQL, SERVER, Server};

/// A test's surroundings. The database is dropped with it, unless the test fails.
pub(crate) struct Project {
    folder: TempDir,
    server: Server,
    /// The database's name.
    pub(crate) database: String,
    /// What nu finds in its environment.
    pub(crate) environment: BTreeMap<String, String>,
}

impl Project {
    /// An empty folder and an empty database.
    pub(crate) fn new() -> Self {
        Self::on(&SERVER)
    }

    /// The same on another server than that of the run.
    pub(crate) fn on(server: &Server) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Folder and name have the same length everywhere: nu wraps messages by length.
        let database = format!("migrate_{:07}_{count:03}", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix("migrate-")
            .rand_bytes(6)
            .tempdir_in("/tmp");
        server.sql("postgres", &format!("CREATE DATABASE {database}"));
        let mut project = Self {
            folder: folder.unwrap(),
            server: server.handle(),
            database: database.clone(),
            environment: BTreeMap::new(),
        };
        project.environment.extend(server.environment.clone());
        let home = project.folder.path().display().to_string();
        let bin = PSQL.parent().unwrap().display().to_string();
        project
            .set("PGDATABASE", &database)
            .set("HOME", &home)
            .set("XDG_CONFIG_HOME", &home)
            .set("PATH", &format!("{bin}:/usr/bin:/bin"))
            .set("NO_COLOR", "1")
            .set("LANG", "C.UTF-8");
        project
    }

    /// A project with these migrations in `db`.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let project = Self::new();
        for (file, content) in files {
            project.write(&format!("db/{file}"), content);
        }
        project
    }

    /// Sets a variable of nu's environment.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes a variable of nu's environment.
    pub(crate) fn unset(&mut self, name: &str) -> &mut Self {
        self.environment.remove(name);
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    /// The nu command that runs a script, for tests that need the process.
    pub(crate) fn command(&self, script: &str) -> Command {
        self.running(Command::new(&*NU), script)
    }

    fn running(&self, mut nu: Command, script: &str) -> Command {
        nu.args(["--no-config-file", "--no-std-lib", "--plugins"])
            .arg(format!("[{PLUGIN}]"))
            .args(["--commands", script])
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.folder.path());
        nu
    }

    /// Runs a script in nu, in the project's folder.
    pub(crate) fn nu(&self, script: &str) -> Output {
        ended(self.command(script))
    }

    /// The same in 80 columns, however wide the terminal is that the tests run in: nu asks the
    /// terminal of its session, so this one gets a session without any.
    pub(crate) fn nu_of_80_columns(&self, script: &str) -> Output {
        let nu = which::which("setsid").map_or_else(
            |_| Command::new(&*NU),
            |setsid| {
                let mut nu = Command::new(setsid);
                nu.arg(&*NU);
                nu
            },
        );
        ended(self.running(nu, script))
    }

    /// The code of the error that a script must end with; else what it gives.
    #[track_caller]
    pub(crate) fn code(&self, script: &str) -> String {
        let script = format!("try {{ {script} }} catch {{|e| $e.details.code }}");
        self.nu(&script).text().to_owned()
    }

    /// Waits until a query gives `t`.
    #[track_caller]
    pub(crate) fn wait_until(&self, query: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.sql(query) != "t" {
            assert!(Instant::now() < deadline, "never: {query}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// psql as the superuser in the database.
    pub(crate) fn psql(&self) -> Command {
        let mut command = Command::new(&*PSQL);
        command
            .args(["-X", "-q", "-w"])
            .env_clear()
            .envs(&self.environment);
        command
    }

    /// Runs SQL in the database as the superuser.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database, sql)
    }

    /// The tables of the schema `public`, in order.
    pub(crate) fn tables(&self) -> String {
        self.sql(
            "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables \
             WHERE schemaname = 'public'",
        )
    }

    /// A text without what differs from run to run.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut text = text.replace(&self.folder.path().display().to_string(), "/tmp/project");
        for (found, shown) in [
            (&self.database, "the_database"),
            (&self.environment["PGPORT"], "5432"),
            (&self.environment["PATH"], "/bin"),
        ] {
            text = text.replace(found.as_str(), shown);
        }
        text
    }

    /// From now on the database is looked for on this server.
    pub(crate) fn move_to(&mut self, server: &Server) {
        self.server = server.handle();
    }

    /// Puts a psql in between that runs a shell line, once, right before it is given the first line
    /// that this pattern matches.
    pub(crate) fn shim(&mut self, pattern: &str, action: &str) {
        let flag = self.path("struck").display().to_string();
        let shim = format!(
            "#!/bin/bash\n{SCRIPT_ON_3}exec 4<&3\nexec 3< <(while IFS= read -r line; do\n\
             case $line in {pattern}) [ -e '{flag}' ] || {{ touch '{flag}'; {action}; }};; esac\n\
             printf '%s\\n' \"$line\"; done <&4 2>/dev/null)\nexec 4<&-\nexec '{}' \"$@\"\n",
            PSQL.display()
        );
        self.write("shim", shim);
        let shim = self.path("shim");
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
        self.set("MIGRATE_PSQL", &shim.display().to_string());
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }
}

/// For a bash that stands in for psql: lets it find the script on descriptor 3, whatever it has.
pub(crate) const SCRIPT_ON_3: &str = r#"for one in "$@"; do case $one in /dev/fd/*) script=${one##*/};; esac; done
[ "${script:-3}" = 3 ] || { exec 3<&"$script"; eval "exec $script<&-"; }
set -- "${@/#\/dev\/fd\/*//dev/fd/3}"
"#;

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: database {}", self.database);
            return;
        }
        let drop = format!("DROP DATABASE IF EXISTS {}", self.database);
        self.server.sql("postgres", &drop);
    }
}

fn ended(mut command: Command) -> Output {
    let output = command.output().unwrap();
    Output {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}
