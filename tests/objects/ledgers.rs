//! The ledgers remember what files did: old ledgers too, and nothing that goes wrong with it stops a run.

use serde_json::json;

use super::{FILES, recorded, told};
use crate::support::Project;

#[test]
fn a_ledger_of_an_earlier_version_gets_the_column_with_the_next_run() {
    let project = Project::with(&FILES[..1]);
    project.nu("migrate run db -q | ignore").text();
    project.sql("ALTER TABLE migrations_core DROP COLUMN objects");
    assert_eq!(
        project.nu("migrate status db | get 0.state").text(),
        "applied"
    );
    assert_eq!(
        project
            .nu("migrate objects db | where track != null | length")
            .text(),
        "0"
    );
    project.write("db/core/20240201000000_core_g.sql", "CREATE TABLE g ();\n");
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        project
            .nu("migrate objects db | where track != null | get name | to json -r")
            .json(),
        json!(["public.g"])
    );
}

#[test]
fn what_cannot_be_remembered_stops_no_run() {
    let project = Project::with(&FILES[..1]);
    project.nu("migrate run db -q | ignore").text();
    project.sql(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not today''; END'; \
         CREATE TRIGGER no BEFORE UPDATE ON migrations_core FOR EACH ROW EXECUTE FUNCTION no()",
    );
    project.write("db/core/20240201000000_core_g.sql", "CREATE TABLE g ();\n");
    let output = project.nu("migrate run db | get state | to json -r");
    assert_eq!(output.json(), json!(["applied"]), "{}", output.stderr);
    assert!(
        output.stderr.contains("is not recorded"),
        "{}",
        output.stderr
    );
    assert_eq!(project.sql("SELECT count(*) FROM g"), "0");
}

#[test]
fn what_an_earlier_version_has_applied_is_filled_by_a_replay() {
    let project = Project::with(&FILES);
    project.write(
        "db/impl/20240103000000_impl_f.sql",
        "DROP VIEW hidden;\nCREATE OR REPLACE FUNCTION f(c client) RETURNS int LANGUAGE sql AS 'SELECT 2';\n",
    );
    project.nu("migrate run db -q | ignore").text();
    let before = told(&project, "--all");
    project.sql(
        "UPDATE migrations_core SET objects = NULL; ALTER TABLE migrations_impl DROP objects; \
         CREATE TABLE by_hand ()",
    );
    project.write(
        "db/core/20240104000000_core_later.sql",
        "CREATE TABLE later ();\n",
    );
    let rebuilt = project.nu("migrate objects db --rebuild | where track != null | length");
    assert!(
        rebuilt.stderr.contains("5 ledger rows filled"),
        "{}",
        rebuilt.stderr
    );
    let hand = " table public.by_hand - -";
    let mut after = told(&project, "--all");
    after
        .as_array_mut()
        .unwrap()
        .retain(|row| *row != json!(hand));
    assert_eq!(after, before);
    assert_eq!(
        recorded(&project, "impl_f"),
        "altered function public.f(public.client); dropped view public.hidden"
    );
    // The numbers are those of this database: a renamed table keeps its maker.
    project.sql("DROP TABLE by_hand");
    project.write(
        "db/impl/20240104000000_impl_g.sql",
        "ALTER TABLE client RENAME TO customer;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    let made = project.nu("migrate objects db | where name == public.customer | get 0.made_by");
    assert_eq!(made.text(), "20240101000000_core_a.sql");
}

/// A row that is written looks newer than all that its objects stand on.
#[test]
fn a_replay_leaves_alone_what_is_due_or_was_changed_by_hand() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE price (net int);\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\n",
        ),
        (
            "impl/repeat_impl_due.sql",
            "CREATE OR REPLACE VIEW due AS SELECT f() AS one;\n",
        ),
        (
            "impl/repeat_impl_edited.sql",
            "CREATE OR REPLACE VIEW edited AS SELECT net FROM price;\n",
        ),
        (
            "impl/repeat_impl_other.sql",
            "CREATE OR REPLACE VIEW other AS SELECT 1 AS one;\n",
        ),
    ]);
    project.nu("migrate run db -q | ignore").text();
    project.sql(
        "ALTER TABLE migrations_impl DROP objects;
         CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';
         CREATE OR REPLACE VIEW edited AS SELECT net, 1 AS by_hand FROM price",
    );
    let pending = "migrate status db | where pending | get name | to nuon";
    assert_eq!(project.nu(pending).text(), r#"["repeat_impl_due.sql"]"#);
    let rebuilt = project.nu("migrate objects db --rebuild | length");
    assert!(
        rebuilt.stderr.contains("1 ledger row filled"),
        "{}",
        rebuilt.stderr
    );
    assert_eq!(project.nu(pending).text(), r#"["repeat_impl_due.sql"]"#);
    project.write(
        "db/core/20240201000000_core_b.sql",
        "ALTER TABLE price ALTER net TYPE bigint;\n",
    );
    let run = project.nu("migrate run db -q");
    assert!(run.stderr.contains("changed or filled"), "{}", run.stderr);
}
