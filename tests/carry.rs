//! Carried dependents: what stands in the way of a step is dropped before it and applied again from its
//! files, if repeatables have made all of it.

use serde_json::{Value, json};

use crate::support::Project;
use crate::support::server::SERVER;

const TABLE: (&str, &str) = (
    "core/20240101000000_core_a.sql",
    "CREATE TABLE price (article text, net numeric(8,2));\nINSERT INTO price VALUES ('nut', 1);\n",
);
const ALTER: &str = "core/20240201000000_core_wider.sql";
const WIDER: &str = "ALTER TABLE price ALTER net TYPE numeric(12,4);\n";

/// What a run says of each: `name kind reason`.
const RUN: &str =
    "| each {|row| $'($row.name) ($row.kind) ($row.reason)' | str trim } | to json -r";

#[track_caller]
fn run(project: &Project, flags: &str) -> Value {
    let output = project.nu(&format!("migrate run db {flags} {RUN}"));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.json()
}

/// The core's table with views of other parties, applied.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::with(&[&[TABLE], files].concat());
    project.nu("migrate run db -q | ignore").text();
    project
}

const IMPL: (&str, &str) = (
    "impl/repeat_impl_prices.sql",
    "CREATE OR REPLACE VIEW prices AS SELECT * FROM price;\n",
);
const ACME: (&str, &str) = (
    "acme/repeat_acme_list.sql",
    "CREATE OR REPLACE VIEW list AS SELECT article, net * 2 AS double FROM prices;\n",
);

fn kind_of_net(project: &Project) -> String {
    project.sql(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass('price') AND attname = 'net'",
    )
}

#[test]
fn views_of_other_tracks_are_dropped_and_applied_again() {
    let project = project(&[IMPL, ACME]);
    project.write(&format!("db/{ALTER}"), WIDER);
    let output = project.nu(&format!("migrate run db {RUN}"));
    assert_eq!(
        output.json(),
        json!([
            "20240201000000_core_wider.sql versioned",
            "repeat_impl_prices.sql repeatable carried",
            "repeat_acme_list.sql repeatable carried",
        ]),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("in the way"), "{}", output.stderr);
    assert_eq!(kind_of_net(&project), "numeric(12,4)");
    assert_eq!(project.sql("SELECT double FROM list"), "2.0000");
    assert_eq!(run(&project, ""), json!([]));
}

/// The error of a run that must fail, and that nothing of it stays.
#[track_caller]
fn fails(project: &Project, flags: &str, code: &str, words: &[&str]) {
    let before = schema(project);
    let output = project.nu(&format!("migrate run db {flags}"));
    let plain = output.stderr.replace("\n  | ", " ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [code].iter().chain(words) {
        assert!(plain.contains(expected), "{expected}: {}", output.stderr);
    }
    assert_eq!(schema(project), before);
}

/// All views with their grants, and the column's type.
fn schema(project: &Project) -> String {
    let views = project.sql(
        "SELECT string_agg(concat_ws(' ', oid::regclass, relacl, oid), ', ' ORDER BY oid) FROM pg_class \
         WHERE relkind IN ('v', 'm') AND oid >= 16384",
    );
    format!("{views} {}", kind_of_net(project))
}

fn role(project: &Project) -> String {
    let role = format!("reader_{}", project.database);
    project.sql(&format!("CREATE ROLE {role}"));
    role
}

fn drop_role(project: &Project, role: &str) {
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn grants_of_any_repeatable_come_back_and_one_made_by_hand_stops_it() {
    let project = Project::with(&[TABLE, IMPL, ACME]);
    let role = role(&project);
    project.write(
        "db/impl/repeat_impl_rights.sql",
        format!("GRANT SELECT ON prices TO {role};\n"),
    );
    project.nu("migrate run db -q | ignore").text();
    project.sql(&format!("GRANT INSERT ON list TO {role}"));
    project.sql("COMMENT ON VIEW list IS 'by hand'; ALTER VIEW list SET (security_barrier)");
    project.write(&format!("db/{ALTER}"), WIDER);
    let lost = format!("the grant on view public.list to {role} INSERT");
    fails(
        &project,
        "",
        "migrate::not_restored",
        &[
            &lost,
            "the comment on view public.list: by hand",
            "the options of view public.list: WITH (security_barrier=true) before, none now",
            "Everything was rolled back",
            "put each GRANT",
        ],
    );
    // With the file that says so, nothing is lost.
    project.write(
        &format!("db/{}", ACME.0),
        format!(
            "CREATE OR REPLACE VIEW list WITH (security_barrier) AS SELECT article, net * 2 AS double FROM prices;\n\
             GRANT INSERT ON list TO {role};\nCOMMENT ON VIEW list IS 'by hand';\n"
        ),
    );
    assert_eq!(
        run(&project, ""),
        json!([
            "20240201000000_core_wider.sql versioned",
            "repeat_impl_prices.sql repeatable carried",
            "repeat_impl_rights.sql repeatable carried",
            "repeat_acme_list.sql repeatable changed",
        ])
    );
    let rights = |view: &str| {
        project.sql(&format!("SELECT has_table_privilege('{role}', '{view}', 'SELECT')::text || has_table_privilege('{role}', '{view}', 'INSERT')"))
    };
    assert_eq!(
        (rights("prices"), rights("list")),
        ("truefalse".to_owned(), "falsetrue".to_owned())
    );
    drop_role(&project, &role);
}

#[test]
fn what_was_revoked_by_hand_does_not_come_back_silently() {
    // Only functions of this form stand on tables (PostgreSQL 14).
    if SERVER.version() < 140_000 {
        return;
    }
    let project = project(&[(
        "impl/repeat_impl_f.sql",
        "CREATE OR REPLACE FUNCTION f() RETURNS numeric LANGUAGE sql BEGIN ATOMIC SELECT sum(net) FROM price; END;\n",
    )]);
    project.write(&format!("db/{ALTER}"), WIDER);
    project.sql("REVOKE EXECUTE ON FUNCTION f() FROM public");
    fails(
        &project,
        "",
        "migrate::not_restored",
        &["function public.f() is granted to public EXECUTE, and was not"],
    );
    project.sql("GRANT EXECUTE ON FUNCTION f() TO public");
    assert_eq!(
        run(&project, ""),
        json!([
            "20240201000000_core_wider.sql versioned",
            "repeat_impl_f.sql repeatable carried"
        ])
    );
}

#[test]
fn what_no_repeatable_made_is_named_with_track_and_maker() {
    let bolt = (
        "bolt/20240115000000_bolt_list.sql",
        "CREATE VIEW bolt_list AS SELECT * FROM prices;\n",
    );
    let project = project(&[IMPL]);
    project.write(&format!("db/{}", bolt.0), bolt.1);
    project.nu("migrate run db -q | ignore").text();
    project.write(&format!("db/{ALTER}"), WIDER);
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &[
            "not carried: view public.bolt_list was made by 20240115000000_bolt_list.sql of track bolt, which is not a repeatable",
        ],
    );
    project.sql("DROP VIEW bolt_list; CREATE VIEW by_hand AS SELECT * FROM prices");
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &[
            "not carried: view public.by_hand was made by hand",
            "`-- migrate: before core/20240201000000`",
        ],
    );
    project.sql("DROP VIEW by_hand");
    project.remove(&format!("db/{}", IMPL.0));
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &[
            "not carried: view public.prices was made by repeat_impl_prices.sql of track impl, whose file is missing",
        ],
    );
}

#[test]
fn data_of_a_materialized_view_is_not_thrown_away() {
    let project = project(&[(
        "acme/repeat_acme_sums.sql",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS sums AS SELECT sum(net) FROM price WITH NO DATA;\n\
         CREATE INDEX IF NOT EXISTS by_sum ON sums (sum);\n",
    )]);
    project.sql("REFRESH MATERIALIZED VIEW sums");
    project.write(&format!("db/{ALTER}"), WIDER);
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &[
            "not carried: materialized view public.sums holds data, which would have to be computed anew",
        ],
    );
    project.sql("REFRESH MATERIALIZED VIEW sums WITH NO DATA");
    assert_eq!(run(&project, "").as_array().unwrap().len(), 2);
    assert_eq!(project.sql("SELECT 'by_sum'::regclass"), "by_sum");
}

#[test]
fn odd_names_other_schemas_and_search_paths() {
    let project = Project::new();
    project.write(
        "db/core/20240101000000_core_a.sql",
        "CREATE SCHEMA \"Größe x\";\nCREATE SCHEMA app;\nCREATE TABLE price (article text, net numeric(8,2));\n",
    );
    project.write(
        "db/impl/repeat_impl_odd.sql",
        "CREATE OR REPLACE VIEW \"Größe x\".\"it's \"\"ü\"\" :x\" AS SELECT net AS \"%\" FROM public.price;\n",
    );
    project.write(
        "db/impl/repeat_impl_app.sql",
        "SET search_path = app, public;\nCREATE OR REPLACE VIEW price_list AS SELECT * FROM price;\n\
         CREATE OR REPLACE FUNCTION rows(price_list) RETURNS SETOF price_list LANGUAGE sql AS 'SELECT * FROM app.price_list';\n",
    );
    project.write(
        "db/acme/repeat_acme_over.sql",
        "CREATE OR REPLACE VIEW over AS SELECT (app.rows(p)).* FROM app.price_list p;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    // The first names a view by its schema, the second does not.
    project.write(&format!("db/{ALTER}"), WIDER);
    project.write(
        "db/core/20240202000000_core_drop.sql",
        "SET search_path = app, public;\nALTER TABLE price DROP article;\n",
    );
    let found = run(&project, "--steps 1");
    assert_eq!(found.as_array().unwrap().len(), 4, "{found}");
    // The third is due because the table has changed.
    let found = run(&project, "");
    assert_eq!(found.as_array().unwrap().len(), 4, "{found}");
    assert_eq!(
        project.sql("SELECT count(*) FROM over UNION ALL SELECT count(*) FROM \"Größe x\".\"it's \"\"ü\"\" :x\""),
        "0\n0"
    );
}

#[test]
fn triggers_and_policies_are_carried_too() {
    let project = project(&[
        IMPL,
        (
            "acme/repeat_acme_trigger.sql",
            "CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';\n\
             DROP TRIGGER IF EXISTS \"no ü\" ON prices;\nCREATE TRIGGER \"no ü\" INSTEAD OF INSERT ON prices FOR EACH ROW EXECUTE FUNCTION no();\n\
             DROP TRIGGER IF EXISTS small ON price;\nCREATE TRIGGER small BEFORE UPDATE OF net ON price FOR EACH ROW EXECUTE FUNCTION no();\n",
        ),
        (
            "acme/repeat_acme_policy.sql",
            "DROP POLICY IF EXISTS cheap ON price;\nCREATE POLICY cheap ON price USING (net < 5);\n",
        ),
    ]);
    project.write(&format!("db/{ALTER}"), WIDER);
    let found = run(&project, "");
    assert_eq!(found.as_array().unwrap().len(), 4, "{found}");
    assert_eq!(
        project.sql("SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) + (SELECT count(*) FROM pg_policy)"),
        "3"
    );
    // One that no file makes is lost with its view.
    project.sql(
        "CREATE TRIGGER by_hand INSTEAD OF UPDATE ON prices FOR EACH ROW EXECUTE FUNCTION no()",
    );
    project.write(
        "db/core/20240301000000_core_again.sql",
        "ALTER TABLE price ALTER net TYPE numeric(13,5);\n",
    );
    fails(
        &project,
        "",
        "migrate::not_restored",
        &["trigger public.prices by_hand"],
    );
}

#[test]
fn a_file_that_does_not_fit_any_more_takes_all_back() {
    let project = project(&[IMPL, ACME]);
    project.write(
        "db/core/20240201000000_core_gone.sql",
        "ALTER TABLE price DROP net;\n",
    );
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &[
            "repeat_acme_list.sql failed",
            "column \"net\" does not exist",
            "Everything was rolled back",
        ],
    );
    // A file that makes something else instead of what was dropped.
    project.write(
        &format!("db/{}", ACME.0),
        "CREATE OR REPLACE VIEW other AS SELECT article FROM prices;\n",
    );
    fails(&project, "", "migrate::not_restored", &["view public.list"]);
    project.write(
        &format!("db/{}", ACME.0),
        "CREATE OR REPLACE VIEW list AS SELECT article FROM prices;\n",
    );
    assert_eq!(run(&project, "").as_array().unwrap().len(), 3);
}

#[test]
fn a_transaction_for_each_carries_within_it() {
    let project = project(&[IMPL, ACME]);
    project.write(&format!("db/{ALTER}"), WIDER);
    project.write(
        "db/core/20240202000000_core_c.sql",
        "CREATE TABLE c AS SELECT count(*) FROM list;\n",
    );
    let output = project.nu(
        "migrate run db --transaction each | each {|row| $'($row.group) ($row.name)' } | to json -r",
    );
    assert_eq!(
        output.json(),
        json!([
            "1 20240201000000_core_wider.sql",
            "1 repeat_impl_prices.sql",
            "1 repeat_acme_list.sql",
            "2 20240202000000_core_c.sql",
        ]),
        "{}",
        output.stderr
    );
    assert_eq!(project.sql("SELECT count FROM c"), "1");
}

#[test]
fn a_file_outside_of_a_transaction_is_not_carried_and_says_so() {
    let project = project(&[IMPL]);
    project.write(
        &format!("db/{ALTER}"),
        format!("-- migrate: no-transaction\n{WIDER}"),
    );
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &["not carried: the file runs outside the run's transaction"],
    );
}

#[test]
fn it_can_be_switched_off() {
    let mut project = project(&[IMPL, ACME]);
    project.write(&format!("db/{ALTER}"), WIDER);
    project.set("MIGRATE_CARRY", "false");
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &["rule _RETURN on view"],
    );
    project.unset("MIGRATE_CARRY");
    project.write("db/migrate.json", r#"{"carry": false}"#);
    assert_eq!(project.code("migrate run db"), "migrate::sql_failed");
    project.remove("db/migrate.json");
    project.set("MIGRATE_CARRY", "maybe");
    assert_eq!(project.code("migrate run db"), "migrate::bad_settings");
}

#[test]
fn a_rehearsal_carries_and_rolls_back() {
    let project = project(&[IMPL, ACME]);
    project.write(&format!("db/{ALTER}"), WIDER);
    let before = schema(&project);
    for mode in ["all", "each"] {
        let output = project.nu(&format!(
            "migrate rehearse db --transaction {mode} | each {{|row| $'($row.name) ($row.state) ($row.reason)' | str trim }} | to json -r"
        ));
        assert_eq!(
            output.json(),
            json!([
                "20240201000000_core_wider.sql rehearsed",
                "repeat_impl_prices.sql rehearsed carried",
                "repeat_acme_list.sql rehearsed carried",
            ]),
            "{mode}: {}",
            output.stderr
        );
        assert_eq!(schema(&project), before);
    }
    // What cannot be carried fails, and the others are rehearsed.
    project.sql("CREATE VIEW by_hand AS SELECT * FROM list");
    project.write("db/core/20240301000000_core_t.sql", "CREATE TABLE t ();\n");
    let states = project.nu("migrate rehearse db --transaction each | get state | to json -r");
    assert_eq!(
        states.json(),
        json!(["failed", "rehearsed"]),
        "{}",
        states.stderr
    );
    assert_eq!(project.code("migrate rehearse db"), "migrate::sql_failed");
}

#[test]
fn a_psql_that_is_killed_in_between_leaves_all_as_it_was() {
    let mut project = project(&[IMPL, ACME]);
    project.write(&format!("db/{ALTER}"), WIDER);
    let before = schema(&project);
    project.shim("*'DROP VIEW public.prices'*", "kill -9 $$");
    assert_eq!(project.code("migrate run db"), "migrate::connection_lost");
    project.unset("MIGRATE_PSQL");
    assert_eq!(schema(&project), before);
    assert_eq!(run(&project, "--track core").as_array().unwrap().len(), 3);
}

#[test]
fn all_views_of_a_column_are_found_at_once() {
    let more = "CREATE OR REPLACE VIEW more AS SELECT net FROM price;\n";
    let project = project(&[IMPL, ACME, ("bolt/repeat_bolt_more.sql", more)]);
    project.write(&format!("db/{ALTER}"), WIDER);
    let output = project.nu("migrate run db | where name =~ wider | get notices | first");
    assert_eq!(
        output.stderr.matches("in the way of").count(),
        1,
        "{}",
        output.stderr
    );
    assert!(
        output
            .stdout
            .contains("applied again: view public.list, view public.prices, view public.more"),
        "{}",
        output.stdout
    );
}

#[test]
fn what_was_replaced_is_carried_as_well() {
    let project = project(&[IMPL, ACME]);
    project.write(
        "db/core/20240115000000_core_currency.sql",
        "ALTER TABLE price ADD currency text;\n",
    );
    assert_eq!(run(&project, "").as_array().unwrap().len(), 3);
    project.write(&format!("db/{ALTER}"), WIDER);
    assert_eq!(run(&project, "").as_array().unwrap().len(), 3);
    // Its file would take back what a versioned migration made of it.
    project.write(
        "db/bolt/20240202000000_bolt_list.sql",
        "CREATE OR REPLACE VIEW list AS SELECT article, net * 3 AS double FROM prices;\n",
    );
    project.nu("migrate run db").text();
    project.write(
        "db/core/20240301000000_core_again.sql",
        "ALTER TABLE price ALTER net TYPE numeric(13,5);\n",
    );
    fails(
        &project,
        "",
        "migrate::sql_failed",
        &[
            "not carried: view public.list was changed by 20240202000000_bolt_list.sql since repeat_acme_list.sql made it",
        ],
    );
}

const NARROW: (&str, &str) = (
    "core/20240101000000_core_t.sql",
    "CREATE TABLE t (id int PRIMARY KEY, name text, x int);\n",
);
const RETYPE: &str = "ALTER TABLE t ALTER name TYPE varchar(50);\n";
const V: (&str, &str) = (
    "acme/repeat_acme_v.sql",
    "CREATE OR REPLACE VIEW v AS SELECT id, name FROM t;\n",
);

/// A table with what this makes, applied; then this by hand, and the step.
fn changed_by_hand(file: (&str, &str), hand: &str, step: &str) -> Project {
    let project = Project::with(&[NARROW, file]);
    project.nu("migrate run db -q | ignore").text();
    project.sql(hand);
    project.write(&format!("db/{ALTER}"), step);
    project
}

#[test]
fn what_was_changed_in_a_view_by_hand_is_not_thrown_away() {
    for hand in [
        "CREATE OR REPLACE VIEW v AS SELECT id, name FROM t WHERE x > 0",
        "DROP VIEW v; CREATE VIEW v AS SELECT name, 'hand' AS h FROM t",
        "ALTER VIEW v ALTER name SET DEFAULT 'by hand'",
    ] {
        let project = changed_by_hand(V, hand, RETYPE);
        let words = ["view public.v", "changed or filled after"];
        fails(&project, "-q", "migrate::not_carried", &words);
        assert_eq!(
            project.sql("SELECT count(*) FROM migrations_core"),
            "1",
            "{hand}"
        );
    }
    let owner = "REVOKE INSERT, DELETE ON v FROM CURRENT_USER";
    let project = changed_by_hand(V, owner, RETYPE);
    let words = ["could not DELETE, INSERT"];
    fails(&project, "-q", "migrate::not_restored", &words);
}

#[test]
fn what_an_earlier_file_of_the_transaction_does_to_it_is_not_lost() {
    let project = changed_by_hand(V, "SELECT 1", RETYPE);
    project.write(
        "db/core/20240131000000_core_filter.sql",
        "CREATE OR REPLACE VIEW v AS SELECT id, name FROM t WHERE id > 0;\n",
    );
    let words = ["changed or filled after"];
    fails(&project, "-q", "migrate::not_carried", &words);
    let filled = (
        "acme/repeat_acme_mv.sql",
        "DROP MATERIALIZED VIEW IF EXISTS mv;\n\
         CREATE MATERIALIZED VIEW mv AS SELECT id, name FROM t WITH NO DATA;\n",
    );
    let project = changed_by_hand(filled, "SELECT 1", RETYPE);
    project.write(
        "db/core/20240131000000_core_fill.sql",
        "REFRESH MATERIALIZED VIEW mv;\n",
    );
    fails(&project, "-q", "migrate::not_carried", &words);
}

const F: (&str, &str) = (
    "acme/repeat_acme_f.sql",
    "DROP FUNCTION IF EXISTS sec(t);\n\
     CREATE FUNCTION sec(t) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'select ($1).name';\n",
);
const AGAIN: &str = "DROP TABLE t;\nCREATE TABLE t (id int, name varchar);\n";

#[test]
fn a_function_that_was_changed_by_hand_is_not_made_again() {
    for (hand, lost) in [
        (
            "CREATE OR REPLACE FUNCTION sec(t) RETURNS text LANGUAGE sql AS 'select ''hand'''",
            "the definition of function public.sec(public.t)",
        ),
        (
            "ALTER FUNCTION sec(t) SECURITY INVOKER",
            "the definition of function",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION sec(t) FROM PUBLIC",
            "is granted to public EXECUTE, and was not",
        ),
    ] {
        let project = changed_by_hand(F, hand, AGAIN);
        // Another file that has changed says nothing about this one.
        project.write(
            "db/acme/repeat_acme_v2.sql",
            "CREATE OR REPLACE VIEW v2 AS SELECT name FROM t;\n",
        );
        fails(&project, "-q", "migrate::not_restored", &[lost]);
    }
}

#[test]
fn a_changed_file_hides_no_loss_of_another() {
    let v2 = (
        "acme/repeat_acme_v2.sql",
        "CREATE OR REPLACE VIEW v2 AS SELECT name FROM t;\n",
    );
    let project = Project::with(&[NARROW, F, v2]);
    project.nu("migrate run db -q | ignore").text();
    project.sql("REVOKE EXECUTE ON FUNCTION sec(t) FROM PUBLIC");
    project.write(&format!("db/{}", v2.0), format!("{}-- changed\n", v2.1));
    project.write(&format!("db/{ALTER}"), AGAIN);
    let words = ["public EXECUTE"];
    fails(&project, "-q", "migrate::not_restored", &words);
}

#[test]
fn a_condition_on_a_column_of_another_type_is_the_same() {
    let policy = (
        "acme/repeat_acme_p.sql",
        "DROP POLICY IF EXISTS p ON t;\nCREATE POLICY p ON t USING (name <> 'x');\n",
    );
    let project = changed_by_hand(policy, "SELECT 1", RETYPE);
    assert_eq!(
        run(&project, "-q"),
        json!([
            "20240201000000_core_wider.sql versioned",
            "repeat_acme_p.sql repeatable carried",
        ])
    );
}

#[test]
fn a_later_file_does_not_pass_it_over() {
    let project = changed_by_hand(V, "SELECT 1", RETYPE);
    let reader = role(&project);
    project.write(
        "db/core/20240202000000_core_grant.sql",
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};\n"),
    );
    let words = ["20240202000000_core_grant.sql", "--transaction each"];
    fails(&project, "-q", "migrate::not_carried", &words);
    run(&project, "-q --transaction each");
    let may = format!("SELECT has_table_privilege('{reader}', 'v', 'select')");
    assert_eq!(project.sql(&may), "t");
    drop_role(&project, &reader);
}

#[test]
fn a_lock_on_it_is_waited_for() {
    let project = changed_by_hand(V, "SELECT 1", RETYPE);
    let mut busy = project
        .psql()
        .args(["-c", "BEGIN", "-c", "COMMENT ON VIEW v IS 'busy'"])
        .args(["-c", "SELECT pg_sleep(1.5)", "-c", "ROLLBACK"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    project.wait_until(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1.5)' \
         AND datname = current_database()",
    );
    let rows = run(&project, "-q --lock-timeout 300ms --retries 20");
    assert_eq!(rows.as_array().unwrap().len(), 2);
    busy.wait().unwrap();
}
