//! One PostgreSQL server for the whole test run, gone when the run is over, however it ends.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nu_plugin_migrate::testing::{account, debian_folders};
use testcontainers::core::{IntoContainerPort, WaitFor, wait::LogWaitStrategy};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt};

/// A server and how its superuser reaches it.
pub(crate) struct Server {
    /// libpq's variables, without a database.
    pub(crate) environment: BTreeMap<String, String>,
    /// Kept for as long as the test process lives.
    _container: Option<Container<GenericImage>>,
}

/// The server of this run.
pub(crate) static SERVER: LazyLock<Server> = LazyLock::new(|| {
    if let Ok(url) = std::env::var("MIGRATE_TEST_URL") {
        return from_url(&url);
    }
    match Cluster::create().and_then(|cluster| cluster.start()) {
        Ok(server) => server,
        Err(no_local) => container().unwrap_or_else(|no_container| {
            panic!(
                "the tests need PostgreSQL. No MIGRATE_TEST_URL is set; no local cluster: \
                 {no_local}; no container: {no_container}"
            )
        }),
    }
});

/// The psql program to use: the real one, not Debian's slower wrapper, where there is one.
pub(crate) static PSQL: LazyLock<PathBuf> =
    LazyLock::new(|| program("psql").expect("the tests need psql"));

impl Server {
    /// Another way to the same server.
    pub(crate) fn handle(&self) -> Self {
        Self {
            environment: self.environment.clone(),
            _container: None,
        }
    }

    /// The version, in the server's own numbering: 150018 for 15.18.
    pub(crate) fn version(&self) -> u32 {
        let version = self.sql("postgres", "SHOW server_version_num");
        version.parse().unwrap()
    }

    /// Runs SQL as the superuser and gives what it prints.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let output = Command::new(&*PSQL)
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-w",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                sql,
            ])
            .env_clear()
            .envs(&self.environment)
            .env("PGDATABASE", database)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

/// Takes `postgresql://user:password@host:port` apart; the tests give their own databases.
fn from_url(url: &str) -> Server {
    let rest = url
        .split_once("://")
        .expect("MIGRATE_TEST_URL must be a URL")
        .1;
    let (credentials, rest) = rest.split_once('@').expect("MIGRATE_TEST_URL needs a user");
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let address = rest.split(['/', '?']).next().unwrap();
    let (host, port) = address.split_once(':').unwrap_or((address, "5432"));
    server(host, port, user, password, None)
}

fn server(
    host: &str,
    port: &str,
    user: &str,
    password: &str,
    container: Option<Container<GenericImage>>,
) -> Server {
    let pairs = [
        ("PGHOST", host),
        ("PGPORT", port),
        ("PGUSER", user),
        ("PGPASSWORD", password),
    ];
    let environment = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    Server {
        environment,
        _container: container,
    }
}

/// A throw-away cluster of our own in a temporary folder. The server refuses to run as root, so
/// root's tests start it as `postgres` or `nobody`.
pub(crate) struct Cluster {
    initdb: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    /// The network namespace that it runs in, if that is another one.
    namespace: Option<String>,
}

impl Cluster {
    /// Makes a cluster that does not run yet.
    pub(crate) fn create() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("migrate-server-").tempdir();
        Self::create_in(&folder.unwrap().keep())
    }

    /// The same in a folder that is there.
    pub(crate) fn create_in(folder: &Path) -> Result<Self, String> {
        let initdb = std::env::var_os("MIGRATE_TEST_INITDB")
            .map(PathBuf::from)
            .or_else(|| program("initdb"))
            .ok_or("no initdb")?;
        let folder = folder.to_owned();
        let cluster = Self {
            initdb,
            folder,
            user: account()?.map(|user| (user.uid.as_raw(), user.gid.as_raw())),
            port: free_port(),
            namespace: None,
        };
        if let Some((uid, gid)) = cluster.user {
            std::os::unix::fs::chown(&cluster.folder, Some(uid), Some(gid)).unwrap();
        }
        fs::write(cluster.folder.join("password"), "test-superuser").unwrap();
        let output = cluster
            .command(&cluster.initdb)
            .args([
                "-D",
                "data",
                "-U",
                "tester",
                "--pwfile=password",
                "--no-sync",
                "-E",
                "UTF8",
            ])
            .args(["--locale=C", "-A", "scram-sha-256"])
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            cluster.append(
                "postgresql.conf",
                "max_connections = 200\nmax_prepared_transactions = 10\n",
            );
            Ok(cluster)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The same, with messages in German; an error where this computer has none.
    pub(crate) fn german() -> Result<Self, String> {
        const LOCALE: &str = "de_DE.UTF-8";
        let cluster = Self::create()?;
        fs::create_dir(cluster.locales()).unwrap();
        if let Some((uid, gid)) = cluster.user {
            std::os::unix::fs::chown(cluster.locales(), Some(uid), Some(gid)).unwrap();
        }
        let output = cluster
            .command(Path::new("localedef"))
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .args(["-i", "de_DE", "-f", "UTF-8"])
            .arg(cluster.locales().join(LOCALE))
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let settings = cluster.folder.join("data/postgresql.conf");
        let mut text = fs::read_to_string(&settings).unwrap();
        text += &format!("lc_messages = '{LOCALE}'\n");
        fs::write(settings, text).unwrap();
        Ok(cluster)
    }

    /// Where locales of its own are.
    fn locales(&self) -> PathBuf {
        self.folder.join("locales")
    }

    /// Starts the server and waits until it answers.
    ///
    /// A shell stands between: it stops the server and removes the folder when its standard
    /// input closes, which the system does for us even when the test process is killed.
    pub(crate) fn start(&self) -> Result<Server, String> {
        self.launch()?;
        let port = self.port.to_string();
        let folder = self.folder.display().to_string();
        let host = self.namespace.as_ref().map_or("127.0.0.1", |_| &folder);
        let server = server(host, &port, "tester", "test-superuser", None);
        await_connection(&server, &self.folder.join("log"))?;
        Ok(server)
    }

    /// The same cluster in a network namespace, where its superuser reaches it over its socket.
    pub(crate) fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    fn launch(&self) -> Result<(), String> {
        let mut shell = match (&self.namespace, self.user) {
            (Some(namespace), Some((uid, gid))) => {
                let mut entering = Command::new("nsenter");
                entering
                    .arg(format!("--net=/run/netns/{namespace}"))
                    .args(["-S", &uid.to_string(), "-G", &gid.to_string(), "/bin/sh"])
                    .current_dir(&self.folder);
                entering
            }
            _ => self.command(Path::new("/bin/sh")),
        };
        let addresses = self.namespace.as_ref().map_or("127.0.0.1", |_| "*");
        let mut shell = shell
            .arg("-c")
            .arg(
                "\"$0\" -D data -p \"$1\" -k \"$PWD\" -c \"listen_addresses=$2\" -c fsync=off \
                 -c full_page_writes=off >>log 2>&1 & server=$!\n\
                 read -r _; kill -QUIT $server 2>/dev/null; wait $server; rm -rf \"$PWD\"",
            )
            .arg(self.initdb.with_file_name("postgres"))
            .arg(self.port.to_string())
            .arg(addresses)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        // Never closed by us: the end of this process closes it.
        std::mem::forget(shell.stdin.take());
        Ok(())
    }

    /// Puts a file into the data folder, readable by the server alone.
    pub(crate) fn install(&self, from: &Path, name: &str) {
        let target = self.folder.join("data").join(name);
        fs::copy(from, &target).unwrap();
        self.own(&target);
    }

    pub(crate) fn install_text(&self, text: &str, name: &str) {
        let target = self.folder.join("data").join(name);
        fs::write(&target, text).unwrap();
        self.own(&target);
    }

    /// Adds lines to a file of the data folder.
    pub(crate) fn append(&self, name: &str, lines: &str) {
        let target = self.folder.join("data").join(name);
        let text = fs::read_to_string(&target).unwrap();
        fs::write(target, text + lines).unwrap();
    }

    fn own(&self, path: &Path) {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, private).unwrap();
        self.give(path);
    }

    /// Makes a file or a folder the server's own.
    pub(crate) fn give(&self, path: &Path) {
        if let Some((uid, gid)) = self.user {
            std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    /// Starts the server again, if it has ended.
    pub(crate) fn revive(&self) {
        let lock = self.folder.join("data/postmaster.pid");
        let is_alive = fs::read_to_string(lock).is_ok_and(|text| {
            let pid = text.lines().next().and_then(|pid| pid.parse().ok());
            pid.is_some_and(|pid| kill(Pid::from_raw(pid), None).is_ok())
        });
        if !is_alive {
            self.launch().unwrap();
        }
    }

    /// Ends the server and starts it again, without asking whether it takes connections.
    pub(crate) fn restart(&self) {
        self.crash();
        self.launch().unwrap();
        let lock = self.folder.join("data/postmaster.pid");
        while !fs::read_to_string(&lock)
            .is_ok_and(|text| text.lines().any(|line| line.trim() == "ready"))
        {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server as a crash would, and waits until it is gone.
    pub(crate) fn crash(&self) {
        let lock = self.folder.join("data/postmaster.pid");
        let pid = fs::read_to_string(&lock)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        kill(Pid::from_raw(pid), Signal::SIGQUIT).unwrap();
        while kill(Pid::from_raw(pid), None).is_ok() && lock.exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// A hot standby of this cluster, which runs; it does not run yet. Nobody waits for it. `None` where the
    /// server came without the program that copies it.
    pub(crate) fn standby(&self) -> Option<Self> {
        let copy = self.initdb.with_file_name("pg_basebackup");
        if !copy.exists() {
            eprintln!("no standby: there is no {}", copy.display());
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("migrate-standby-")
            .tempdir()
            .unwrap()
            .keep();
        let standby = Self {
            initdb: self.initdb.clone(),
            folder,
            user: self.user,
            port: free_port(),
            namespace: None,
        };
        if let Some((uid, gid)) = standby.user {
            std::os::unix::fs::chown(&standby.folder, Some(uid), Some(gid)).unwrap();
        }
        let primary = format!(
            "host=127.0.0.1 port={} user=tester password=test-superuser",
            self.port
        );
        let status = standby
            .command(&copy)
            .args([
                "-D",
                "data",
                "-R",
                "-c",
                "fast",
                "--no-sync",
                "-d",
                &primary,
            ])
            .status()
            .unwrap();
        assert!(status.success());
        Some(standby)
    }

    /// Ends a background process of the server as a crash would; the server starts itself again.
    pub(crate) fn crash_within(server: &Server) {
        let checkpointer = server.sql(
            "postgres",
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
        );
        kill(
            Pid::from_raw(checkpointer.parse().unwrap()),
            Signal::SIGKILL,
        )
        .unwrap();
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.locales().exists().then(|| ("LOCPATH", self.locales())))
            .current_dir(&self.folder)
            .stdout(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.gid(gid).uid(uid);
        }
        command
    }
}

fn container() -> Result<Server, String> {
    let ready = "database system is ready to accept connections";
    let container = GenericImage::new("postgres", "17")
        .with_exposed_port(5432.tcp())
        // The image starts the server twice, first to set it up.
        .with_wait_for(WaitFor::log(LogWaitStrategy::stderr(ready).with_times(2)))
        .with_env_var("POSTGRES_PASSWORD", "test-superuser")
        .start()
        .map_err(|error| error.to_string())?;
    let host = container
        .get_host()
        .map_err(|error| error.to_string())?
        .to_string();
    let port = container
        .get_host_port_ipv4(5432)
        .map_err(|error| error.to_string())?;
    Ok(server(
        &host,
        &port.to_string(),
        "postgres",
        "test-superuser",
        Some(container),
    ))
}

/// A program of PostgreSQL, found as a rehearsal finds it.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let debian = debian_folders().into_iter().map(|folder| folder.join(name));
    debian
        .filter(|path| path.exists())
        .chain(which::which(name))
        .next()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn await_connection(server: &Server, log: &Path) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = Command::new(&*PSQL)
            .args(["-X", "-w", "-c", "SELECT 1", "postgres"])
            .env_clear()
            .envs(&server.environment)
            .output()
            .unwrap();
        if answer.status.success() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(fs::read_to_string(log).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(30));
    }
}
