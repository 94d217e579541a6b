//! pgbouncer in its three modes: none of them may keep the lock of a run, or lose a transaction.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{is_wanted, note};
use crate::support::Project;

#[test]
fn a_pooler_in_between_is_refused_and_keeps_nothing() {
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists());
    let (true, Some(program)) = (is_wanted(), program) else {
        return;
    };
    for mode in ["session", "transaction", "statement"] {
        let mut project = Project::with(&[("20240101000000_core_a.sql", "CREATE TABLE a ();\n")]);
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = &project.environment;
        project.write(
            "pgbouncer.ini",
            format!(
                "[databases]\n* = host=127.0.0.1 port={} user={} password={}\n[pgbouncer]\n\
                 listen_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\npool_mode={mode}\n\
                 unix_socket_dir=\n",
                server["PGPORT"], server["PGUSER"], server["PGPASSWORD"]
            ),
        );
        let mut bouncer = Command::new(program);
        if nix::unistd::geteuid().is_root() {
            let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
            let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(project.root(), everybody).unwrap();
            bouncer.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw());
        }
        let mut bouncer = bouncer
            .arg(project.path("pgbouncer.ini"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "pgbouncer does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        let direct = project.environment["PGPORT"].clone();
        project.set("PGPORT", &port.to_string());
        let run = project.code("migrate run ./db");
        let status = project.nu("migrate status ./db | get state | str join ' '");
        project.set("PGPORT", &direct);
        assert_eq!(run, "migrate::pooled_connection", "{mode}");
        // In mode `statement` there is not even a session for reading.
        if mode != "statement" {
            assert_eq!(status.text(), "pending", "{mode}");
        }
        assert_eq!(
            project.nu("migrate run ./db | length").text(),
            "1",
            "{mode}"
        );
        bouncer.kill().unwrap();
        bouncer.wait().unwrap();
        note(
            &format!("pgbouncer, pool_mode={mode}"),
            "refused, nothing kept",
        );
    }
}
