//! Repeatables: files without a number, applied behind the others whenever something of them changes.

use serde_json::json;

use crate::support::Project;

const TABLE: (&str, &str) = (
    "core/20240101000000_core_a.sql",
    "CREATE TABLE price (net int);",
);
const VIEW: &str = "core/repeat_core_prices.sql";
const V: &str = "CREATE OR REPLACE VIEW prices AS SELECT net FROM price;";

/// What a run says of each: `name kind reason`.
const RUN: &str =
    "| each {|row| $'($row.name) ($row.kind) ($row.reason)' | str trim } | to json -r";

fn run(project: &Project, flags: &str) -> serde_json::Value {
    project.nu(&format!("migrate run db {flags} {RUN}")).json()
}

fn status(project: &Project, name: &str) -> serde_json::Value {
    let script = format!(
        "migrate status db | where name == '{name}' | select version state pending kind reason | first | to json -r"
    );
    project.nu(&script).json()
}

#[test]
fn a_repeatable_is_applied_when_it_is_new_and_when_it_has_changed() {
    let project = Project::with(&[TABLE, (VIEW, V)]);
    let pending = |reason: &str| json!({"version": null, "state": "pending", "pending": true, "kind": "repeatable", "reason": reason});
    assert_eq!(status(&project, "repeat_core_prices.sql"), pending("new"));
    let planned = json!([
        "20240101000000_core_a.sql versioned",
        "repeat_core_prices.sql repeatable new"
    ]);
    assert_eq!(run(&project, "--dry-run"), planned);
    assert_eq!(run(&project, ""), planned);
    assert_eq!(run(&project, ""), json!([]));
    assert_eq!(
        status(&project, "repeat_core_prices.sql"),
        json!({"version": null, "state": "applied", "pending": false, "kind": "repeatable", "reason": null})
    );
    project.write(
        &format!("db/{VIEW}"),
        "CREATE OR REPLACE VIEW prices AS SELECT net, 1 AS more FROM price;",
    );
    assert_eq!(
        status(&project, "repeat_core_prices.sql"),
        pending("changed")
    );
    assert_eq!(
        run(&project, ""),
        json!(["repeat_core_prices.sql repeatable changed"])
    );
    assert_eq!(project.sql("SELECT count(more) FROM prices"), "0");
    // Line endings are no change, and one row tells of the last time.
    project.write(
        &format!("db/{VIEW}"),
        "CREATE OR REPLACE VIEW prices AS SELECT net, 1 AS more FROM price;\r\n",
    );
    let kinds = project.nu("migrate history db | select version name kind state | to json -r");
    assert_eq!(
        kinds.json(),
        json!([
            {"version": "20240101000000", "name": "20240101000000_core_a.sql", "kind": "versioned", "state": "applied"},
            {"version": null, "name": "repeat_core_prices.sql", "kind": "repeatable", "state": "applied"},
        ])
    );
}

#[test]
fn an_include_and_a_variable_are_reasons() {
    let project = Project::with(&[
        TABLE,
        (
            VIEW,
            "\\ir columns.psql\nCOMMENT ON VIEW prices IS :'tenant';\n",
        ),
        ("core/columns.psql", V),
    ]);
    assert_eq!(
        run(&project, "--set {tenant: a, other: b}")
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(run(&project, "--set {tenant: a, other: c}"), json!([]));
    assert_eq!(
        run(&project, "--set {tenant: \"it's\"}"),
        json!(["repeat_core_prices.sql repeatable variable"])
    );
    assert_eq!(
        project.sql("SELECT obj_description('prices'::regclass)"),
        "it's"
    );
    project.write("db/core/columns.psql", format!("{V}\nSELECT 1;"));
    assert_eq!(
        run(&project, "--set {tenant: \"it's\"}"),
        json!(["repeat_core_prices.sql repeatable include"])
    );
    // The values themselves are not kept.
    assert_eq!(
        project.sql("SELECT count(*) FROM migrations_core WHERE parts::text LIKE '%it''s%'"),
        "0"
    );
}

#[test]
fn they_find_their_order_across_tracks_in_the_same_transaction() {
    let project = Project::with(&[
        TABLE,
        (
            "core/repeat_core_a_top.sql",
            "CREATE OR REPLACE VIEW top AS SELECT * FROM middle;",
        ),
        (
            "core/repeat_core_b_middle.sql",
            "CREATE OR REPLACE VIEW middle AS SELECT * FROM bottom;",
        ),
        (
            "acme/repeat_acme_c_bottom.sql",
            "CREATE OR REPLACE VIEW bottom AS SELECT f(net) FROM price;",
        ),
        (
            "impl/repeat_impl_f.sql",
            "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';",
        ),
    ]);
    assert_eq!(
        run(&project, ""),
        json!([
            "20240101000000_core_a.sql versioned",
            "repeat_impl_f.sql repeatable new",
            "repeat_acme_c_bottom.sql repeatable new",
            "repeat_core_b_middle.sql repeatable new",
            "repeat_core_a_top.sql repeatable new",
        ])
    );
    assert_eq!(project.sql("SELECT count(*) FROM top"), "0");
    let groups = project.nu("migrate history db | get execution_id | uniq | length");
    assert_eq!(groups.text(), "1");
    assert_eq!(run(&project, ""), json!([]));
}

#[test]
fn those_that_cannot_be_applied_are_told_with_their_last_errors() {
    let project = Project::with(&[
        TABLE,
        (
            "repeat_core_a.sql",
            "CREATE OR REPLACE VIEW a AS SELECT * FROM b;",
        ),
        (
            "repeat_core_b.sql",
            "CREATE OR REPLACE VIEW b AS SELECT * FROM a;",
        ),
        ("repeat_core_fine.sql", V),
    ]);
    let output = project.nu("migrate run db");
    for expected in [
        "migrate::repeatables_stuck",
        "2 repeatables cannot be applied in any order",
        "relation \"b\" does not exist",
        "relation \"a\" does not exist",
        "Everything was rolled back",
    ] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    assert_eq!(project.tables(), "");
    // One alone tells it as any file does.
    project.remove("db/repeat_core_b.sql");
    let output = project.nu("migrate run db");
    for expected in [
        "migrate::sql_failed",
        "repeat_core_a.sql",
        "relation \"b\" does not exist",
        "line 1",
    ] {
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    assert_eq!(project.tables(), "");
    // What an earlier run has applied stays as it was.
    project.remove("db/repeat_core_a.sql");
    project.nu("migrate run db").text();
    project.write(
        "db/repeat_core_fine.sql",
        "DROP VIEW prices; SELECT nonsense;",
    );
    assert_eq!(project.code("migrate run db"), "migrate::sql_failed");
    assert_eq!(project.sql("SELECT count(*) FROM prices"), "0");
    assert_eq!(
        status(&project, "repeat_core_fine.sql")["reason"],
        json!("changed")
    );
}

#[test]
fn they_follow_a_plan_that_is_cut_and_groups_of_their_own() {
    let later = (
        "core/20240102000000_core_b.sql",
        "ALTER TABLE price ADD gross int;",
    );
    let view = (
        VIEW,
        "CREATE OR REPLACE VIEW prices AS SELECT gross FROM price;",
    );
    let project = Project::with(&[TABLE, later, view]);
    // It may stand on what is not part of this plan.
    assert_eq!(
        run(&project, "--steps 1"),
        json!(["20240101000000_core_a.sql versioned"])
    );
    let groups = project.nu("migrate run db --transaction each | get group | to json -r");
    assert_eq!(groups.json(), json!([1, 2]));
    let project = Project::with(&[
        TABLE,
        later,
        view,
        (
            "core/20240103000000_core_c.sql",
            "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY ON price (net);",
        ),
    ]);
    let groups = project.nu("migrate run db | get group | to json -r");
    assert_eq!(groups.json(), json!([1, 1, 2, 3]));
}

#[test]
fn a_deleted_file_is_reported_and_its_objects_stay() {
    let project = Project::with(&[TABLE, (VIEW, V)]);
    project.nu("migrate run db").text();
    project.remove(&format!("db/{VIEW}"));
    assert_eq!(
        status(&project, "repeat_core_prices.sql")["state"],
        json!("missing")
    );
    assert_eq!(run(&project, ""), json!([]));
    assert_eq!(project.sql("SELECT count(*) FROM prices"), "0");
    let found = project.nu("migrate validate db | where rule == repeatable-gone | select severity name kind | to json -r");
    assert_eq!(
        found.json(),
        json!([{"severity": "warning", "name": "repeat_core_prices.sql", "kind": "repeatable"}])
    );
    project
        .nu("migrate repair db --forget repeat_core_prices.sql")
        .text();
    assert_eq!(project.nu("migrate status db | length").text(), "1");
}

#[test]
fn a_rehearsal_applies_them_and_rolls_back() {
    let project = Project::with(&[
        TABLE,
        (
            "core/repeat_core_a.sql",
            "CREATE OR REPLACE VIEW a AS SELECT * FROM prices;",
        ),
        (VIEW, V),
        ("core/20240101000000_core_a.down.sql", "DROP TABLE price;"),
    ]);
    let rows = project.nu("migrate rehearse db | each {|row| $'($row.name) ($row.state) ($row.kind) ($row.reason)' | str trim } | to json -r");
    assert_eq!(
        rows.json(),
        json!([
            "20240101000000_core_a.sql rehearsed versioned",
            "repeat_core_a.sql rehearsed repeatable new",
            "repeat_core_prices.sql rehearsed repeatable new",
        ])
    );
    let versions = project.nu("migrate rehearse db | get version | to json -r");
    assert_eq!(versions.json(), json!(["20240101000000", null, null]));
    assert_eq!(project.tables(), "");
    project.write("db/core/repeat_core_broken.sql", "SELECT nonsense;");
    assert_eq!(project.code("migrate rehearse db"), "migrate::sql_failed");
    let states = project.nu("migrate rehearse db --transaction each | get state | to json -r");
    assert_eq!(
        states.json(),
        json!(["rehearsed", "rehearsed", "failed", "rehearsed"])
    );
    project.remove("db/core/repeat_core_broken.sql");
    assert_eq!(
        project.nu("migrate rehearse db --undo | length").text(),
        "0"
    );
    assert_eq!(
        project
            .nu("migrate rehearse db --scratch | where difference != missing | length")
            .code,
        Some(0)
    );
    // An undo is about versioned ones.
    project.nu("migrate run db").text();
    assert_eq!(
        project
            .nu("migrate undo db --dry-run | get name | to json -r")
            .json(),
        json!(["20240101000000_core_a.sql"])
    );
}

/// A table, a view of all its columns, and a view of that, in three tracks.
fn chain() -> Project {
    let project = Project::with(&[
        TABLE,
        (
            "acme/repeat_acme_all_prices.sql",
            "CREATE OR REPLACE VIEW all_prices AS SELECT * FROM prices;",
        ),
        (
            "impl/repeat_impl_prices.sql",
            "CREATE OR REPLACE VIEW prices AS SELECT * FROM price;",
        ),
        (
            "impl/repeat_impl_other.sql",
            "CREATE OR REPLACE VIEW other AS SELECT 1 AS one;",
        ),
    ]);
    project.nu("migrate run db").text();
    project
}

#[test]
fn what_stands_on_what_a_run_changes_is_applied_again() {
    let project = chain();
    assert_eq!(run(&project, ""), json!([]));
    project.write(
        "db/core/20240102000000_core_b.sql",
        "ALTER TABLE price ADD gross int;",
    );
    assert_eq!(
        run(&project, ""),
        json!([
            "20240102000000_core_b.sql versioned",
            "repeat_impl_prices.sql repeatable dependency",
            "repeat_acme_all_prices.sql repeatable dependency",
        ])
    );
    assert_eq!(project.sql("SELECT count(gross) FROM all_prices"), "0");
    let runs = project
        .nu("migrate history db | where kind == repeatable | get execution_id | uniq | length");
    assert_eq!(runs.text(), "2", "the third has nothing to do with it");
    assert_eq!(run(&project, ""), json!([]));
    // What only looks like a change is none.
    project.sql("INSERT INTO price SELECT generate_series(1, 1000); ANALYZE price");
    project.sql("VACUUM FULL price");
    project.sql("GRANT SELECT ON price, prices TO PUBLIC");
    assert_eq!(run(&project, ""), json!([]));
}

#[test]
fn what_a_run_drops_and_what_changed_before_it_are_dependencies_too() {
    let project = chain();
    project.write(
        "db/core/20240102000000_core_b.sql",
        "DROP TABLE price CASCADE; CREATE TABLE price (net numeric);",
    );
    assert_eq!(
        run(&project, ""),
        json!([
            "20240102000000_core_b.sql versioned",
            "repeat_impl_prices.sql repeatable dependency",
            "repeat_acme_all_prices.sql repeatable dependency",
        ])
    );
    assert_eq!(project.sql("SELECT count(*) FROM all_prices"), "0");
    // By hand, between two runs.
    project.sql("ALTER TABLE price ADD gross int");
    assert_eq!(
        status(&project, "repeat_impl_prices.sql"),
        json!({"version": null, "state": "pending", "pending": true, "kind": "repeatable", "reason": "dependency"})
    );
    assert_eq!(
        run(&project, "--dry-run"),
        json!(["repeat_impl_prices.sql repeatable dependency"])
    );
    assert_eq!(
        run(&project, ""),
        json!([
            "repeat_impl_prices.sql repeatable dependency",
            "repeat_acme_all_prices.sql repeatable dependency",
        ])
    );
    assert_eq!(
        status(&project, "repeat_impl_prices.sql")["state"],
        json!("applied")
    );
}

#[test]
fn dependencies_are_followed_whatever_shares_a_transaction() {
    for (directive, flags) in [
        ("", "--transaction each"),
        ("", "--transaction track"),
        ("-- migrate: no-transaction\n", ""),
    ] {
        let project = chain();
        project.write(
            "db/core/20240102000000_core_b.sql",
            format!("{directive}ALTER TABLE price ADD gross int;"),
        );
        let rows = project.nu(&format!(
            "migrate run db {flags} | each {{|row| $'($row.name) ($row.group)' }} | to json -r"
        ));
        assert_eq!(
            rows.json(),
            json!([
                "20240102000000_core_b.sql 1",
                "repeat_impl_prices.sql 2",
                "repeat_acme_all_prices.sql 2",
            ]),
            "{directive}{flags}"
        );
    }
    let project = chain();
    project.write(
        "db/core/20240102000000_core_b.sql",
        "ALTER TABLE price ADD gross int;",
    );
    let rows = project.nu("migrate rehearse db | each {|row| $'($row.name) ($row.state) ($row.reason)' | str trim } | to json -r");
    assert_eq!(
        rows.json(),
        json!([
            "20240102000000_core_b.sql rehearsed",
            "repeat_impl_prices.sql rehearsed dependency",
            "repeat_acme_all_prices.sql rehearsed dependency",
        ])
    );
    // The steps are not all there: what stands on them waits.
    assert_eq!(run(&project, "--steps 0"), json!([]));
}

#[test]
fn a_function_is_followed_and_a_failure_takes_the_change_back() {
    let project = Project::with(&[
        (
            "core/repeat_core_f.sql",
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        ),
        (
            "core/repeat_core_v.sql",
            "CREATE OR REPLACE VIEW v AS SELECT f() AS one;",
        ),
        ("core/repeat_core_v.verify.sql", "SELECT one < 3 FROM v;"),
    ]);
    project.nu("migrate run db").text();
    let changed = |number: u32| {
        project.write(
            "db/core/repeat_core_f.sql",
            format!(
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT {number}';"
            ),
        );
    };
    changed(2);
    assert_eq!(
        run(&project, ""),
        json!([
            "repeat_core_f.sql repeatable changed",
            "repeat_core_v.sql repeatable dependency",
        ])
    );
    changed(3);
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    assert_eq!(project.sql("SELECT f()"), "2");
}

#[test]
fn add_makes_one() {
    let project = Project::with(&[TABLE]);
    let file = project
        .nu("migrate add db 'Price views' --track core --repeatable | get 0.file | path basename");
    assert_eq!(file.text(), "repeat_core_price_views.sql");
    assert!(project.path("db/core/repeat_core_price_views.sql").exists());
    for flags in ["", "--no-transaction", "--with-undo"] {
        let code = project.code(&format!(
            "migrate add db 'Price views' --track core --repeatable {flags}"
        ));
        assert_eq!(code, "migrate::bad_repeatable", "{flags}");
    }
    // It does not disturb the numbers.
    let next = project.nu("migrate add db next --track core | get 0.file | path basename");
    assert!(next.text().starts_with("20"), "{next:?}");
    let names = project.nu("migrate run db | get name | length");
    assert_eq!(names.text(), "3");
}

#[test]
fn bad_ones_stop_before_any_sql() {
    for (file, expected) in [
        ("repeat_core.sql", "the description is missing"),
        (
            "repeat_20240101000000_core_x.sql",
            "the track must be lower-case",
        ),
        ("repeat_core_x.down.sql", "a repeatable has no undo"),
        ("REPEAT_core_x.sql", "the timestamp must be 14 digits"),
    ] {
        let project = Project::with(&[TABLE, (file, "SELECT 1;")]);
        let output = project.nu("migrate run db");
        assert!(
            output.stderr.contains("migrate::bad_names"),
            "{}",
            output.stderr
        );
        assert!(
            output.stderr.replace("\n  | ", " ").contains(expected),
            "{}",
            output.stderr
        );
        assert_eq!(project.tables(), "");
    }
    let twice = Project::with(&[(VIEW, V), ("other/repeat_core_prices.sql", V)]);
    assert_eq!(twice.code("migrate run db"), "migrate::bad_names");
    for directive in [
        "no-transaction",
        "requires core/20240101000000",
        "before impl/20240101000000",
    ] {
        let text = format!("-- migrate: {directive}\n{V}");
        let project = Project::with(&[TABLE, (VIEW, &text)]);
        assert_eq!(
            project.code("migrate run db"),
            "migrate::bad_repeatable",
            "{directive}"
        );
        assert_eq!(project.tables(), "");
        let rules = project.nu("migrate validate db | where rule == bad-repeatable | select name kind reason | to json -r");
        assert_eq!(
            rules.json(),
            json!([{"name": "repeat_core_prices.sql", "kind": "repeatable", "reason": "new"}]),
            "{directive}"
        );
    }
    let project = Project::with(&[TABLE, (VIEW, "COMMIT;")]);
    assert_eq!(project.code("migrate run db"), "migrate::forbidden");
}

#[test]
fn checks_beside_a_repeatable_run_as_for_others() {
    let project = Project::with(&[
        TABLE,
        (VIEW, V),
        (
            "core/repeat_core_prices.verify.sql",
            "SELECT count(*) = 1 FROM prices;",
        ),
        (
            "core/repeat_core_prices.nu",
            "$env.MIGRATION | select version name | to json -r",
        ),
    ]);
    assert_eq!(project.code("migrate run db"), "migrate::validation_failed");
    assert_eq!(project.tables(), "");
    project.write(
        "db/core/repeat_core_prices.verify.sql",
        "SELECT count(*) = 0 FROM prices;",
    );
    project.nu("migrate run db").text();
    let rows = project.nu("migrate verify db | select name ok | to json -r");
    assert_eq!(
        rows.json(),
        json!([{"name": "repeat_core_prices.sql", "ok": true}])
    );
}
