//! Included files: what was read is what ran, and what ran is what is remembered.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::Project;

const NAME: &str = "20240101000000_core_a.sql";
const FILE: &str = "db/20240101000000_core_a.sql";

fn state(project: &Project) -> String {
    let state = "migrate status db | get 0.state";
    project.nu(state).text().to_owned()
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_line_that_moves_into_an_include_is_a_change() {
    let project = Project::with(&[
        (NAME, "CREATE TABLE a (id int);\n\\ir parts/b.psql\n"),
        ("parts/b.psql", "CREATE TABLE b (id int);\n"),
    ]);
    project.nu("migrate run db").text();
    assert_eq!(state(&project), "applied");
    let hash = project.sql("SELECT migration_hash FROM migrations_core");
    assert_eq!((hash.len(), hash.get(..2)), (64, Some("2:")), "{hash}");

    // The texts one behind the other are the same.
    project.write(
        FILE,
        "CREATE TABLE a (id int);\n\\ir parts/b.psql\nCREATE TABLE ",
    );
    project.write("db/parts/b.psql", "b (id int);\n");
    assert_eq!(state(&project), "changed");
}

#[test]
fn data_that_changes_is_a_change_however_its_copy_is_written() {
    for copy in ["\\Copy a from 'rows.csv'", "\\copy a(x)from 'rows.csv'"] {
        let script = format!("CREATE TABLE a (x int);\n{copy}\n");
        let project = Project::with(&[(NAME, script.as_str()), ("rows.csv", "1\n")]);
        project.nu("migrate run db").text();
        assert_eq!(project.sql("SELECT x FROM a"), "1", "{copy}");
        // Earlier versions did not see the data.
        let recorded = "SELECT migration_hash FROM migrations_core";
        assert_ne!(project.sql(recorded), sha256(&script));
        project.write("db/rows.csv", "2\n");
        assert_eq!(state(&project), "changed", "{copy}");
        let earlier = sha256(&script);
        project.sql(&format!(
            "UPDATE migrations_core SET migration_hash = '{earlier}'"
        ));
        assert_eq!(state(&project), "applied", "{copy}");
    }
}

#[test]
fn an_include_that_was_absent_is_a_change_when_it_appears() {
    let project = Project::with(&[(NAME, "\\if false\n\\ir later.psql\n\\endif\n")]);
    project.nu("migrate run db").text();
    assert_eq!(state(&project), "applied");
    project.write("db/later.psql", "");
    assert_eq!(state(&project), "changed");
}

#[test]
fn a_row_of_an_earlier_version_is_known_and_kept() {
    let (own, include) = ("\\ir b.psql\nSELECT 1;\n", "CREATE TABLE b (id int);\n");
    let project = Project::with(&[
        (NAME, own),
        ("b.psql", include),
        ("20240102000000_core_b.sql", "SELECT 1;\n"),
    ]);
    project.nu("migrate run db --steps 1").text();
    let earlier = sha256(&format!("{own}{include}"));
    project.sql(&format!(
        "UPDATE migrations_core SET migration_hash = '{earlier}'"
    ));
    assert_eq!(state(&project), "applied");
    assert_eq!(project.nu("migrate run db | length").text(), "1");
    let kept = project.sql("SELECT migration_hash FROM migrations_core ORDER BY id LIMIT 1");
    assert_eq!(kept, earlier);
    let lonely = project.sql("SELECT migration_hash FROM migrations_core ORDER BY id DESC LIMIT 1");
    assert_eq!(
        lonely,
        sha256("SELECT 1;\n"),
        "on its own a file has its plain SHA-256"
    );

    project.write("db/b.psql", "CREATE TABLE c (id int);\n");
    assert_eq!(state(&project), "changed");
    let rehash = format!("migrate repair db --rehash {NAME}");
    project.nu(&rehash).text();
    assert_eq!(state(&project), "applied");
    assert_ne!(
        project.sql("SELECT migration_hash FROM migrations_core ORDER BY id LIMIT 1"),
        earlier
    );
}

#[test]
fn the_predecessors_narrow_ledger_has_room_for_it() {
    let project = Project::with(&[(NAME, "\\ir b.psql\n"), ("b.psql", "SELECT 1;\n")]);
    project.sql(
        "CREATE TABLE migrations_core (id serial PRIMARY KEY, \
         migration_name varchar(255) NOT NULL UNIQUE, migration_hash varchar(64) NOT NULL, \
         applied_at timestamp NOT NULL DEFAULT current_timestamp, execution_time_ms integer)",
    );
    project.nu("migrate run db").text();
    assert_eq!(state(&project), "applied");
}

#[test]
fn includes_are_followed_from_where_psql_stands() {
    let project = Project::with(&[
        (NAME, "\\cd sub\n\\i x.psql;\n\\i ~/home.psql\n"),
        ("sub/x.psql", "CREATE TABLE x (id int);\n"),
        ("20240102000000_core_b.sql", "\\ir sub/x.psql\n"),
    ]);
    project.write("home.psql", "CREATE TABLE h (id int);\n");
    project.nu("migrate run db --steps 1").text();
    assert_eq!(project.tables(), "h migrations_core x");
    for file in ["db/sub/x.psql", "home.psql"] {
        let before = std::fs::read(project.path(file)).unwrap();
        project.write(file, "SELECT 1;\n");
        assert_eq!(state(&project), "changed", "{file}");
        project.write(file, before);
    }
    assert_eq!(state(&project), "applied");
    project.write("db/sub/x.psql", "COMMIT;\n");
    assert_eq!(project.code("migrate run db"), "migrate::changed");
}

#[test]
fn what_is_edited_while_it_runs_is_not_recorded() {
    let include = "\\! printf 'CREATE TABLE late ();\\n' >> b.psql\nCREATE TABLE b (id int);\n";
    let own = "CREATE TABLE a (id int);\n\\! printf 'CREATE TABLE late ();\\n' >> 20240101000000_core_a.sql\n";
    for files in [
        &[(NAME, "\\ir b.psql\n"), ("b.psql", include)][..],
        &[(NAME, own)],
    ] {
        let project = Project::with(files);
        assert_eq!(project.code("migrate run db"), "migrate::file_changed");
        assert_eq!(project.tables(), "", "rolled back");
    }
    let outside = format!("-- migrate: no-transaction\n{own}");
    let project = Project::with(&[(NAME, &outside)]);
    assert_eq!(project.code("migrate run db"), "migrate::file_changed");
    assert_ne!(project.sql("SELECT state FROM migrations_core"), "applied");
    // Touched and not changed.
    let touched = "CREATE TABLE a (id int);\n\\! touch 20240101000000_core_a.sql\n";
    let project = Project::with(&[(NAME, touched)]);
    assert_eq!(project.nu("migrate run db | length").text(), "1");
}

#[test]
fn a_circle_of_includes_is_found_before_psql_crashes() {
    let project = Project::with(&[
        (NAME, "CREATE TABLE a (id int);\n\\ir b.psql\n"),
        ("b.psql", "\\ir c.psql\n"),
        ("c.psql", "SELECT 1;\n\\ir b.psql\n"),
    ]);
    assert_eq!(project.code("migrate run db"), "migrate::misread");
    let error = project.nu("migrate run db").stderr;
    assert!(
        error.contains("c.psql, line 2: \\ir b.psql, which leads back"),
        "{error}"
    );
    let rules = "migrate validate db --offline | select rule line | to json -r";
    assert_eq!(
        project.nu(rules).json(),
        json!([{"rule": "misread", "line": 2}])
    );
    // A loop that ends is none.
    project.write(
        FILE,
        "\\if :{?again}\n\\set done 1\n\\endif\n\\if :{?done}\n\\else\n\\set again 1\n\\ir 20240101000000_core_a.sql\n\\endif\n",
    );
    assert_eq!(project.nu("migrate run db | length").text(), "1");
}
