//! Citus. What can be told from its catalog alone is tried on a table of the same name; the rest
//! needs a coordinator, which `MIGRATE_TEST_CITUS_URL` names.

use std::process::Command;

use crate::support::Project;
use crate::support::server::SERVER;

const A: (&str, &str) = ("20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
const B: (&str, &str) = ("20240102000000_core_b.sql", "CREATE TABLE b (id int);\n");

#[test]
fn a_history_belongs_to_the_coordinator() {
    // A table of Citus cannot be played where the setting needs a restart (PostgreSQL 13).
    if SERVER.version() < 130_000 {
        return;
    }
    let project = Project::with(&[A, B]);
    project.sql(
        "SET allow_system_table_mods = on; \
         CREATE TABLE pg_catalog.pg_dist_local_group (groupid int NOT NULL); \
         INSERT INTO pg_catalog.pg_dist_local_group VALUES (2)",
    );
    for command in [
        "migrate run db",
        "migrate undo db",
        "migrate rehearse db",
        "migrate repair db --mark-applied 20240101000000",
    ] {
        assert_eq!(project.code(command), "migrate::citus_worker", "{command}");
    }
    assert_eq!(project.tables(), "");
    project.sql(
        "SET allow_system_table_mods = on; \
         UPDATE pg_catalog.pg_dist_local_group SET groupid = 0",
    );
    // A file's settings are reset for the next one here as well.
    project.write(
        "db/20240102000000_core_b.sql",
        "CREATE TABLE b AS SELECT current_setting('work_mem') AS memory;\n",
    );
    project.write(
        "db/20240101000000_core_a.sql",
        "SET work_mem = '77MB';\nCREATE TABLE a (id int);\n",
    );
    let output = project.nu("migrate run db | length");
    assert_eq!(output.text(), "2");
    assert!(
        output
            .stderr
            .contains("lock_timeout does not reach the shards"),
        "{output:?}"
    );
    assert_eq!(project.sql("SELECT memory <> '77MB' FROM b"), "t");
}

#[test]
fn a_coordinator_runs_distributed_ddl() {
    let Ok(url) = std::env::var("MIGRATE_TEST_CITUS_URL") else {
        return;
    };
    let clear = || {
        let dropped = Command::new("psql")
            .args(["-X", "-d", &url, "-c"])
            .arg("DROP TABLE IF EXISTS citus_test_a, citus_test_migrations_core")
            .status();
        assert!(dropped.unwrap().success());
    };
    clear();
    let mut project = Project::with(&[
        (
            A.0,
            "CREATE TABLE citus_test_a (id int);\nSELECT create_distributed_table('citus_test_a', 'id');\n",
        ),
        (
            B.0,
            "SET citus.multi_shard_modify_mode = 'sequential';\nALTER TABLE citus_test_a ADD name text;\n",
        ),
        (
            "20240103000000_core_c.sql",
            "ALTER TABLE citus_test_a ADD phone text;\nSELECT 1/0;\n",
        ),
    ]);
    project.set("MIGRATE_TABLE_PREFIX", "citus_test_migrations_");
    let run = format!("migrate run db --transaction each -d '{url}'");
    assert_eq!(project.code(&run), "migrate::sql_failed");
    let states = format!("migrate status db -d '{url}' | get state | to json -r");
    assert_eq!(
        project.nu(&states).text(),
        r#"["applied","applied","pending"]"#
    );
    project.write(
        "db/20240103000000_core_c.sql",
        "ALTER TABLE citus_test_a ADD phone text;\n",
    );
    assert_eq!(project.nu(&format!("{run} | length")).text(), "1");
    clear();
}
