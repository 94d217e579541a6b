//! A disk without room: that of some tables, and that of the whole server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::{is_wanted, note};
use crate::outcomes::said;
use crate::support::Project;
use crate::support::server::Cluster;

/// A small disk, in memory. Gone with this value.
struct Disk(PathBuf);

impl Disk {
    /// Needs root, and a system that lets it mount.
    fn mount(folder: &Path, megabytes: u32) -> Option<Self> {
        let mounted = nix::unistd::geteuid().is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "small"])
                .arg(folder)
                .status()
                .is_ok_and(|status| status.success());
        if !mounted {
            note("a full disk", "SKIPPED: nothing can be mounted here");
        }
        mounted.then(|| Self(folder.to_owned()))
    }

    fn grow(&self, megabytes: u32) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,size={megabytes}m")])
            .arg(&self.0)
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Who still uses it keeps it until its end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const A: &str = "db/20240101000000_core_a.sql";
const B: &str = "db/20240102000000_core_b.sql";
const C: &str = "db/20240103000000_core_c.sql";
const STATES: &str =
    "SELECT string_agg(migration_name || ' ' || state, ', ' ORDER BY id) FROM migrations_core";

/// A tablespace of 16 MB, and a project whose second file needs more.
fn with_tablespace(sql: &str) -> Option<(Disk, tempfile::TempDir, Project)> {
    if !is_wanted() {
        return None;
    }
    let folder = tempfile::Builder::new()
        .prefix("migrate-disk-")
        .tempdir()
        .unwrap();
    let disk = Disk::mount(folder.path(), 16)?;
    let cluster = Cluster::create().unwrap();
    cluster.give(folder.path());
    let project = Project::on(&cluster.start().unwrap());
    project.sql(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        folder.path().display()
    ));
    project.write(
        A,
        "CREATE TABLE a AS SELECT i, repeat('x', 200) AS x FROM generate_series(1, 400000) i;\n",
    );
    project.write(B, sql);
    project.write(C, "CREATE TABLE c ();\n");
    Some((disk, folder, project))
}

#[test]
fn a_table_without_room_is_rolled_back() {
    let sql = "CREATE TABLE b TABLESPACE small AS TABLE a;\n";
    let Some((disk, _folder, project)) = with_tablespace(sql) else {
        return;
    };
    let output = project.nu("migrate run ./db");
    let text = said(&output);
    for expected in [
        "migrate::sql_failed",
        "53100",
        "No space left",
        "as it was before the run",
    ] {
        assert!(text.contains(expected), "{expected}: {output:?}");
    }
    assert_eq!(project.tables(), "");
    disk.grow(256);
    assert_eq!(project.nu("migrate run ./db | length").text(), "3");
    note(
        "a disk is full, in a transaction",
        "SQLSTATE 53100, rolled back",
    );
}

#[test]
fn an_index_without_room_is_told_as_half_done() {
    let sql =
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY b ON a (x, i) TABLESPACE small;\n";
    let Some((disk, _folder, project)) = with_tablespace(sql) else {
        return;
    };
    let output = project.nu("migrate run ./db");
    let text = said(&output);
    for expected in [
        "migrate::sql_failed",
        "53100",
        "says `failed`",
        "stayed applied",
        "DROP INDEX",
    ] {
        assert!(text.contains(expected), "{expected}: {output:?}");
    }
    assert_eq!(
        project.sql(STATES),
        "20240101000000_core_a.sql applied, 20240102000000_core_b.sql failed"
    );
    disk.grow(256);
    project.sql("DROP INDEX CONCURRENTLY IF EXISTS b");
    project
        .nu("migrate repair ./db --retry 20240102000000")
        .text();
    assert_eq!(project.nu("migrate run ./db | length").text(), "2");
    note(
        "a disk is full, outside of a transaction",
        "its row says `failed`, the index is named",
    );
}

/// WAL that cannot be written ends the server, which cannot start again without room.
#[test]
fn a_server_without_room_for_its_log() {
    if !is_wanted() {
        return;
    }
    let folder = tempfile::Builder::new()
        .prefix("migrate-server-")
        .tempdir()
        .unwrap();
    let Some(disk) = Disk::mount(folder.path(), 160) else {
        return;
    };
    let cluster = Cluster::create_in(folder.path()).unwrap();
    let server = cluster.start().unwrap();
    let project = Project::on(&server);
    let room = nix::sys::statvfs::statvfs(folder.path()).unwrap();
    let free = room.blocks_available() * room.fragment_size();
    let ballast = folder.path().join("ballast");
    fs::write(
        &ballast,
        vec![0; usize::try_from(free - 20_000_000).unwrap()],
    )
    .unwrap();
    project.write(A, "CREATE TABLE a (id int);\n");
    project.write(
        B,
        "CREATE TABLE b AS SELECT repeat('x', 200) AS x FROM generate_series(1, 400000);\n",
    );
    project.write(C, "CREATE TABLE c (id int);\n");
    let output = project.nu("migrate run ./db --transaction each");
    let text = said(&output);
    assert_eq!(output.code, Some(1), "{output:?}");
    fs::remove_file(&ballast).unwrap();
    disk.grow(500);
    cluster.revive();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !project
        .psql()
        .args(["-c", "SELECT 1"])
        .output()
        .unwrap()
        .status
        .success()
    {
        assert!(Instant::now() < deadline, "the server does not come back");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        project.sql(STATES),
        "20240101000000_core_a.sql applied",
        "{text}"
    );
    assert_eq!(project.tables(), "a migrations_core");
    let outcome = if text.contains("UNKNOWN") {
        "the server is gone: UNKNOWN, with how to look"
    } else {
        assert!(text.contains("stayed applied"), "{output:?}");
        "rolled back, earlier groups listed"
    };
    assert_eq!(project.nu("migrate run ./db | length").text(), "2");
    note("the server's disk is full", outcome);
    cluster.crash();
    std::mem::forget(project);
}
