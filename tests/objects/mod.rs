//! `migrate objects`: which migration made and changed what, as the catalogue says.

mod dropped;
mod ledgers;
mod needs;
mod whose;

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

/// Each object has the same kind and name wherever it is told, and its maker.
#[test]
fn every_kind_of_object_is_recorded() {
    let everything = include_str!("../catalog/everything.sql");
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
