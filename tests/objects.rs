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
         FROM (SELECT migration_name, objects FROM migrations_core UNION ALL SELECT migration_name, objects FROM migrations_impl) l, \
         jsonb_array_elements(objects) it \
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
         created column public.by_hand.x; created table public.other; dropped enum public.mood"
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

const PARTIES: [(&str, &str); 2] = [
    (
        "core/20240101000000_core_a.sql",
        "CREATE TABLE customer (id serial PRIMARY KEY, name text, email text);\nCREATE INDEX by_name ON customer (name);\n\
         CREATE TYPE mood AS ENUM ('a');\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\n",
    ),
    (
        "impl/20240101000000_impl_a.sql",
        "CREATE VIEW names AS SELECT name FROM customer;\nALTER TABLE customer ADD vat text;\n",
    ),
];

#[test]
fn what_is_dropped_is_remembered_with_the_file_that_did_it() {
    let project = Project::with(&PARTIES);
    project.sql("CREATE TABLE by_hand (id int)");
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/core/20240201000000_core_b.sql",
        "DO $$ BEGIN DROP FUNCTION f(); EXCEPTION WHEN undefined_function THEN NULL; END $$;\nDROP TYPE mood;\nALTER TABLE customer DROP email;\n",
    );
    project.write(
        "db/core/20240202000000_core_c.sql",
        "ALTER TABLE customer ALTER COLUMN name TYPE varchar(80) USING name;\nCREATE TABLE short ();\nDROP TABLE short;\n",
    );
    project.write(
        "db/impl/20240101000000_impl_a.down.sql",
        "DROP VIEW names;\n",
    );
    // The view is in the way of the second file.
    project.sql("DROP VIEW names");
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "core_b"),
        "altered table public.customer; dropped column public.customer.email; dropped enum public.mood; dropped function public.f()"
    );
    assert_eq!(
        recorded(&project, "core_c"),
        "altered column public.customer.name; altered index public.by_name"
    );
    project.write(
        "db/impl/20240203000000_impl_d.sql",
        "DROP TABLE customer;\nDROP TABLE by_hand;\nCREATE VIEW names AS SELECT 1 AS x;\n",
    );
    let objects = project.nu("migrate run db -q | get objects.0");
    assert_eq!(
        objects.text(),
        "created view public.names; dropped table public.by_hand, table public.customer"
    );
    assert_eq!(
        recorded(&project, "impl_d"),
        "created view public.names; dropped table public.by_hand; dropped table public.customer"
    );
    assert_eq!(told(&project, ""), json!(["impl view public.names d d"]));
}

/// A new column and a changed one leave the same in the catalogue; other sessions still see which was there.
#[test]
fn a_changed_last_column_is_no_new_one() {
    let project = Project::with(&[(
        "core/20240101000000_core_a.sql",
        "CREATE TABLE customer (id int PRIMARY KEY, name text);\nCREATE TABLE part (a int, b int);\n\
         CREATE TABLE whole (a int, b int) PARTITION BY LIST (a);\nCREATE TYPE pair AS (a int, b text);\n",
    )]);
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "ALTER TABLE customer ALTER name TYPE varchar(80), ADD CHECK (name <> '');\n\
         DO $$ BEGIN ALTER TABLE whole ATTACH PARTITION part FOR VALUES IN (1); END $$;\n\
         ALTER TYPE pair ALTER ATTRIBUTE b TYPE varchar(9);\n",
    );
    let conflicts = project.nu(
        "migrate rehearse db -q | get conflicts | flatten | each { $'($in.what) ($in.kind) ($in.name) of ($in.track)' } | to json -r",
    );
    assert_eq!(
        conflicts.json(),
        json!([
            "alters column public.customer.name of core",
            "alters column public.pair.b of core",
            "alters column public.part.a of core",
            "alters column public.part.b of core",
            "alters constraint public.customer customer_name_check of core",
        ])
    );
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "impl_b"),
        "altered column public.customer.name; altered column public.pair.b; altered column public.part.a; altered column public.part.b; \
         created constraint public.customer customer_name_check"
    );
    assert_eq!(
        project
            .nu("migrate objects db --all | where name == public.customer.name | get 0 | $'($in.track) ($in.made_by)'")
            .text(),
        "core 20240101000000_core_a.sql"
    );
    project.write(
        "db/impl/20240202000000_impl_c.sql",
        "ALTER TABLE customer ADD vat text NOT NULL DEFAULT 'x', ALTER name SET NOT NULL;\nALTER TABLE whole DETACH PARTITION part;\n",
    );
    project.write(
        "db/impl/20240203000000_impl_d.sql",
        "-- migrate: no-transaction\nALTER TABLE customer ALTER vat TYPE varchar(9), ADD phone text DEFAULT '';\n",
    );
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "impl_c"),
        "altered column public.customer.name; altered column public.part.a; altered column public.part.b; created column public.customer.vat"
    );
    assert_eq!(
        recorded(&project, "impl_d"),
        "altered column public.customer.vat; created column public.customer.phone"
    );
    // What takes no lock has made no column.
    project.write(
        "db/impl/20240204000000_impl_e.sql",
        "GRANT SELECT ON customer TO pg_monitor;\nGRANT SELECT (phone) ON customer TO pg_monitor;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "impl_e"),
        "altered column public.customer.phone"
    );
    // Of many transactions, several together are asked about.
    for number in 10..35 {
        let sql = match number {
            20 => "ALTER TABLE customer ALTER phone TYPE varchar(9);\n".to_owned(),
            21 => "ALTER TABLE t15 ADD x int DEFAULT 1;\n".to_owned(),
            22 => "ALTER TABLE t16 ALTER a TYPE bigint;\n".to_owned(),
            number => format!("CREATE TABLE t{number} (a int);\n"),
        };
        project.write(
            &format!("db/impl/202403{number}000000_impl_t{number}.sql"),
            &sql,
        );
    }
    project
        .nu("migrate run db -q --transaction each | ignore")
        .text();
    assert_eq!(
        recorded(&project, "impl_t20"),
        "altered column public.customer.phone"
    );
    assert_eq!(
        recorded(&project, "impl_t21"),
        "created column public.t15.x"
    );
    assert_eq!(recorded(&project, "impl_t16"), "created table public.t16");
}

/// Whatever the search path is, in a transaction, outside of one, and for many together.
#[test]
fn a_dropped_function_has_the_name_that_it_had() {
    let project = Project::with(&[(
        "core/20240101000000_core_a.sql",
        "CREATE TYPE kind AS ENUM ('a');\nCREATE FUNCTION one(kind) RETURNS int LANGUAGE sql AS 'SELECT 1';\n\
         CREATE FUNCTION two(kind) RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE FUNCTION three(kind[]) RETURNS int LANGUAGE sql AS 'SELECT 1';\n",
    )]);
    project.nu("migrate run db -q | ignore").text();
    project.write("db/core/20240201000000_core_b.sql", "DROP FUNCTION one;\n");
    project.write(
        "db/core/20240202000000_core_c.sql",
        "-- migrate: no-transaction\nSET search_path = public;\nDROP FUNCTION two;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/core/20240203000000_core_d.sql",
        "DROP FUNCTION three;\n",
    );
    project
        .nu("migrate run db -q --transaction each | ignore")
        .text();
    project.sql("CREATE TABLE migrations_impl (LIKE migrations_core)");
    for (name, dropped) in [
        ("core_b", "dropped function public.one(public.kind)"),
        ("core_c", "dropped function public.two(public.kind)"),
        ("core_d", "dropped function public.three(public.kind[])"),
    ] {
        assert_eq!(recorded(&project, name), dropped);
    }
}

#[test]
fn what_is_part_of_a_table_keeps_its_maker_wherever_the_table_goes() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE SCHEMA other;\nCREATE TABLE customer (id int PRIMARY KEY, name text);\nCREATE TABLE \"Ü x\" (id int);\n",
        ),
        (
            "impl/20240101000000_impl_a.sql",
            "ALTER TABLE customer ADD vat int CONSTRAINT sane CHECK (vat > 0);\nALTER TABLE customer ADD CONSTRAINT one UNIQUE (vat);\nCREATE INDEX by_vat ON customer (vat);\n\
             CREATE TRIGGER tr BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();\n\
             CREATE POLICY po ON customer;\nCREATE RULE ru AS ON DELETE TO customer DO INSTEAD NOTHING;\n\
             CREATE STATISTICS st ON id, vat FROM customer;\nCREATE FUNCTION f(c customer) RETURNS int LANGUAGE sql AS 'SELECT 1';\n\
             CREATE POLICY \"Ö p\" ON \"Ü x\";\n",
        ),
    ]);
    project.nu("migrate run db -q | ignore").text();
    let of_impl = || {
        let told = project.nu("migrate objects db --all | where track == impl | each { $'($in.kind) ($in.name) ($in.made_by)' | str replace _a.sql '' | str replace -r '[0-9]+_' '' } | to json -r");
        let told = told.json();
        let told = told.as_array().unwrap().iter().filter_map(Value::as_str);
        let mut told: Vec<_> = told.map(str::to_owned).collect();
        told.sort_unstable();
        told
    };
    let steps: [(&str, &[(&str, &str)]); 5] = [
        (
            "ALTER TABLE customer SET SCHEMA other",
            &[
                ("public.customer", "other.customer"),
                ("public.by_vat", "other.by_vat"),
            ],
        ),
        (
            "ALTER TABLE other.customer RENAME TO client",
            &[("other.customer", "other.client")],
        ),
        (
            "ALTER SCHEMA other RENAME TO \"an other\"",
            &[("other.", "\"an other\".")],
        ),
        (
            "ALTER TABLE \"Ü x\" RENAME TO \"ä y\"",
            &[("\"Ü x\"", "\"ä y\"")],
        ),
        (
            "SET search_path = \"an other\"; ALTER TABLE client RENAME vat TO tax; ALTER TABLE client RENAME CONSTRAINT sane TO sound; \
             ALTER INDEX by_vat RENAME TO by_tax; ALTER TRIGGER tr ON client RENAME TO \"t 2\"",
            &[
                ("client.vat", "client.tax"),
                ("client sane", "client sound"),
                ("by_vat", "by_tax"),
                ("client tr", "client \"t 2\""),
            ],
        ),
    ];
    let mut expected = of_impl();
    assert_eq!(expected.len(), 10, "{expected:?}");
    for (number, (sql, renamed)) in (1..).zip(steps) {
        project.write(&format!("db/core/2024020{number}000000_core_m.sql"), sql);
        project.nu("migrate run db -q | ignore").text();
        for line in &mut expected {
            for (from, to) in renamed {
                *line = line.replace(from, to);
            }
        }
        expected.sort_unstable();
        assert_eq!(of_impl(), expected, "{sql}");
    }
}

#[test]
fn a_file_outside_of_a_transaction_drops_too() {
    let project = Project::with(&PARTIES);
    project.nu("migrate run db -q | ignore").text();
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "-- migrate: no-transaction\nDROP INDEX CONCURRENTLY by_name;\nDROP VIEW names;\n",
    );
    let objects = project.nu(
        "migrate run db -q --full | get objects.0 | each { values | str join ' ' } | to json -r",
    );
    assert_eq!(
        objects.json(),
        json!(["dropped index public.by_name", "dropped view public.names"])
    );
    assert_eq!(
        recorded(&project, "impl_b"),
        "dropped index public.by_name; dropped view public.names"
    );
}

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

/// What many transactions have done is asked of the catalogue for several together.
#[test]
fn a_run_of_many_transactions_is_remembered_file_by_file() {
    let project = Project::with(&PARTIES);
    for number in 10..40 {
        let sql = match number {
            20 => "DROP TYPE mood;\nSAVEPOINT a;\nALTER TABLE t15 ADD x int;\nRELEASE a;\n".to_owned(),
            21 => "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY late ON t16 (a);\nDROP INDEX by_name;\n".to_owned(),
            22 => "DO $$ BEGIN CREATE TABLE t22 (a int); EXCEPTION WHEN duplicate_table THEN NULL; END $$;\nDROP FUNCTION f;\n".to_owned(),
            number => format!("CREATE TABLE t{number} (a int);\n"),
        };
        project.write(
            &format!("db/core/202402{number}000000_core_t{number}.sql"),
            &sql,
        );
    }
    project.write("db/core/20240239000000_core_t39.sql", "SELECT nothing;\n");
    let failed = project.nu("migrate run db -q --transaction each | ignore");
    assert!(failed.stderr.contains("t39"), "{}", failed.stderr);
    project.sql("CREATE TABLE migrations_impl (LIKE migrations_core)");
    let expected = [
        ("core_t10", "created table public.t10"),
        ("core_t15", "created table public.t15"),
        (
            "core_t20",
            "created column public.t15.x; dropped enum public.mood",
        ),
        (
            "core_t21",
            "created index public.late; dropped index public.by_name",
        ),
        (
            "core_t22",
            "created table public.t22; dropped function public.f()",
        ),
        ("core_t23", "created table public.t23"),
        ("core_t38", "created table public.t38"),
    ];
    for (name, objects) in expected {
        assert_eq!(recorded(&project, name), objects, "{name}");
    }
    project.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    std::fs::remove_file(project.path("db/core/20240239000000_core_t39.sql")).unwrap();
    let told = project
        .nu("migrate run db -q --transaction each | get objects | to json -r")
        .json();
    let told: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(told[1], "created table public.t10");
    assert_eq!(
        told[11],
        "created column public.t15.x; dropped enum public.mood"
    );
    assert_eq!(
        told[13],
        "created table public.t22; dropped function public.f()"
    );
    assert_eq!(
        told.last(),
        Some(&"created column public.customer.vat, view public.names")
    );
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

fn needs(project: &Project, options: &str) -> Value {
    let script = format!(
        "migrate validate db {options} | where rule in [missing-requirement foreign-object] | each {{|row| $'($row.severity) ($row.place): ($row.message)' }} | to json -r"
    );
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.json()
}

#[test]
fn what_is_used_of_another_track_and_not_required_is_found() {
    let project = Project::with(&PARTIES);
    project.write(
        "db/acme/20240101000000_acme_a.sql",
        "-- migrate: requires impl/20240101000000\nCREATE VIEW own AS SELECT vat FROM customer;\n",
    );
    let by_word = "warning impl/20240101000000: it uses the relation customer of track core, and does not require core/20240101000000";
    // Nothing is recorded yet.
    let by_acme = by_word.replace("impl/", "acme/");
    assert_eq!(needs(&project, ""), json!([by_acme, by_word]));
    project.nu("migrate run db -q | ignore").text();
    let by_impl = "warning impl/20240101000000: it uses the column public.customer.name of track core, and does not require core/20240101000000";
    assert_eq!(needs(&project, ""), json!([by_impl]));
    // A pending file says it, for itself and not for those before it.
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "-- migrate: requires core/20240101000000\nCREATE VIEW b AS SELECT id FROM customer;\n",
    );
    project.write(
        "db/acme/20240201000000_acme_b.sql",
        "CREATE TABLE mine (c int REFERENCES customer);\nALTER TABLE public.customer ADD acme int;\n",
    );
    let by_acme = "warning acme/20240201000000: it uses the table public.customer of track core, and does not require core/20240101000000";
    assert_eq!(needs(&project, ""), json!([by_acme, by_impl]));
    assert_eq!(
        project.code("migrate validate db --strict"),
        "migrate::invalid"
    );
    let allowed = project.nu("$env.MIGRATE_ALLOW = 'missing-requirement'; migrate validate db --strict | where severity == error | length");
    assert_eq!(allowed.text(), "0");
    project.write(
        "db/migrate.json",
        r#"{"touch": "declared", "tracks": {"acme": {"touch": "own"}}}"#,
    );
    let strict = needs(&project, "");
    let strict: Vec<_> = strict
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        strict.iter().all(|found| found.starts_with("error ")),
        "{strict:?}"
    );
    assert!(
        strict.contains(
            &"error acme/20240201000000: it changes the table public.customer of track core"
        ),
        "{strict:?}"
    );
    assert_eq!(strict.len(), 3);
}

#[test]
fn what_is_used_of_another_tracks_pending_file_is_found() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE customer (id int PRIMARY KEY);\n",
        ),
        (
            "core/20240102000000_core_b.sql",
            "CREATE VIEW names AS SELECT id FROM customer;\n",
        ),
        (
            "impl/20240103000000_impl_a.sql",
            "CREATE TABLE invoice (customer int REFERENCES customer);\nALTER TABLE public.customer ADD vat text;\n",
        ),
        (
            "acme/20240104000000_acme_a.sql",
            "-- migrate: requires core/20240102000000\nCREATE TEMP TABLE invoice AS SELECT id FROM names;\nTABLE invoice;\n",
        ),
    ]);
    let found = "warning impl/20240103000000: it uses the relation customer of track core, and does not require core/20240101000000";
    for options in ["", "--offline", "--track impl"] {
        assert_eq!(needs(&project, options), json!([found]), "{options}");
    }
    assert_eq!(needs(&project, "--track acme"), json!([]));
    assert_eq!(
        project.code("migrate validate db --offline --strict"),
        "migrate::invalid"
    );
    project.write(
        "db/migrate.json",
        r#"{"tracks": {"impl": {"touch": "own"}}}"#,
    );
    assert_eq!(
        needs(&project, ""),
        json!([
            "error impl/20240103000000: it changes the relation public.customer of track core",
            found.replace("warning", "error")
        ])
    );
    assert_eq!(project.code("migrate run db -q"), "migrate::touch_refused");
    project.remove("db/migrate.json");
    project.nu("migrate run db -q | ignore").text();
    let after = needs(&project, "").to_string();
    assert!(
        after.contains("does not require core/20240101000000"),
        "{after}"
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

/// Each object has the same kind and name wherever it is told, and its maker.
#[test]
fn every_kind_of_object_is_recorded() {
    let everything = include_str!("catalog/everything.sql");
    let project = Project::with(&[("core/20240101000000_core_a.sql", everything)]);
    project.nu("migrate run db -q | ignore").text();
    let unknown = "migrate objects db --all | where track == null and name != public and name != plpgsql | each { $'($in.kind) ($in.name)' } | to json -r";
    assert_eq!(project.nu(unknown).json(), json!([]));
    // Each is told where it is changed, and where it is dropped.
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "ALTER DOMAIN s.positive DROP CONSTRAINT above;\nALTER OPERATOR s.=== (s.comp, s.comp) SET (RESTRICT = eqsel);\n\
         CREATE FUNCTION s.h(s.comp) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';\n\
         ALTER OPERATOR FAMILY s.oc USING hash ADD FUNCTION 1 (s.comp, s.comp) s.h(s.comp);\n\
         CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere' PUBLICATION none WITH (connect = false, slot_name = NONE);\n\
         CREATE CONVERSION s.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;\n\
         CREATE TEXT SEARCH PARSER s.par (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);\n\
         CREATE TEXT SEARCH TEMPLATE s.tem (lexize = dsimple_lexize);\nCREATE ACCESS METHOD am TYPE INDEX HANDLER bthandler;\n\
         CREATE LANGUAGE lang HANDLER plpgsql_call_handler;\n",
    );
    project.write(
        "db/impl/20240202000000_impl_c.sql",
        "ALTER DOMAIN s.positive ADD CHECK (VALUE > 1);\nALTER COLLATION s.german RENAME TO deutsch;\n\
         ALTER TEXT SEARCH CONFIGURATION s.tsc DROP MAPPING FOR url;\nALTER TEXT SEARCH DICTIONARY s.di (accept = false);\n\
         ALTER EVENT TRIGGER et DISABLE;\nALTER PUBLICATION pub DROP TABLE s.a;\nALTER SERVER sv OPTIONS (host 'h');\n\
         ALTER USER MAPPING FOR CURRENT_USER SERVER sv OPTIONS (user 'u');\nALTER FOREIGN TABLE s.ft OPTIONS (table_name 'y');\n\
         ALTER FOREIGN DATA WRAPPER fdw OPTIONS (debug 'true');\nALTER TYPE s.comp ADD ATTRIBUTE z int;\n\
         ALTER SUBSCRIPTION sub RENAME TO sub2;\n\
         CREATE COLLATION s.other (locale = 'C');\nALTER DEFAULT PRIVILEGES IN SCHEMA s REVOKE SELECT ON TABLES FROM public;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "impl_b"),
        "altered domain s.positive; altered operator s.===(s.comp, s.comp); altered operator family s.oc hash; created access method am; \
         created conversion s.conv; created function s.h(s.comp); created language lang; \
         created text search parser s.par; created text search template s.tem"
    );
    assert_eq!(
        recorded(&project, "impl_c"),
        "altered collation s.deutsch; altered domain s.positive; altered event trigger et; altered foreign data wrapper fdw; \
         altered foreign table s.ft; altered publication pub; altered server sv; \
         altered text search configuration s.tsc; \
         altered text search dictionary s.di; altered user mapping CURRENT_USER sv; created collation s.other; created column s.comp.z; created subscription sub2; \
         dropped default privileges CURRENT_USER IN s ON TABLES"
    );
    assert_eq!(
        project
            .nu("migrate objects db | where name == s.deutsch | get 0.made_by")
            .text(),
        "20240101000000_core_a.sql"
    );
    project.write(
        "db/impl/20240203000000_impl_d.sql",
        "-- migrate: no-transaction\nDROP EVENT TRIGGER et;\nDROP PUBLICATION pub;\nDROP USER MAPPING FOR CURRENT_USER SERVER sv;\n\
         DROP SERVER sv CASCADE;\nDROP SUBSCRIPTION sub2;\nDROP LANGUAGE lang;\nDROP FOREIGN DATA WRAPPER fdw;\nDROP TEXT SEARCH CONFIGURATION s.tsc;\nDROP COLLATION s.deutsch;\n\
         ALTER DOMAIN s.positive DROP CONSTRAINT positive_check;\n",
    );
    project.write(
        "db/impl/20240204000000_impl_e.sql",
        "DROP CAST (s.comp AS text);\nDROP OPERATOR FAMILY s.oc USING hash CASCADE;\nDROP OPERATOR s.=== (s.comp, s.comp);\n\
         DROP DOMAIN s.positive;\nDROP TEXT SEARCH DICTIONARY s.di;\n",
    );
    project.nu("migrate run db -q | ignore").text();
    assert_eq!(
        recorded(&project, "impl_d"),
        "altered domain s.positive; dropped collation s.deutsch; dropped event trigger et; dropped foreign data wrapper fdw; dropped foreign table s.ft; \
         dropped language lang; dropped publication pub; dropped server sv; dropped subscription sub2; dropped text search configuration s.tsc; dropped user mapping CURRENT_USER sv"
    );
    assert_eq!(
        recorded(&project, "impl_e"),
        "dropped cast s.comp AS text; dropped domain s.positive; dropped operator s.===(s.comp, s.comp); dropped operator class s.oc hash; \
         dropped operator family s.oc hash; dropped text search dictionary s.di"
    );
    assert_eq!(project.nu(unknown).json(), json!([]));
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
