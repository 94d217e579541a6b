//! Bridges: a migration that runs right before a step of another track, or not at all.

use serde_json::json;

use crate::support::Project;

const CORE_A: (&str, &str) = (
    "core/20260101000000_core_a.sql",
    "CREATE TABLE price (net int);",
);
const CORE_B: (&str, &str) = ("core/20260126120000_core_b.sql", "SELECT 1;");
/// Alters what a view of the customer's stands on, unless that is gone.
const CORE_C: (&str, &str) = (
    "core/20260226120000_core_c.sql",
    "ALTER TABLE price ALTER net TYPE numeric;",
);
const VIEW: (&str, &str) = (
    "acme/20260102000000_acme_view.sql",
    "CREATE VIEW prices AS SELECT net FROM price;",
);
const BRIDGE: &str = "acme/20260201000000_acme_make_way.sql";
const AGAIN: (&str, &str) = (
    "acme/20260301000000_acme_again.sql",
    "CREATE OR REPLACE VIEW prices AS SELECT net, 1 AS more FROM price;",
);

fn with_bridge(bridge: &str) -> Project {
    Project::with(&[CORE_A, CORE_B, CORE_C, VIEW, (BRIDGE, bridge), AGAIN])
}

const PLAN: &str = "migrate run db --dry-run | each {|row| $'($row.name | str substring 15..-5) ($row.reason)' | str trim } | to json -r";

#[test]
fn a_bridge_runs_right_before_the_step_that_it_prepares_for() {
    let project = with_bridge("-- migrate: before core/20260226120000\nDROP VIEW prices;");
    assert_eq!(
        project.nu(PLAN).json(),
        json!([
            "core_a",
            "core_b",
            "acme_view",
            "acme_make_way before core/20260226120000",
            "core_c",
            "acme_again"
        ])
    );
    let rows = project
        .nu("migrate run db --transaction each | get name | str substring 15..-5 | str join ' '");
    assert_eq!(
        rows.text(),
        "core_a core_b acme_view acme_make_way core_c acme_again"
    );
    let reasons = project.sql("SELECT pg_typeof(net) FROM prices UNION SELECT 'numeric'");
    assert_eq!(reasons, "numeric");
    let states = project.nu("migrate status db | get state | uniq | to json -r");
    assert_eq!(states.json(), json!(["applied"]));
}

#[test]
fn where_the_step_is_applied_already_a_bridge_is_not_needed() {
    let project = Project::with(&[CORE_A, CORE_B, CORE_C]);
    project.nu("migrate run db").text();
    project.write(
        &format!("db/{BRIDGE}"),
        "-- migrate: before core/20260226120000\nSELECT nonsense;",
    );
    // What needs the bridge does not wait for it.
    project.write(
        "db/acme/20260301000000_acme_again.sql",
        "-- migrate: requires acme/20260201000000\nCREATE VIEW prices AS SELECT net FROM price;",
    );
    let state = "migrate status db | where track == acme | select state pending | to json -r";
    assert_eq!(
        project.nu(state).json(),
        json!([{"state": "not-needed", "pending": false}, {"state": "pending", "pending": true}])
    );
    let names = project.nu("migrate run db | get name | to json -r");
    assert_eq!(names.json(), json!(["20260301000000_acme_again.sql"]));
    assert_eq!(project.nu("migrate run db | length").text(), "0");
    assert_eq!(
        project
            .nu("migrate status db | where state == not-needed | length")
            .text(),
        "1"
    );
    assert_eq!(
        project
            .nu("migrate validate db | where severity == error | length")
            .text(),
        "0"
    );
    assert_eq!(project.sql("SELECT count(*) FROM migrations_acme"), "1");
    // The bridge's track alone, in a directory without the step's files.
    assert_eq!(
        project.nu("migrate status db/acme | get 0.state").text(),
        "not-needed"
    );
}

#[test]
fn or_now_runs_a_bridge_all_the_same() {
    let bridge = "-- migrate: before core/20260226120000 or-now\nCREATE TABLE made (id int);";
    let project = Project::with(&[CORE_A, CORE_B, CORE_C]);
    project.nu("migrate run db").text();
    project.write(&format!("db/{BRIDGE}"), bridge);
    assert_eq!(
        project.nu(PLAN).json(),
        json!(["acme_make_way after core/20260226120000 (or-now)"])
    );
    project.nu("migrate run db").text();
    assert_eq!(project.sql("SELECT count(*) FROM made"), "0");
    let fresh = with_bridge(bridge);
    assert!(
        fresh
            .nu(PLAN)
            .text()
            .contains("acme_make_way before core/20260226120000\",\"core_c\"")
    );
}

#[test]
fn a_bridge_that_leads_nowhere_stops_before_any_sql() {
    let project = with_bridge("-- migrate: before core/20270101000000\nSELECT 1;");
    let output = project.nu("migrate run db");
    for expected in [
        "migrate::unmet_bridge",
        "is to run before core/20270101000000",
        "neither applied nor part of this plan",
        "The database was not changed",
    ] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    assert_eq!(project.tables(), "");
    let found =
        project.nu("migrate validate db | where rule == unmet-bridge | get name | to json -r");
    assert_eq!(found.json(), json!(["20260201000000_acme_make_way.sql"]));

    // The step is there, and not part of this plan.
    let project = with_bridge("-- migrate: before core/20260226120000\nDROP VIEW prices;");
    for flags in ["--track acme", "--to 20260225000000"] {
        let code = project.code(&format!("migrate run db {flags}"));
        assert_eq!(code, "migrate::unmet_bridge", "{flags}");
    }
    assert_eq!(project.tables(), "");
    // The first steps are what they are in the whole plan.
    let first = project.nu("migrate run db --steps 4 | last | get name");
    assert_eq!(first.text(), "20260201000000_acme_make_way.sql");

    let project = with_bridge("-- migrate: before acme/20260301000000\nSELECT 1;");
    let output = project.nu("migrate run db");
    assert!(
        output.stderr.contains("help: own track: within a track"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_contradiction_is_told_edge_by_edge() {
    let project = with_bridge("-- migrate: before core/20260126120000\nSELECT 1;");
    project.write(
        "db/acme/20260102000000_acme_view.sql",
        "-- migrate: requires core/20260126120000\nSELECT 1;",
    );
    let output = project.nu("try { migrate run db } catch {|e| $e.rendered | lines | str trim -c '|' | str join ' ' | str replace -ra '[\\s|]+' ' ' }");
    for expected in [
        "20260201000000_acme_make_way.sql is to run before 20260126120000_core_b.sql",
        "20260201000000_acme_make_way.sql comes after 20260102000000_acme_view.sql in its track",
        "20260102000000_acme_view.sql requires 20260126120000_core_b.sql",
    ] {
        assert!(output.stdout.contains(expected), "{output:?}");
    }
    assert_eq!(project.tables(), "");
}

#[test]
fn a_bridge_with_bad_words_is_a_bad_directive() {
    for text in ["before core", "before core/20260226120000 or now", "before"] {
        let project = with_bridge(&format!("-- migrate: {text}\nSELECT 1;"));
        assert_eq!(
            project.code("migrate run db"),
            "migrate::bad_directive",
            "{text}"
        );
    }
}
