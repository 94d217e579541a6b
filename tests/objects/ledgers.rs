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
