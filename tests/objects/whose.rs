//! Whose an object is: in a rehearsal's conflicts, in errors, and for who may not read every ledger.

use serde_json::{Value, json};

use super::PARTIES;
use crate::support::Project;

#[test]
fn a_rehearsal_tells_what_is_done_to_other_tracks() {
    let project = Project::with(&PARTIES);
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/core/20240201000000_core_b.sql",
        "ALTER TABLE customer DROP COLUMN vat;\nDROP FUNCTION f CASCADE;\nCREATE TABLE tax (id int);\n",
    );
    project.write(
        "db/core/20240202000000_core_c.sql",
        "ALTER TABLE customer DROP COLUMN name CASCADE;\n",
    );
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "ALTER TABLE customer ADD phone text;\nCREATE TABLE IF NOT EXISTS tax (code text);\nCREATE TABLE own (c int REFERENCES customer);\n",
    );
    let conflicts = "each {|row| $row.conflicts | each { $'($row.track) ($in.what) ($in.kind) ($in.name) of ($in.track)' } } | flatten | to json -r";
    let found = project.nu(&format!("migrate rehearse db -q | {conflicts}"));
    assert_eq!(
        found.json(),
        json!([
            "core drops column public.customer.vat of impl",
            "core drops by CASCADE view public.names of impl",
            "impl alters column public.customer.phone of core",
            "impl finds the name taken table public.tax of core",
        ]),
        "{}",
        found.stderr
    );
    let objects = project.nu(
        "migrate rehearse db -q | last | get objects | each { values | str join ' ' } | to json -r",
    );
    assert_eq!(
        objects.json(),
        json!([
            "created column public.customer.phone",
            "created table public.own"
        ])
    );
    assert_eq!(project.sql("SELECT count(*) FROM migrations_core"), "1");
    // Each for itself: what is blocked, and what takes a name that is pending elsewhere.
    project.write(
        "db/core/20240202000000_core_c.sql",
        "ALTER TABLE customer DROP COLUMN name;\n",
    );
    project.write(
        "db/impl/20240202000000_impl_c.sql",
        "CREATE TABLE tax (code text);\n",
    );
    let found = project.nu(&format!(
        "migrate rehearse db -q --transaction each | where state == failed | {conflicts}"
    ));
    assert_eq!(
        found.json(),
        json!([
            "core is blocked by view public.names of impl",
            "impl finds the name taken table public.tax of core",
        ]),
        "{}",
        found.stderr
    );
}

/// Of another track's objects, its ledger tells whose they are.
#[test]
fn conflicts_say_what_the_user_may_not_see() {
    let project = Project::with(&PARTIES);
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "CREATE TABLE IF NOT EXISTS customer (id int);\nDROP VIEW names;\n",
    );
    let role = format!("seen_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {role}; \
         ALTER VIEW names OWNER TO {role}; ALTER TABLE migrations_impl OWNER TO {role}"
    ));
    let rehearse = || {
        project.nu(&format!(
            "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; migrate rehearse db/impl -q | get conflicts | flatten | each {{ $'($in.what) ($in.kind) ($in.name) of ($in.track)' }} | to json -r"
        ))
    };
    let blind = rehearse();
    project.sql(&format!("GRANT SELECT ON migrations_core TO {role}"));
    let seeing = rehearse();
    project.sql(&format!(
        "REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
    ));
    assert_eq!(
        blind.json(),
        json!(["finds the name taken table public.customer of "])
    );
    assert!(
        blind.stderr.contains("may not read the ledgers of core"),
        "{}",
        blind.stderr
    );
    assert_eq!(
        seeing.json(),
        json!(["finds the name taken table public.customer of core"])
    );
    assert!(!seeing.stderr.contains("may not"), "{}", seeing.stderr);
}

#[test]
fn an_error_names_whose_object_is_in_the_way() {
    let project = Project::with(&PARTIES);
    project.nu("migrate run db -q | ignore").text();
    let fails = |track: &str, sql: &str| {
        let file = format!("db/{track}/20240301000000_{track}_x.sql");
        project.write(&file, sql);
        let script = "try { migrate run db -q | ignore; '' } catch {|e| $e.msg | lines | where $it starts-with 'IN THE WAY: ' | str substring 12.. | to json -r }";
        let ways = project.nu(script);
        std::fs::remove_file(project.path(&file)).unwrap();
        let ways = ways.json().as_array().unwrap().clone();
        let ways: Vec<_> = ways.iter().filter_map(Value::as_str).collect();
        ways.join("; ")
    };
    let by_impl = "of track impl: 20240101000000_impl_a.sql made it";
    let by_core = "of track core: 20240101000000_core_a.sql made it";
    assert_eq!(
        fails("core", "ALTER TABLE customer ADD vat int;\n"),
        format!("column public.customer.vat {by_impl}")
    );
    assert_eq!(
        fails("impl", "CREATE VIEW customer AS SELECT 1;\n"),
        format!("table public.customer {by_core}")
    );
    assert_eq!(
        fails("core", "ALTER TABLE customer DROP name;\n"),
        format!("view public.names {by_impl}")
    );
    assert_eq!(
        fails("core", "ALTER TABLE customer ALTER name TYPE varchar(9);\n"),
        format!("view public.names {by_impl}")
    );
    project.sql("CREATE TABLE by_hand ()");
    assert_eq!(
        fails("core", "CREATE TABLE by_hand ();\n"),
        "table public.by_hand, which no ledger knows"
    );
    // A pending file of another track makes it first, and goes with the transaction.
    project.write(
        "db/core/20240301000000_core_x.sql",
        "CREATE TABLE fresh ();\n",
    );
    assert_eq!(
        fails("impl", "CREATE TABLE fresh ();\n"),
        "table \"fresh\" of track core: 20240301000000_core_x.sql made it"
    );
}

/// What no right is needed for works without one, and what is not told is said.
#[test]
fn a_user_without_rights_is_told_what_he_may_not_see() {
    let project = Project::with(&PARTIES);
    project.nu("migrate run db -q | ignore").text();
    project.sql("CREATE TABLE by_hand ()");
    project
        .nu("migrate snapshot db --to schema | ignore")
        .text();
    project.sql("DROP TABLE by_hand");
    let role = format!("looks_{}", std::process::id());
    project.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    let as_role = |script: &str| {
        project.nu(&format!(
            "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; {script}"
        ))
    };
    let unseen = "may not read the ledgers";
    let objects =
        as_role("migrate objects db | where kind == table | select name track | to json -r");
    let against =
        as_role("migrate drift db --against schema | select name difference track | to json -r");
    let impact = as_role("migrate impact db customer | get name | to json -r");
    let snapshot = as_role("migrate snapshot db --to other --all | get name | length");
    let replay = as_role("try { migrate drift db } catch {|e| $e.details.code }");
    let rebuild = as_role("try { migrate objects db --rebuild } catch {|e| $e.details.code }");
    // One who may read, but not write.
    project.sql(&format!(
        "GRANT SELECT ON migrations_core, migrations_impl TO {role}"
    ));
    let reader = as_role("migrate objects db | where kind == view | get track | to json -r");
    let drift = as_role("migrate drift db -q | length");
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_eq!(
        objects.json(),
        json!([{"name": "public.customer", "track": null}])
    );
    assert!(objects.stderr.contains(unseen), "{}", objects.stderr);
    assert_eq!(
        against.json(),
        json!([{"name": "public.by_hand", "difference": "missing", "track": null}])
    );
    assert!(against.stderr.contains(unseen), "{}", against.stderr);
    assert_eq!(impact.json(), json!(["public.names"]));
    assert!(
        snapshot.text().parse::<usize>().unwrap() > 4,
        "{}",
        snapshot.stderr
    );
    assert_eq!(replay.text(), "migrate::not_permitted");
    assert_eq!(rebuild.text(), "migrate::not_permitted");
    assert_eq!(reader.json(), json!(["impl"]));
    assert_eq!(drift.text(), "0", "{}", drift.stderr);
}

#[test]
fn whose_it_is_that_a_user_may_not_change_is_told() {
    let project = Project::with(&PARTIES);
    project.nu("migrate run db -q | ignore").text();
    let role = format!("acme_{}", std::process::id());
    project.sql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {role};
         GRANT SELECT ON migrations_core, migrations_impl TO {role}"
    ));
    project.write(
        "db/20240301000000_acme_more.sql",
        "ALTER TABLE customer ADD acme int;\n",
    );
    let as_role = |script: &str| {
        project.nu(&format!(
            "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; {script}"
        ))
    };
    let failed = as_role("try { migrate run db -q --track acme } catch {|e| $e.details.msg }");
    let rehearsed = as_role(
        "migrate rehearse db -q --track acme --transaction each | get conflicts | flatten | select what name track | to json",
    );
    project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert!(
        failed
            .text()
            .contains("IN THE WAY: table public.customer of track core"),
        "{failed:?}"
    );
    assert_eq!(
        rehearsed.json(),
        json!([{"what": "is not allowed on", "name": "public.customer", "track": "core"}])
    );
}
