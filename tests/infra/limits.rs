//! A server that has no connection or no room for a lock left.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::{is_wanted, note};
use crate::support::Project;
use crate::support::server::Cluster;

/// The run's own connection is lost, and its place is not free at once.
#[test]
fn the_only_connection_is_lost() {
    if !is_wanted() {
        return;
    }
    let cluster = Cluster::create().unwrap();
    let project = Project::on(&cluster.start().unwrap());
    project.write(
        "db/20240101000000_core_a.sql",
        "CREATE TABLE a (id int);\n\\! kill -s KILL $PPID\nSELECT 1;\n",
    );
    project.sql("CREATE ROLE deploy LOGIN PASSWORD 'x' CONNECTION LIMIT 1");
    project.sql("GRANT CREATE ON SCHEMA public TO deploy");
    let run = |script: &str| {
        let mut command = project.command(script);
        command.env("PGUSER", "deploy").env("PGPASSWORD", "x");
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        text.replace('|', " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let said = run("migrate run ./db");
    assert!(said.contains("as it was before the run"), "{said}");
    assert_eq!(project.tables(), "");
    project.write("db/20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
    assert_eq!(run("migrate run ./db --quiet | length"), "1");
    note("the only connection is lost in a file", "rolled back");
}

/// All that `max_connections` leaves to others than superusers is taken.
#[test]
fn the_server_is_full() {
    if !is_wanted() {
        return;
    }
    let cluster = Cluster::create().unwrap();
    cluster.append(
        "postgresql.conf",
        "max_connections = 6\nsuperuser_reserved_connections = 4\n",
    );
    let project = Project::on(&cluster.start().unwrap());
    project.write("db/20240101000000_core_a.sql", "CREATE TABLE a (id int);\n");
    project.sql("CREATE ROLE deploy LOGIN PASSWORD 'x'");
    project.sql("GRANT CREATE ON SCHEMA public TO deploy");
    let mut deploy = project.environment.clone();
    deploy.insert("PGUSER".to_owned(), "deploy".to_owned());
    deploy.insert("PGPASSWORD".to_owned(), "x".to_owned());
    let mut holders = Vec::new();
    loop {
        let mut holder = std::process::Command::new(&*crate::support::server::PSQL)
            .args(["-X", "-c", "SELECT pg_sleep(60)"])
            .env_clear()
            .envs(&deploy)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_secs(1));
        if holder.try_wait().unwrap().is_some() {
            break;
        }
        holders.push(holder);
    }
    assert!(!holders.is_empty());
    let run = |script: &str| {
        let output = project.command(script).envs(&deploy).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let code = run("try { migrate run ./db } catch {|e| $e.details.code }");
    assert_eq!(code.trim(), "migrate::too_many_connections");
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'deploy'");
    for mut holder in holders {
        holder.wait().unwrap();
    }
    project.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'deploy'");
    assert_eq!(run("migrate run ./db | length").trim(), "1");
    note("max_connections is reached", code.trim());
}

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
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'deploy'");
    holder.wait().unwrap();
    project.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'deploy'");
    let mut command = project.command("migrate run ./db | length");
    let output = command.envs(&deploy).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "1");
    assert_eq!(project.tables(), "a migrations_core");
    note("no connection is left", code.trim());
}

/// More locks than the server has room for, in the one transaction of a run.
#[test]
fn the_table_of_locks_is_full() {
    if !is_wanted() {
        return;
    }
    let cluster = Cluster::create().unwrap();
    cluster.append(
        "postgresql.conf",
        "max_connections = 8\nmax_locks_per_transaction = 10\n",
    );
    let project = Project::on(&cluster.start().unwrap());
    for number in 1..=20 {
        project.write(
            &format!("db/202401{number:02}000000_core_a{number}.sql"),
            format!(
                "SELECT format('CREATE TABLE t{number}_%s ()', n) FROM generate_series(1, 100) n \\gexec\n"
            ),
        );
    }
    let error = "try { migrate run ./db --quiet } catch {|e| $'($e.msg) ($e.details.help)' }";
    let said = project.nu(error);
    for word in ["53200", "as it was before the run", "--transaction each"] {
        assert!(said.text().contains(word), "{word}: {said:?}");
    }
    assert_eq!(project.tables(), "");
    let each = project.nu("migrate run ./db --quiet --transaction each | length");
    assert_eq!(each.text(), "20");
    note(
        "a transaction takes more locks than there are",
        "rolled back",
    );
}
