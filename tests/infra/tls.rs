//! TLS, with a certificate of the client's as its only proof.

use std::process::Command;

use super::{is_wanted, note};
use crate::support::Project;
use crate::support::server::Cluster;

fn openssl(project: &Project, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(project.root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {said}");
}

#[test]
fn a_client_certificate_is_enough_and_its_absence_is_told() {
    if !is_wanted() || which::which("openssl").is_err() {
        return;
    }
    let cluster = Cluster::create().unwrap();
    let mut project = Project::on(&cluster.start().unwrap());
    project.write("db/20240101000000_core_a.sql", "CREATE TABLE a ();\n");
    openssl(
        &project,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt",
    );
    for (file, name) in [("server", "127.0.0.1"), ("client", "tester")] {
        openssl(
            &project,
            &format!(
                "req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {file}.key -out {file}.csr"
            ),
        );
        openssl(
            &project,
            &format!(
                "x509 -req -in {file}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out {file}.crt"
            ),
        );
    }
    for (from, to) in [
        ("ca.crt", "ca.crt"),
        ("server.crt", "server.crt"),
        ("server.key", "server.key"),
    ] {
        cluster.install(&project.path(from), to);
    }
    cluster.install_text(
        "hostssl all all 127.0.0.1/32 cert\nlocal all all trust\n",
        "pg_hba.conf",
    );
    cluster.append(
        "postgresql.conf",
        "ssl=on\nssl_ca_file='ca.crt'\nssl_cert_file='server.crt'\nssl_key_file='server.key'\n",
    );
    cluster.restart();
    project.unset("PGPASSWORD");
    assert_eq!(project.code("migrate run ./db"), "migrate::access_denied");
    let key = project.path("client.key").display().to_string();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, permissions).unwrap();
    let (crt, ca) = (project.path("client.crt"), project.path("ca.crt"));
    project
        .set("PGSSLMODE", "verify-ca")
        .set("PGSSLKEY", &key)
        .set("PGSSLCERT", &crt.display().to_string())
        .set("PGSSLROOTCERT", &ca.display().to_string());
    assert_eq!(project.nu("migrate run ./db | length").text(), "1");
    assert_eq!(
        project
            .nu("migrate status ./db | get state | str join")
            .text(),
        "applied"
    );
    // The superuser, who cleans up, has no certificate.
    cluster.install_text("host all all 127.0.0.1/32 trust\n", "pg_hba.conf");
    cluster.restart();
    note("TLS with a client certificate", "applied");
}
