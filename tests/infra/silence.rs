//! A network that falls silent for real: packets vanish in a router between the namespaces of client
//! and server, and nobody is told. A proxy cannot do that: its kernel goes on answering for it.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{is_wanted, note};
use crate::faults::{Aftermath, check_groups, complete, wait_until_free, write_plain_files};
use crate::support::Project;
use crate::support::server::Cluster;

/// As `MIGRATE_NETWORK_TIMEOUT`: a second without a word, then three probes.
const TIMEOUT: &str = "2sec";
/// Within which both ends are to know; a machine that tests may be slow.
const PATIENCE: Duration = Duration::from_secs(4 + 6);

const CLIENT: &str = "10.77.1.2";
const SERVER: &str = "10.77.2.2";

/// Where packets vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Everything,
    /// The server hears, and is not heard.
    Answers,
}

/// A client, a router and a server, each in a network namespace of its own.
struct Network(String);

impl Network {
    /// Needs root and `ip`.
    fn new(name: &str) -> Option<Self> {
        let is_root = nix::unistd::geteuid().is_root();
        if !is_root || which::which("ip").is_err() || which::which("nsenter").is_err() {
            note("a silent network", "SKIPPED: it takes root, ip and nsenter");
            return None;
        }
        let network = Self(format!("mig{}{name}", std::process::id()));
        let Self(name) = &network;
        ip(&format!(
            "netns add {name}c; netns add {name}r; netns add {name}s;
             -n {name}s link set lo up;
             link add c0 netns {name}c type veth peer name c1 netns {name}r;
             link add s0 netns {name}s type veth peer name s1 netns {name}r;
             -n {name}c addr add {CLIENT}/24 dev c0; -n {name}c link set c0 up;
             -n {name}s addr add {SERVER}/24 dev s0; -n {name}s link set s0 up;
             -n {name}r addr add 10.77.1.1/24 dev c1; -n {name}r link set c1 up;
             -n {name}r addr add 10.77.2.1/24 dev s1; -n {name}r link set s1 up;
             -n {name}c route add default via 10.77.1.1; -n {name}s route add default via 10.77.2.1;
             netns exec {name}r sysctl -qw net.ipv4.ip_forward=1"
        ));
        Some(network)
    }

    fn of_client(&self) -> String {
        format!("{}c", self.0)
    }

    fn of_server(&self) -> String {
        format!("{}s", self.0)
    }

    /// Arguments for `ip` that take packets away from now on.
    fn silence(&self, lost: Lost) -> String {
        let router = format!("-n {}r route add blackhole", self.0);
        match lost {
            Lost::Answers => format!("{router} {CLIENT}/32"),
            Lost::Everything => format!("{router} {CLIENT}/32; {router} {SERVER}/32"),
        }
    }

    fn speak(&self) {
        let router = format!("-n {}r route del blackhole", self.0);
        for host in [CLIENT, SERVER] {
            let _ = Command::new("ip")
                .args(format!("{router} {host}/32").split(' '))
                .stderr(Stdio::null())
                .status();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for one in ["c", "r", "s"] {
            let name = format!("{}{one}", self.0);
            let _ = Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}

fn ip(commands: &str) {
    for command in commands.split(';') {
        let status = Command::new("ip").args(command.split_whitespace()).status();
        assert!(status.unwrap().success(), "ip {command}");
    }
}

/// A server behind the router, and a project on this side of it.
struct Rig {
    network: Network,
    project: Project,
}

impl Rig {
    fn new(name: &str) -> Option<Self> {
        if !is_wanted() {
            return None;
        }
        let network = Network::new(name)?;
        let cluster = Cluster::create().unwrap().within(&network.of_server());
        cluster.append("pg_hba.conf", "host all all 10.77.1.0/24 scram-sha-256\n");
        let mut project = Project::on(&cluster.start().unwrap());
        project.set("MIGRATE_NETWORK_TIMEOUT", TIMEOUT);
        Some(Self { network, project })
    }

    /// A run on the other side of the router.
    fn command(&self, script: &str) -> Command {
        let inner = self.project.command(script);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.network.of_client()])
            .arg(inner.get_program())
            .args(inner.get_args())
            .env_clear()
            .envs(&self.project.environment)
            .env("PGHOST", SERVER)
            .env(
                "PATH",
                format!("{}:/usr/sbin:/sbin", self.project.environment["PATH"]),
            )
            .current_dir(self.project.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The network falls silent right before psql is given the first line like this.
    fn strike(&mut self, line: &str, lost: Lost) {
        let silence = self.network.silence(lost);
        let commands: Vec<_> = silence.split("; ").map(|it| format!("ip {it}")).collect();
        self.project.shim(line, &commands.join("; "));
    }

    fn await_file(&self, name: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.project.path(name).exists() {
            assert!(Instant::now() < deadline, "no {name}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for both ends; gives what the client said and how long it took.
    fn await_both(&self, run: std::process::Child, case: &str) -> (Aftermath, Duration, Duration) {
        let began = Instant::now();
        let output = thread::spawn(move || {
            let output = run.wait_with_output().unwrap();
            (output, Instant::now())
        });
        self.project.wait_until(SERVER_IS_FREE);
        let server = began.elapsed();
        let (output, ended) = output.join().unwrap();
        let client = ended.duration_since(began);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(server < PATIENCE, "{case}: the server took {server:?}");
        let aftermath = Aftermath {
            code: output.status.code(),
            said,
        };
        (aftermath, client, server)
    }
}

const SERVER_IS_FREE: &str = "SELECT count(*) = 0 FROM pg_stat_activity \
    WHERE datname = current_database() AND client_addr IS NOT NULL";

/// The network falls silent in the middle of six migrations in three groups, and comes back when
/// both ends have given up.
fn fall_silent(rig: &mut Rig, case: &str, line: &str, lost: Lost) {
    write_plain_files(&rig.project);
    rig.strike(line, lost);
    let run = rig
        .command("migrate run ./db --retries 0 | length")
        .spawn()
        .unwrap();
    rig.await_file("struck");
    let (aftermath, client, server) = rig.await_both(run, case);
    // The look back at a server that does not answer takes ten seconds more.
    let patience = PATIENCE + Duration::from_secs(10);
    assert!(client < patience, "{case}: the client took {client:?}");
    assert!(
        aftermath.said.contains("migrate::connection_lost"),
        "{case}: {}",
        aftermath.said
    );
    rig.network.speak();
    rig.project.unset("MIGRATE_PSQL");
    let outcome = check_groups(&rig.project, case, &aftermath);
    complete(&rig.project, case);
    wait_until_free(&rig.project, case);
    note(
        &format!("silent network, {case}"),
        &format!(
            "{outcome}; server free after {:.0} s, client back after {:.0} s",
            server.as_secs_f32(),
            client.as_secs_f32()
        ),
    );
}

#[test]
fn both_ends_give_a_silent_network_up() {
    for (name, case, line, lost) in [
        (
            "a",
            "the lock's question is lost",
            "*pg_try_advisory_lock*",
            Lost::Everything,
        ),
        (
            "b",
            "the lock's answer is lost",
            "*pg_try_advisory_lock*",
            Lost::Answers,
        ),
        (
            "c",
            "the question about the server is lost, lock held",
            "*pg_control_system*",
            Lost::Everything,
        ),
        ("d", "the second file is lost", "*m2.sql*", Lost::Everything),
        (
            "e",
            "the answer to the second file is lost",
            "*m2.sql*",
            Lost::Answers,
        ),
        ("f", "COMMIT is lost", "COMMIT*", Lost::Everything),
        (
            "g",
            "the answer to COMMIT is lost",
            "COMMIT*",
            Lost::Answers,
        ),
    ] {
        let Some(mut rig) = Rig::new(name) else {
            return;
        };
        fall_silent(&mut rig, case, line, lost);
    }
}

#[test]
fn a_silence_while_the_server_works_is_noticed() {
    let Some(rig) = Rig::new("w") else { return };
    rig.project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (id int);\n\\! touch ../working\nSELECT pg_sleep(60);\n",
    );
    let run = rig.command("migrate run ./db").spawn().unwrap();
    rig.await_file("working");
    thread::sleep(Duration::from_millis(300));
    ip(&rig.network.silence(Lost::Everything));
    let (aftermath, ..) = rig.await_both(run, "a long statement");
    assert!(aftermath.said.contains("UNKNOWN"), "{}", aftermath.said);
    assert_eq!(rig.project.tables(), "");
    rig.network.speak();
    note("silent network, in a long statement", "rolled back");
}

/// What only looks like silence: the server takes nothing for longer than a silence may last.
#[test]
fn a_copy_whose_server_is_busy_is_left_alone() {
    let Some(rig) = Rig::new("h") else { return };
    rig.project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (line text);\n\
         CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS\n\
         $$ BEGIN PERFORM pg_sleep(12); RETURN NEW; END $$;\n\
         CREATE TRIGGER wait BEFORE INSERT ON a FOR EACH ROW\n\
         WHEN (NEW.line LIKE '5000 %') EXECUTE FUNCTION wait();\n\
         \\copy a from program 'seq -f \"%g xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" 999999'\n",
    );
    let run = rig.command("migrate run ./db | length").spawn().unwrap();
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(rig.project.sql("SELECT count(*) FROM a"), "999999");
    note("a COPY whose server is busy for 12 s", "completed");
}
