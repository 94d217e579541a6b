//! A primary that is lost while its standby lacks the last of its WAL, and is promoted.
//!
//! What takes longer than about ten seconds runs only with `MIGRATE_TEST_INFRA=1`.

use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::outcomes::{WAIT_FOR_GO, await_file, cluster, end, said, start};
use crate::support::Project;
use crate::support::server::{Cluster, Server};

pub(crate) struct Pair {
    primary: (Cluster, Server),
    standby: (Cluster, Server),
    pub(crate) project: Project,
}

/// A primary with a standby, and a project that finds whichever of them can be written to.
pub(crate) fn pair() -> Option<Pair> {
    let (cluster, server) = cluster()?;
    let mut project = Project::on(&server);
    project.write("db/20240101000000_core_a.sql", "SELECT 1;\n");
    project.nu("migrate run ./db").text();
    let standby = cluster.standby()?;
    let second = standby.start().unwrap();
    server.sql("postgres", "CREATE TABLE marker ()");
    await_on(&second, "SELECT to_regclass('marker') IS NOT NULL");
    let ports = format!(
        "{},{}",
        server.environment["PGPORT"], second.environment["PGPORT"]
    );
    project
        .set("PGHOST", "127.0.0.1,127.0.0.1")
        .set("PGPORT", &ports)
        .set("PGTARGETSESSIONATTRS", "read-write");
    Some(Pair {
        primary: (cluster, server),
        standby: (standby, second),
        project,
    })
}

fn await_on(server: &Server, query: &str) {
    for _ in 0..500 {
        if server.sql("postgres", query) == "t" {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {query}");
}

impl Pair {
    /// From here on the standby gets nothing more.
    fn part(&self) {
        let standby = &self.standby.1;
        standby.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        standby.sql("postgres", "SELECT pg_reload_conf()");
        await_on(standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver");
    }

    /// The standby takes over, does some work of others, and the primary is gone.
    pub(crate) fn fail_over(&self) {
        let standby = &self.standby.1;
        standby.sql("postgres", "SELECT pg_promote()");
        standby.sql(
            &self.project.database,
            "DO $$ BEGIN FOR i IN 1..400 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$",
        );
        self.primary.0.crash();
    }

    /// A run that the primary has committed and does not answer.
    pub(crate) fn commit_without_answer(&self) -> Child {
        let (_, primary) = &self.primary;
        primary.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = 'ghost'",
        );
        primary.sql("postgres", "SELECT pg_reload_conf()");
        self.project
            .write("db/20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");
        let run = start(&self.project, "migrate run ./db | get name | to text");
        await_on(primary, WAITS_FOR_STANDBY);
        run
    }

    /// The standby gets everything that there is.
    pub(crate) fn catch_up(&self) {
        let (_, primary) = &self.primary;
        let written = primary.sql("postgres", "SELECT pg_current_wal_flush_lsn()");
        let has_it = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        await_on(&self.standby.1, &has_it);
    }

    /// The project looks at the server that is left.
    pub(crate) fn move_to_standby(&mut self) {
        self.project.move_to(&self.standby.1);
    }

    pub(crate) fn end(self) {
        self.standby.0.crash();
        std::mem::forget(self.project);
    }

    /// What the server that is left knows.
    pub(crate) fn ledger(&self) -> String {
        let names = "SELECT string_agg(migration_name, ' ' ORDER BY id) FROM migrations_core";
        self.standby.1.sql(&self.project.database, names)
    }
}

const WAITS_FOR_STANDBY: &str =
    "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

#[test]
fn a_commit_that_the_new_primary_never_got_is_not_applied() {
    let Some(pair) = pair() else { return };
    pair.part();
    let run = pair.commit_without_answer();
    pair.fail_over();
    let output = end(run);
    let said = said(&output);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        said.contains("UNKNOWN") && said.contains("timeline"),
        "{said}"
    );
    assert_eq!(pair.ledger(), "20240101000000_core_a.sql");
    pair.end();
}

#[test]
fn what_the_new_primary_never_got_did_not_stay_applied() {
    let Some(pair) = pair() else { return };
    pair.part();
    pair.project
        .write("db/20240102000000_core_b.sql", "SELECT 1;\n");
    let sql = format!("CREATE TABLE c (id int);\n{WAIT_FOR_GO}SELECT 1;\n");
    pair.project.write("db/20240103000000_core_c.sql", sql);
    let run = start(&pair.project, "migrate run ./db --transaction each");
    await_file(&pair.project, "db/waiting");
    pair.fail_over();
    pair.project.write("db/go", "");
    let output = end(run);
    let said = said(&output);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(!said.contains("stayed applied"), "{said}");
    assert!(
        said.contains("LOST") && said.contains("20240102000000_core_b"),
        "{said}"
    );
    assert!(!said.contains("IS in the database"), "{said}");
    assert_eq!(pair.ledger(), "20240101000000_core_a.sql");
    pair.end();
}
