//! What the schema consists of: everything that people make is compared, and nothing that they do not.

use serde_json::json;

use crate::support::Project;
use crate::support::server::SERVER;

/// Something of each kind.
const EVERYTHING: &str = include_str!("catalog/everything.sql");

/// Changes to it by hand, one to a line.
const BY_HAND: &str = include_str!("catalog/by_hand.sql");

const DIFFERENCES: &str = "migrate rehearse db --scratch --quiet \
     | each {|row| $'($row.kind) ($row.name): ($row.difference)' } | to json -r";

#[test]
fn a_fresh_install_of_every_kind_of_object_is_the_same() {
    let project = Project::with(&[("20240101000000_core_a.sql", EVERYTHING)]);
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(project.nu(DIFFERENCES).json(), json!([]));
    // PostgreSQL 14 brought the one, 13 the other.
    let is_old = SERVER.version() < 140_000;
    let is_new = |line: &str| line.contains("hash_record") || line.contains("SET STATISTICS 9");
    let changes: Vec<_> = BY_HAND
        .lines()
        .filter(|line| !(is_old && is_new(line)))
        .map(|line| line.split_once(" -- ").unwrap())
        .collect();
    assert!(changes.len() > 30);
    for (statement, _) in &changes {
        project.sql(statement);
    }
    let mut expected: Vec<_> = changes
        .iter()
        .flat_map(|(_, found)| found.split("; "))
        .collect();
    expected.sort_unstable();
    let found = project.nu(DIFFERENCES).json();
    let mut found: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_str().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}
