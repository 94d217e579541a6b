//! Debian's wrapper around psql: stepped over where it has nothing to decide, asked everywhere else.

use std::path::Path;

use crate::support::Project;
use crate::support::server::PSQL;

const WRAPPED: &str = "/usr/bin/psql";

/// A project whose psql is the wrapper; `None` on a computer without one.
fn wrapped() -> Option<Project> {
    let wrapper = Path::new("/usr/share/postgresql-common/pg_wrapper");
    if !Path::new(WRAPPED)
        .canonicalize()
        .is_ok_and(|real| real == wrapper)
    {
        eprintln!("no test: there is no {}", wrapper.display());
        return None;
    }
    let mut project = Project::with(&[("20240101000000_core_a.sql", "SELECT 1;\n")]);
    project.set("MIGRATE_PSQL", WRAPPED);
    Some(project)
}

fn answers(project: &Project, database: &str) -> bool {
    let script = format!("migrate status ./db -d '{database}' | length");
    project.nu(&script).code == Some(0)
}

#[test]
fn the_wrapper_is_not_started_where_the_server_is_named() {
    let Some(mut project) = wrapped() else { return };
    let (host, port) = (
        project.environment["PGHOST"].clone(),
        project.environment["PGPORT"].clone(),
    );
    let database = project.database.clone();
    let no_port = format!("host={host} dbname={database}");
    let in_full = format!("postgresql://{host}:{port}/{database}");
    // No Perl program starts any more.
    project.set("PERL5OPT", "-MNoSuchModule");
    assert!(answers(&project, &database), "PGHOST");
    project.unset("PGHOST");
    assert!(!answers(&project, &database), "the wrapper decides");
    assert!(!answers(&project, &no_port), "the wrapper may set PGPORT");
    assert!(answers(&project, &in_full), "host and port");
    project.set("PGCLUSTER", "15/main");
    assert!(!answers(&project, &in_full), "a cluster is named");
}

#[test]
fn the_wrapper_decides_where_the_server_is_not_named() {
    let Some(mut project) = wrapped() else { return };
    let version = PSQL
        .iter()
        .rev()
        .nth(2)
        .and_then(|version| version.to_str())
        .expect("a psql of Debian stands in its version's folder")
        .to_owned();
    let (host, port) = (
        project.environment["PGHOST"].clone(),
        project.environment["PGPORT"].clone(),
    );
    let database = project.database.clone();
    project.unset("PGHOST").unset("PGPORT");
    assert!(!answers(&project, &database), "no server stands there");
    // A cluster elsewhere, as postgresqlrc(5) and pg_wrapper(1) name it.
    project.write(".postgresqlrc", format!("{version} {host}:{port} *\n"));
    assert!(answers(&project, &database), "~/.postgresqlrc");
    project.remove(".postgresqlrc");
    project.set("PGCLUSTER", &format!("{version}/{host}:{port}"));
    assert!(answers(&project, &database), "PGCLUSTER");
}
