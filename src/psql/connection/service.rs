//! Which parameters a service sets, read where libpq reads it (PostgreSQL manual, "The Connection
//! Service File").

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where packages of PostgreSQL have the system's file; only libpq knows its own.
const SYSTEM: [&str; 3] = ["/etc/postgresql-common", "/etc", "/usr/local/pgsql/etc"];

/// What it sets, in its order; `None` where no file is found that has it.
pub fn parameters(
    service: &str,
    file: Option<String>,
    environment: &BTreeMap<String, String>,
) -> Option<Vec<(String, String)>> {
    files(file, environment)
        .into_iter()
        .filter(|path| path.is_file())
        .filter_map(|path| fs::read(path).ok())
        .find_map(|content| section(&String::from_utf8_lossy(&content), service))
}

/// The user's file, then the system's.
fn files(named: Option<String>, environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let variable = |name: &str| environment.get(name).cloned();
    let users = named
        .or_else(|| variable("PGSERVICEFILE"))
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&variable("HOME")?).join(".pg_service.conf")));
    let systems = variable("PGSYSCONFDIR").map_or_else(
        || SYSTEM.map(PathBuf::from).to_vec(),
        |folder| vec![PathBuf::from(folder)],
    );
    let systems = systems
        .into_iter()
        .map(|folder| folder.join("pg_service.conf"));
    users.into_iter().chain(systems).collect()
}

fn section(content: &str, service: &str) -> Option<Vec<(String, String)>> {
    let header = format!("[{service}]");
    let mut lines = content
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .skip_while(|line| !line.starts_with(&header));
    lines.next()?;
    let pairs = lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    Some(pairs.collect())
}
