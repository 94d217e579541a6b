//! Fault injection: something dies at some point of a run, and afterwards every group is fully
//! there with its ledger rows or not at all, the error told the truth, and the next run completes.
//!
//! `MIGRATE_TEST_FAULTS` is the number of rounds; one is what a usual test run takes.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Project;
use crate::support::project::SCRIPT_ON_3;
use crate::support::server::{Cluster, PSQL};

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    /// So long after the command was started, in milliseconds: before the lock, between files,
    /// anywhere.
    After(u64),
    /// Inside the file of this number.
    InFile(usize),
    /// psql has been given everything but this COMMIT, counted from 1.
    BeforeCommit(usize),
    /// psql has just been given this COMMIT.
    AtCommit(usize),
    /// The server has committed, and the receipt has not been asked for.
    BeforeReceipt(usize),
}

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    PsqlKilled,
    PsqlInterrupted,
    PluginKilled,
    NuKilled,
    CtrlC,
    ConnectionCut,
    ServerCrashed,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::After(_) => "at a random moment",
            Self::InFile(4) => "inside a no-transaction file",
            Self::InFile(_) => "inside a file",
            Self::BeforeCommit(_) => "before COMMIT",
            Self::AtCommit(_) => "at COMMIT",
            Self::BeforeReceipt(_) => "between COMMIT and receipt",
        })
    }
}

/// Six migrations in three groups: 1 to 3, 4 outside of any transaction, 5 and 6.
const GROUPS: [&[usize]; 3] = [&[1, 2, 3], &[4], &[5, 6]];

/// A shell line that strikes once. `\!` runs it below psql, whose parent is the plugin, whose
/// parent is nu. A process that is gone already is left alone: its number may be another's.
fn strike(kind: Kind) -> String {
    let (victim, signal) = match kind {
        Kind::PsqlKilled => ("psql", "KILL"),
        Kind::PsqlInterrupted => ("psql", "INT"),
        Kind::PluginKilled => ("plugin", "KILL"),
        Kind::NuKilled => ("nu", "KILL"),
        Kind::CtrlC => ("nu", "INT"),
        Kind::ConnectionCut | Kind::ServerCrashed => return String::new(),
    };
    format!(
        "\\! [ -e struck ] || {{ touch struck; psql=$PPID; \
         plugin=$(cut -d' ' -f4 \"/proc/${{psql:?}}/stat\"); \
         nu=$(cut -d' ' -f4 \"/proc/${{plugin:?}}/stat\"); \
         [ \"${{nu:-0}}\" -gt 1 ] && kill -s {signal} \"${victim}\"; }}\n"
    )
}

fn project(point: Point, kind: Kind) -> Project {
    let mut project = Project::new();
    write_files(&project, point, kind);
    if let Point::BeforeCommit(number) | Point::AtCommit(number) | Point::BeforeReceipt(number) =
        point
    {
        let shim = project.path("shim");
        project.write("shim", commit_shim(point, number, kind, &project));
        std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o755)).unwrap();
        project.set("MIGRATE_PSQL", &shim.display().to_string());
    }
    project
}

/// The same files with no fault in them.
pub(crate) fn write_plain_files(project: &Project) {
    write_files(project, Point::After(0), Kind::CtrlC);
}

fn write_files(project: &Project, point: Point, kind: Kind) {
    for number in GROUPS.into_iter().flatten() {
        let mut sql = if *number == 4 {
            "-- migrate: no-transaction\n".to_owned()
        } else {
            String::new()
        };
        sql += &format!("CREATE TABLE t{number} (id int);\n");
        if point == Point::InFile(*number) {
            sql += &strike(kind);
            // A signal needs a moment, and a statement shows who noticed.
            sql += "SELECT pg_sleep(0.3);\n";
        }
        sql += "SELECT pg_sleep(0.02);\n";
        project.write(&format!("db/2024010{number}000000_core_m{number}.sql"), sql);
    }
}

/// Stands between the plugin and psql and hands the script on line by line.
fn commit_shim(point: Point, number: usize, kind: Kind, project: &Project) -> String {
    let victim = if kind == Kind::PluginKilled {
        "$plugin"
    } else {
        "$$"
    };
    let act = match point {
        Point::BeforeCommit(_) => format!("kill -s KILL {victim}; exit"),
        Point::AtCommit(_) => format!("printf '%s\\n' \"$line\"; kill -s KILL {victim}; exit"),
        _ => format!("printf '%s\\n' \"$line\"; sleep 0.1; kill -s KILL {victim}; exit"),
    };
    format!(
        "#!/bin/bash\nplugin=$PPID\n{SCRIPT_ON_3}exec 4<&3\nexec 3< <(\n  n=0\n  while IFS= read -r line; do\n    \
         case $line in INSERT*) wrote=1;; esac\n    \
         if [ \"$wrote$line\" = '1COMMIT;' ] && [ ! -e '{flag}' ]; then\n      n=$((n + 1)); wrote=\n      \
         if [ $n = {number} ]; then touch '{flag}'; {act}; fi\n    fi\n    \
         printf '%s\\n' \"$line\"\n  done <&4 2>/dev/null\n)\nexec 4<&-\nexec '{psql}' \"$@\"\n",
        flag = project.path("struck").display(),
        psql = PSQL.display(),
    )
}

const SERVER_IS_FREE: &str = "SELECT count(*) = 0 FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// What a run with a fault in it left behind.
pub(crate) struct Aftermath {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

fn run(project: &Project, point: Point, kind: Kind, cluster: Option<&Cluster>) -> Aftermath {
    let child = project
        .command("migrate run ./db --retries 0 | length")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Point::After(milliseconds) = point {
        thread::sleep(Duration::from_millis(milliseconds));
        let nu = child.id();
        match kind {
            Kind::ServerCrashed => cluster.unwrap().crash(),
            Kind::ConnectionCut => {
                project.sql(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'nu_plugin_migrate'",
                );
            }
            Kind::CtrlC => send(Some(nu), Signal::SIGINT),
            Kind::NuKilled => send(Some(nu), Signal::SIGKILL),
            Kind::PluginKilled => send(child_of(nu), Signal::SIGKILL),
            Kind::PsqlKilled => send(child_of(nu).and_then(child_of), Signal::SIGKILL),
            Kind::PsqlInterrupted => send(child_of(nu).and_then(child_of), Signal::SIGINT),
        }
    }
    let output = child.wait_with_output().unwrap();
    Aftermath {
        code: output.status.code(),
        said: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The process may be gone, or not be there yet: then the fault is none, which must do no harm.
fn send(pid: Option<u32>, signal: Signal) {
    if let Some(pid) = pid {
        let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal);
    }
}

/// The first child: the plugin of a nu, the psql of a plugin.
fn child_of(pid: u32) -> Option<u32> {
    std::fs::read_dir(format!("/proc/{pid}/task"))
        .ok()?
        .flatten()
        .find_map(|task| {
            let children = std::fs::read_to_string(task.path().join("children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
}

/// Injects a fault, checks everything, and gives the outcome in a word.
fn check(point: Point, kind: Kind, cluster: Option<&Cluster>) -> &'static str {
    let project = match cluster {
        Some(cluster) => {
            let project = Project::on(&cluster.start().unwrap());
            write_files(&project, point, kind);
            project
        }
        None => project(point, kind),
    };
    let case = format!("{point:?} {kind:?}");
    let aftermath = run(&project, point, kind, cluster);
    if let Some(cluster) = cluster {
        cluster.start().unwrap();
    }
    wait_until_free(&project, &case);
    let outcome = check_groups(&project, &case, &aftermath);
    complete(&project, &case);
    outcome
}

pub(crate) fn wait_until_free(project: &Project, case: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while project.sql(SERVER_IS_FREE) != "t" {
        assert!(Instant::now() < deadline, "{case}: the server is not free");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The state of each migration: `t` for a table, then its ledger row.
fn found(project: &Project) -> BTreeMap<usize, (bool, String)> {
    let ledger = project.sql("SELECT to_regclass('migrations_core') IS NOT NULL") == "t";
    GROUPS
        .into_iter()
        .flatten()
        .map(|number| {
            let table = project.sql(&format!("SELECT to_regclass('t{number}') IS NOT NULL")) == "t";
            let row = if ledger {
                project.sql(&format!(
                    "SELECT state FROM migrations_core WHERE migration_name LIKE '%_m{number}.sql'"
                ))
            } else {
                String::new()
            };
            (*number, (table, row))
        })
        .collect()
}

pub(crate) fn check_groups(project: &Project, case: &str, aftermath: &Aftermath) -> &'static str {
    let found = found(project);
    let said = &aftermath.said;
    for group in GROUPS {
        let states: Vec<_> = group.iter().map(|number| found[number].clone()).collect();
        let whole = states
            .iter()
            .all(|state| *state == (true, "applied".to_owned()));
        let absent = states.iter().all(|state| *state == (false, String::new()));
        let alone = group == [4] && matches!(states[0].1.as_str(), "failed" | "running");
        assert!(
            whole || absent || alone,
            "{case}: a group in pieces: {found:?}\n{said}"
        );
    }
    let applied = found.values().filter(|state| state.1 == "applied").count();
    if aftermath.code == Some(0) {
        assert_eq!(applied, 6, "{case}: success was a lie: {found:?}");
    }
    if said.contains("as it was before the run") {
        assert_eq!(
            applied, 0,
            "{case}: a rollback was a lie: {found:?}\n{said}"
        );
    }
    let listed = said.matches("_core_m").count();
    if said.contains("stayed applied") {
        assert!(
            listed >= applied,
            "{case}: the list was a lie: {found:?}\n{said}"
        );
    }
    if said.contains("says `failed`") {
        assert_eq!(found[&4].1, "failed", "{case}: {said}");
    }
    match (aftermath.code, applied, found[&4].1.as_str()) {
        (Some(0), ..) => "completed",
        (_, _, "failed" | "running") => "half done, recorded",
        (_, 0, _) => "rolled back",
        (_, 6, _) => "applied",
        _ => "earlier groups applied",
    }
}

/// The next run completes; a half done file is cleaned up first, as its error says.
pub(crate) fn complete(project: &Project, case: &str) {
    if matches!(found(project)[&4].1.as_str(), "failed" | "running") {
        project.sql("DROP TABLE IF EXISTS t4");
        project
            .nu("migrate repair ./db --retry 20240104000000")
            .text();
    }
    let output = project.nu("migrate run ./db");
    assert_eq!(
        output.code,
        Some(0),
        "{case}: the next run: {}",
        output.stderr
    );
    let found = found(project);
    assert!(
        found
            .values()
            .all(|state| *state == (true, "applied".to_owned())),
        "{case}: {found:?}"
    );
}

fn rounds() -> u64 {
    std::env::var("MIGRATE_TEST_FAULTS").map_or(1, |rounds| rounds.parse().unwrap())
}

/// Runs all cases on a few threads and prints the table of outcomes.
fn inject(cases: Vec<(Point, Kind)>) {
    let outcomes = Mutex::new(BTreeMap::new());
    let queue = Mutex::new(cases.into_iter());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((point, kind)) = { queue.lock().unwrap().next() } {
                    let outcome = check(point, kind, None);
                    let key = (point.to_string(), format!("{kind:?}"), outcome);
                    *outcomes.lock().unwrap().entry(key).or_insert(0) += 1;
                }
            });
        }
    });
    show(&outcomes.into_inner().unwrap());
}

fn show(outcomes: &BTreeMap<(String, String, &str), u32>) {
    for ((point, kind, outcome), times) in outcomes {
        eprintln!("fault | {point} | {kind} | {outcome} | {times}");
    }
}

const KINDS: [Kind; 5] = [
    Kind::PsqlKilled,
    Kind::PsqlInterrupted,
    Kind::PluginKilled,
    Kind::NuKilled,
    Kind::CtrlC,
];

#[test]
fn something_dies_inside_a_file() {
    let files = [1, 3, 4, 6];
    let cases = (0..rounds()).flat_map(|round| {
        KINDS
            .into_iter()
            .enumerate()
            .flat_map(move |(index, kind)| {
                let all = files
                    .into_iter()
                    .map(move |file| (Point::InFile(file), kind))
                    .collect::<Vec<_>>();
                // One round strikes each kind in two files, more rounds in all.
                let few = rounds() == 1;
                let start = (index + round as usize) % 3;
                if few {
                    vec![all[start], (Point::InFile(4), kind)]
                } else {
                    all
                }
            })
    });
    inject(cases.collect());
}

#[test]
fn something_dies_around_commit() {
    let mut cases = Vec::new();
    for _ in 0..rounds() {
        for number in [1, 2] {
            for point in [
                Point::BeforeCommit(number),
                Point::AtCommit(number),
                Point::BeforeReceipt(number),
            ] {
                cases.push((point, Kind::PsqlKilled));
                cases.push((point, Kind::PluginKilled));
            }
        }
    }
    if rounds() == 1 {
        cases.truncate(8);
    }
    inject(cases);
}

#[test]
fn something_dies_at_a_random_moment() {
    let kinds = [KINDS.as_slice(), &[Kind::ConnectionCut]].concat();
    let mut seed = 20_240_101_u64;
    let mut cases = Vec::new();
    for _ in 0..rounds() {
        for kind in &kinds {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            cases.push((Point::After(20 + (seed >> 33) % 500), *kind));
        }
    }
    inject(cases);
}

#[test]
fn the_server_crashes() {
    let Ok(cluster) = Cluster::create() else {
        eprintln!("no server programs here: a crash of somebody else's server is not tried");
        return;
    };
    let mut outcomes = BTreeMap::new();
    for round in 0..rounds().max(2) {
        let point = Point::After(60 + (round * 137) % 400);
        let outcome = check(point, Kind::ServerCrashed, Some(&cluster));
        *outcomes
            .entry((point.to_string(), "ServerCrashed".to_owned(), outcome))
            .or_insert(0) += 1;
        cluster.crash();
    }
    show(&outcomes);
}

#[test]
fn what_nobody_can_tell_is_called_unknown() {
    let Ok(cluster) = Cluster::create() else {
        eprintln!("no server programs here: a crash of somebody else's server is not tried");
        return;
    };
    let project = Project::on(&cluster.start().unwrap());
    project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (id int);\nSELECT pg_sleep(30);\n",
    );
    let run = project
        .command("migrate run ./db")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let active = "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30);' AND state = 'active'";
    project.wait_until(active);
    cluster.crash();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("migrate::connection_lost") && said.contains("UNKNOWN"),
        "{said}"
    );
    assert!(said.contains("migrate status ./db"), "{said}");
    cluster.start().unwrap();
    assert_eq!(project.tables(), "");
}
