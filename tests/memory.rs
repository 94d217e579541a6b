//! What a running plugin remembers of the ledgers: every change is seen, whoever makes it, and what has not
//! changed is not read again.

use crate::support::Project;
use crate::support::messages::Messages;
use crate::support::server::SERVER;

const FILES: [(&str, &str); 3] = [
    ("20240101000000_core_a.sql", "CREATE TABLE a ();\n"),
    ("20240102000000_core_b.sql", "CREATE TABLE b ();\n"),
    ("20240101000000_impl_c.sql", "CREATE TABLE c ();\n"),
];

/// What stands in the ledgers, in one line.
const LOOK: &str = "print (migrate history ./db | select name state duration | to json -r)";

/// Each of these changes leaves the number of rows or their names as they are.
#[test]
fn every_change_by_hand_is_seen() {
    let project = Project::with(&FILES);
    project.nu("migrate run ./db --quiet | ignore").text();
    let changes = [
        "UPDATE migrations_core SET state = 'failed' WHERE id = 1",
        "UPDATE migrations_core SET state = 'applied'",
        "UPDATE migrations_core SET execution_time_ms = 77777 WHERE id = 2",
        "DELETE FROM migrations_core WHERE id = 2; INSERT INTO migrations_core (id, migration_name, migration_hash) VALUES (2, '20240109000000_core_z.sql', 'x')",
        // The same rows in another order on the disk.
        "CREATE TABLE k AS TABLE migrations_core; TRUNCATE migrations_core; INSERT INTO migrations_core TABLE k",
        "VACUUM FULL migrations_core",
        // The same versions of rows under another name.
        "ALTER TABLE migrations_core RENAME TO k2; ALTER TABLE migrations_impl RENAME TO migrations_core; ALTER TABLE k2 RENAME TO migrations_impl",
        // The same rows with other columns.
        "UPDATE migrations_core SET execution_time_ms = 77777, validation_time_ms = 1",
        "ALTER TABLE migrations_core RENAME COLUMN execution_time_ms TO k; \
         ALTER TABLE migrations_core RENAME COLUMN validation_time_ms TO execution_time_ms; \
         ALTER TABLE migrations_core RENAME COLUMN k TO validation_time_ms",
        "UPDATE migrations_core SET state = 'applied'; ALTER TABLE migrations_core DROP COLUMN state; ALTER TABLE migrations_core ADD COLUMN state text DEFAULT 'failed'",
        "DROP TABLE migrations_impl",
        "DELETE FROM migrations_core",
    ];
    let between: Vec<_> = changes
        .iter()
        .map(|change| {
            format!(
                "for sql in {:?} {{ ^psql -X -q -c $sql }}",
                change.split("; ").collect::<Vec<_>>()
            )
        })
        .collect();
    let script = format!("{LOOK}\n{}\n{LOOK}", between.join(&format!("\n{LOOK}\n")));
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let seen: Vec<_> = output.stdout.lines().collect();
    assert_eq!(seen.len(), changes.len() + 1);

    // The same changes with a new plugin for each look.
    let other = Project::with(&FILES);
    other.nu("migrate run ./db --quiet | ignore").text();
    for (change, seen) in changes.iter().zip(&seen[1..]) {
        change.split("; ").for_each(|sql| {
            other.sql(sql);
        });
        assert_eq!(strip(other.nu(LOOK).text()), strip(seen), "{change}");
    }
}

/// Without what two runs took, which is another time each.
fn strip(text: &str) -> String {
    let rows: Vec<serde_json::Value> = serde_json::from_str(text.trim()).unwrap();
    rows.iter()
        .map(|row| {
            format!(
                "{} {} {};",
                row["name"],
                row["state"],
                row["duration"] == 77_777_000_000_i64
            )
        })
        .collect()
}

#[test]
fn a_database_that_another_server_or_another_copy_holds_is_another() {
    let project = Project::with(&FILES);
    project.nu("migrate run ./db --quiet | ignore").text();
    let name = project.sql("SELECT current_database()");
    // A copy has the same versions of rows; from then on both have their own.
    let script = format!(
        "{LOOK}
         ^psql -X -q -d postgres -c 'CREATE DATABASE \"{name}_copy\" TEMPLATE \"{name}\"'
         print (migrate history ./db --database {name}_copy | length)
         ^psql -X -q -d {name}_copy -c 'DELETE FROM migrations_core WHERE id = 1'
         print (migrate history ./db --database {name}_copy | length)
         print (migrate history ./db | length)
         ^psql -X -q -c 'DELETE FROM migrations_core'
         print (migrate history ./db --database {name}_copy | length)
         print (migrate history ./db | length)
         ^psql -X -q -d postgres -c 'DROP DATABASE \"{name}_copy\"'"
    );
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let seen: Vec<_> = output.stdout.lines().skip(1).collect();
    assert_eq!(seen, ["3", "2", "3", "2", "1"]);
}

#[test]
fn times_are_told_in_the_callers_own_time_zone() {
    let project = Project::with(&FILES);
    project.nu("migrate run ./db --quiet | ignore").text();
    let output = project.nu(
        "for zone in [UTC Asia/Tokyo UTC] { with-env {PGTZ: $zone} { print (migrate history ./db | get 0.applied_at | format date '%z') } }",
    );
    let seen: Vec<_> = output.stdout.lines().collect();
    assert_eq!(seen, ["+0000", "+0900", "+0000"], "{}", output.stderr);
}

#[test]
fn what_is_not_committed_yet_is_not_remembered() {
    let project = Project::with(&FILES);
    project.nu("migrate run ./db --quiet | ignore").text();
    let output = project.nu(&format!(
        "let open = job spawn {{ ^psql -X -q -c \"BEGIN; INSERT INTO migrations_core (migration_name, migration_hash) VALUES ('20240109000000_core_z.sql', 'x'); SELECT pg_sleep(2); COMMIT\" }}
         sleep 700ms
         {LOOK}
         sleep 3sec
         {LOOK}"
    ));
    let seen: Vec<_> = output.stdout.lines().map(strip).collect();
    assert_eq!(seen.len(), 2, "{}", output.stderr);
    assert!(
        !seen[0].contains("core_z") && seen[1].contains("core_z"),
        "{seen:?}"
    );
}

#[test]
fn rows_that_nobody_has_written_are_not_sent_again() {
    let mut project = Project::with(&FILES);
    let line = Messages::of(&mut project);
    project.nu("migrate run ./db --quiet | ignore").text();
    // And what a login trigger has set (PostgreSQL 17).
    let login = usize::from(SERVER.version() >= 170_000);
    let messages = |script: &str| {
        let before = line.count();
        assert_eq!(project.nu(script).text(), "", "{script}");
        line.count() - before
    };
    let status = "migrate status ./db | ignore\n";
    assert_eq!(messages(&status.repeat(3)), 3 * (2 + login));
    // To see that there are others takes one more; psql's own is one, too.
    let other = "^psql -X -q -c 'UPDATE migrations_core SET execution_time_ms = 1'\n";
    let changed = messages(&[status, other, status, status].concat());
    assert_eq!(changed, 3 * (2 + login) + 1 + 1);
    let undone = messages(&[status, other].concat()) - 1;
    assert_eq!(undone, 2 + login);
}

#[test]
fn who_may_read_the_columns_alone_reads_them_all_the_same() {
    let mut project = Project::with(&FILES);
    project.nu("migrate run ./db --quiet | ignore").text();
    let role = format!("{}_reader", project.sql("SELECT current_database()"));
    let columns = "id, migration_name, migration_hash, applied_at, execution_time_ms, state, execution_id, \
                   applied_by, validation_time_ms, error, parts";
    project.sql(&format!(
        "CREATE ROLE {role}; GRANT SELECT ({columns}) ON migrations_core, migrations_impl TO {role}"
    ));
    project.set("PGOPTIONS", &format!("-c role={role}"));
    let output = project.nu(&format!("{LOOK}\n{LOOK}"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let seen: Vec<_> = output.stdout.lines().map(strip).collect();
    assert_eq!(seen[0].matches(';').count(), FILES.len(), "{seen:?}");
    assert_eq!(seen[0], seen[1]);
    project.set("PGOPTIONS", "");
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
