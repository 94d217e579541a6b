//! Keepalives: they reach the kernel's sockets on both ends, and what others have set stays.

use std::fs;

use crate::support::Project;

const LOOK: &str = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings \
    WHERE name IN ('tcp_keepalives_count', 'tcp_keepalives_idle', 'tcp_keepalives_interval');\n\
    \\! cp /proc/net/tcp sockets\n";

/// A project over TCP, whose second file looks at the server's settings and the sockets.
fn project() -> Project {
    let mut project = Project::with(&[
        ("20240101000000_core_a.sql", "SELECT 1;\n"),
        ("20240102000000_core_b.sql", LOOK),
    ]);
    project.set("PGHOST", "127.0.0.1");
    project
}

fn server(project: &Project, options: &str) -> String {
    project
        .nu(&format!(
            "migrate run db -q --full {options} | last | get notices.0"
        ))
        .text()
        .to_owned()
}

/// How many hundredths of a second until the kernel probes psql's connection (proc_net_tcp(5)).
fn until_probe(project: &Project) -> Vec<u64> {
    let port: u16 = project.environment["PGPORT"].parse().unwrap();
    let remote = format!(":{port:04X}");
    let sockets = fs::read_to_string(project.path("db/sockets")).unwrap();
    sockets
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[2].ends_with(&remote) && fields[5].starts_with("02:"))
        .map(|fields| u64::from_str_radix(fields[5].get(3..).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn both_ends_notice_a_silent_network() {
    let own = project();
    // Also behind the RESET ALL after the first file.
    assert_eq!(server(&own, ""), "3 3 1");
    let probes = until_probe(&own);
    assert!(probes.iter().any(|until| *until <= 300), "{probes:?}");
    let mut longer = project();
    longer.set("MIGRATE_NETWORK_TIMEOUT", "2min");
    assert_eq!(server(&longer, ""), "3 60 20");
}

#[test]
fn what_others_have_set_stays() {
    let mut none = project();
    none.set("MIGRATE_NETWORK_TIMEOUT", "0sec");
    let default = server(&none, "");
    assert_ne!(default, "3 3 1");
    let administrators = project();
    let database = &administrators.database;
    administrators.sql(&format!(
        "ALTER DATABASE \"{database}\" SET tcp_keepalives_idle = 77"
    ));
    assert!(server(&administrators, "").split(' ').nth(1) == Some("77"));
    let named = project();
    let way = format!("-d 'dbname={} keepalives_idle=600'", named.database);
    assert_eq!(server(&named, &way), "3 3 1");
    // There are other runs beside this one; none probes so late.
    let probes = until_probe(&named);
    assert!(
        probes.iter().any(|until| (30_000..=60_000).contains(until)),
        "{probes:?}"
    );
}
