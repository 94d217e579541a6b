//! `migrate objects`: which migration made and changed what, as the catalogue says.

use serde_json::{Value, json};

use crate::support::Project;

fn told(project: &Project, options: &str) -> Value {
    let script = format!(
        "migrate objects db {options} | where kind not-in [schema extension] | each {{|row| $\"($row.track) ($row.kind) ($row.name) ($row.made_by | default - | split row _ | last | str replace .sql '') ($row.last_changed_by | default - | split row _ | last | str replace .sql '')\" }} | to json -r"
    );
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.json()
}

fn recorded(project: &Project, name: &str) -> String {
    project.sql(&format!(
        "SELECT string_agg(concat_ws(' ', it ->> 0, it ->> 1, it ->> 2), '; ' ORDER BY it ->> 0, it ->> 1, it ->> 2) \
         FROM (SELECT * FROM migrations_core UNION ALL SELECT * FROM migrations_impl) l, jsonb_array_elements(objects) it \
         WHERE migration_name LIKE '%{name}.sql'"
    ))
}

const FILES: [(&str, &str); 5] = [
    (
        "core/20240101000000_core_a.sql",
        "CREATE TABLE customer (id serial PRIMARY KEY, name text UNIQUE);\nCREATE INDEX by_name ON customer (lower(name));\n\
         CREATE FUNCTION f(c customer) RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE TYPE mood AS ENUM ('a');\n",
    ),
    (
        "core/20240102000000_core_b.sql",
        "ALTER TABLE customer ADD COLUMN age int CHECK (age > 0);\nALTER TYPE mood RENAME VALUE 'a' TO 'b';\n\
         DO $$ BEGIN EXECUTE 'CREATE VIEW hidden AS SELECT id FROM customer'; EXCEPTION WHEN undefined_table THEN NULL; END $$;\n",
    ),
    ("core/20240103000000_core_c.sql", "SELECT 1;\n"),
    (
        "impl/20240101000000_impl_d.sql",
        "CREATE TABLE invoice (customer int REFERENCES customer);\nSAVEPOINT x;\nCREATE TABLE \"Ü x\" ();\nRELEASE x;\n\
         ALTER TABLE customer RENAME TO client;\n",
    ),
    (
        "impl/20240102000000_impl_e.sql",
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY late ON invoice (customer);\n",
    ),
];

#[test]
fn each_file_of_a_group_is_remembered_with_what_it_did() {
    let project = Project::with(&FILES);
    project.sql("CREATE TABLE by_hand (id int)");
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "core_a"),
        "created enum public.mood; created function public.f(public.customer); created index public.by_name; created table public.client"
            .replace("f(public.customer)", "f(public.client)")
    );
    assert_eq!(
        recorded(&project, "core_b"),
        "altered enum public.mood; created column public.client.age; created constraint public.client customer_age_check; created view public.hidden"
    );
    assert_eq!(recorded(&project, "core_c"), "");
    assert_eq!(
        recorded(&project, "impl_d"),
        "altered table public.client; created table public.\"Ü x\"; created table public.invoice"
    );
    assert_eq!(recorded(&project, "impl_e"), "created index public.late");
    assert_eq!(
        told(&project, ""),
        json!([
            "core enum public.mood a b",
            "core function public.f(public.client) a a",
            "core index public.by_name a a",
            "core index public.customer_name_key a d",
            "core index public.customer_pkey a d",
            "impl index public.late e e",
            "core sequence public.customer_id_seq a d",
            "impl table public.\"Ü x\" d d",
            " table public.by_hand - -",
            "core table public.client a d",
            "impl table public.invoice d d",
            "core view public.hidden b b",
        ])
    );
    assert_eq!(told(&project, "--track impl").as_array().unwrap().len(), 3);
    let owners =
        project.nu("migrate objects db | where kind == table | get owner | uniq | to json -r");
    assert_eq!(owners.json(), json!(["tester"]));
    let impact = project
        .nu("migrate impact db client | each {|row| $'($row.name) ($row.track)' } | to json -r");
    assert_eq!(
        impact.json(),
        json!([
            "public.f(public.client) core",
            "public.hidden core",
            "public.invoice invoice_customer_fkey impl",
        ])
    );
}

#[test]
fn a_later_run_changes_what_an_earlier_one_made() {
    let project = Project::with(&FILES[..2]);
    project.sql("CREATE TABLE by_hand (id int)");
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/impl/20240201000000_impl_f.sql",
        "ALTER TABLE customer ALTER name SET DEFAULT 'x';\nALTER TABLE by_hand ADD x int;\nCREATE OR REPLACE FUNCTION f(c customer) RETURNS int LANGUAGE sql AS 'SELECT 2';\n\
         CREATE OR REPLACE VIEW hidden AS SELECT id FROM customer WHERE id > 1;\nCREATE TABLE other (c int REFERENCES customer);\n\
         ALTER TABLE by_hand SET (fillfactor = 70);\nDROP TYPE mood;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "impl_f"),
        "altered column public.customer.name; altered function public.f(public.customer); altered view public.hidden; \
         created column public.by_hand.x; created table public.other"
    );
}

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
