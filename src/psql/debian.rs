//! Debian's wrapper around psql, a Perl script that costs three times psql's own start. It looks
//! for a cluster and a psql (pg_wrapper(1)); where the server is named already there is nothing to
//! look for, and its psql is started at once. Everywhere else the wrapper has its say.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::connection::Connection;

/// What `psql` is a link to, and where its programs are, in a folder for each major version.
const WRAPPER: &str = "/usr/share/postgresql-common/pg_wrapper";
const PROGRAMS: &str = "/usr/lib/postgresql";

/// Before this version the wrapper also sets LD_PRELOAD.
const FIRST_VERSION: f64 = 13.0;

/// The psql to start and what to tell it: those given, or the psql that the wrapper would start
/// with the one variable that it would set.
pub fn step_over(psql: PathBuf, connection: Connection) -> (PathBuf, Connection) {
    let is_wrapper = is_psql(&psql)
        && psql
            .canonicalize()
            .is_ok_and(|real| real == Path::new(WRAPPER));
    if !is_wrapper || !is_server_named(&connection) {
        return (psql, connection);
    }
    let Some(real) = newest(Path::new(PROGRAMS)) else {
        return (psql, connection);
    };
    let connection = connection.with_default("PGSYSCONFDIR", "/etc/postgresql-common");
    (real, connection)
}

/// The wrapper looks for the program whose name it is called by.
fn is_psql(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "psql")
}

/// Is there nothing that the wrapper could change? With PGHOST, even an empty one, it selects no
/// cluster. Without, it may set PGHOST, PGPORT and PGDATABASE, and libpq prefers what a connection
/// string says.
fn is_server_named(connection: &Connection) -> bool {
    let environment = connection.environment();
    let looks_like_option = connection
        .arguments()
        .last()
        .is_some_and(|conninfo| conninfo.starts_with('-'));
    if looks_like_option {
        return false;
    }
    let is_set = |name: &str| connection.parameter(name).is_some();
    environment.contains_key("PGHOST")
        || (!environment.contains_key("PGCLUSTER") && is_set("host") && is_set("port"))
}

/// The psql of the newest version in this folder, as the wrapper takes it.
fn newest(programs: &Path) -> Option<PathBuf> {
    let versions = programs.read_dir().ok()?.flatten().filter_map(|entry| {
        let version = version(entry.file_name().to_str()?)?;
        let psql = entry.path().join("bin/psql");
        access(&psql, AccessFlags::X_OK).ok()?;
        Some((version, psql))
    });
    let (version, psql) = versions.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (version >= FIRST_VERSION).then_some(psql)
}

/// A version as the name of a folder: at least two digits, with or without a point.
fn version(name: &str) -> Option<f64> {
    let is_one = name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_digit())
        && name.ends_with(|last: char| last.is_ascii_digit())
        && name.chars().all(|it| it.is_ascii_digit() || it == '.');
    is_one.then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::{Origin, Sourced};

    fn connection(database: Option<&str>, caller: &[(&str, &str)]) -> Connection {
        let caller: BTreeMap<_, _> = caller
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let database = database.map(|text| Sourced {
            text: text.to_owned(),
            origin: Origin::Flag,
        });
        Connection::resolve(database.as_ref(), &caller).unwrap()
    }

    #[test]
    fn a_server_is_named_by_the_variable_or_by_host_and_port() {
        let erp = ("PGDATABASE", "erp");
        for (database, caller, is_named) in [
            (None, &[erp, ("PGHOST", "h")][..], true),
            (None, &[erp, ("PGHOST", "")], true),
            (
                None,
                &[erp, ("PGHOST", "h"), ("PGCLUSTER", "15/main")],
                true,
            ),
            (Some("host=a"), &[("PGHOST", "h")], true),
            (Some("postgresql://h:5/erp"), &[], true),
            (Some("postgresql:///erp?host=/run&port=5"), &[], true),
            (Some("host=h port=5 dbname=erp"), &[("PGPORT", "6")], true),
            // The wrapper would choose the cluster, or a port, a service or a database with it.
            (None, &[erp], false),
            (None, &[erp, ("PGPORT", "5")], false),
            (None, &[("PGSERVICE", "erp")], false),
            (Some("service=erp"), &[], false),
            (Some("postgresql://h/erp"), &[], false),
            (Some("postgresql://h/erp"), &[("PGPORT", "5")], false),
            (Some("host=h dbname=erp"), &[], false),
            (Some("port=5 dbname=erp"), &[], false),
            (Some("host='' port=5 dbname=erp"), &[], false),
            (Some("hostaddr=127.0.0.1 port=5 dbname=erp"), &[], false),
            (
                Some("postgresql://h:5/erp"),
                &[("PGCLUSTER", "15/main")],
                false,
            ),
            (Some("--cluster=15/main"), &[("PGHOST", "h")], false),
            (Some("erp"), &[], false),
        ] {
            let found = is_server_named(&connection(database, caller));
            assert_eq!(found, is_named, "{database:?} {caller:?}");
        }
    }

    #[test]
    fn the_newest_psql_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let install = |version: &str, mode| {
            let bin = folder.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("psql"), "").unwrap();
            fs::set_permissions(bin.join("psql"), fs::Permissions::from_mode(mode)).unwrap();
        };
        assert_eq!(newest(folder.path()), None);
        install("9.6", 0o755);
        install("12", 0o755);
        assert_eq!(newest(folder.path()), None, "too old");
        install("15", 0o755);
        install("17", 0o644);
        install("18beta", 0o755);
        fs::create_dir_all(folder.path().join("19/lib")).unwrap();
        assert_eq!(
            newest(folder.path()),
            Some(folder.path().join("15/bin/psql"))
        );
        install("16", 0o755);
        assert_eq!(
            newest(folder.path()),
            Some(folder.path().join("16/bin/psql"))
        );
    }

    #[test]
    fn another_psql_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let psql = folder.path().join("psql");
        fs::write(&psql, "").unwrap();
        let way = connection(Some("postgresql://h:5/erp"), &[]);
        let (found, after) = step_over(psql.clone(), way.clone());
        assert_eq!(found, psql);
        assert!(after == way);
        assert!(is_psql(Path::new("/usr/bin/psql")));
        assert!(!is_psql(Path::new(WRAPPER)));
    }
}
