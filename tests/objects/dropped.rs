//! What is dropped, and what is only changed: seen from outside, or looked at beforehand.

use serde_json::json;

use super::{PARTIES, recorded, told};
use crate::support::Project;

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
