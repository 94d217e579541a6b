//! A server that is full: of connections, of data.

use std::process::Stdio;

use super::{is_wanted, note};
use crate::support::Project;
use crate::support::server::Cluster;

#[test]
fn no_connection_is_left() {
    if !is_wanted() {
        return;
    }
    let cluster = Cluster::create().unwrap();
    let project = Project::on(&cluster.start().unwrap());
    project.write("db/20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
    project.sql("ALTER ROLE tester CONNECTION LIMIT 1");
    project.sql("CREATE ROLE deploy LOGIN PASSWORD 'x' CONNECTION LIMIT 1");
    project.sql("GRANT CREATE ON SCHEMA public TO deploy");
    let mut deploy = project.environment.clone();
    deploy.insert("PGUSER".to_owned(), "deploy".to_owned());
    deploy.insert("PGPASSWORD".to_owned(), "x".to_owned());
    let mut holder = std::process::Command::new(&*crate::support::server::PSQL)
        .args(["-X", "-c", "SELECT pg_sleep(20)"])
        .env_clear()
        .envs(&deploy)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'deploy'");
    let mut command = project.command("try { migrate run ./db } catch {|e| $e.details.code }");
    let output = command.envs(&deploy).output().unwrap();
    let code = String::from_utf8(output.stdout).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    project.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'deploy'");
    let mut command = project.command("migrate run ./db | length");
    let output = command.envs(&deploy).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "1");
    assert_eq!(project.tables(), "a migrations_core");
    note("no connection is left", code.trim());
}
