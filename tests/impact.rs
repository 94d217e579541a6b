//! `migrate impact`: what depends on what, as the server knows it and as function bodies say.

use serde_json::json;

use crate::support::Project;

const SCHEMA: &str = "\
CREATE TABLE customer (id int PRIMARY KEY, name text, email text);
CREATE TABLE invoice (id int PRIMARY KEY, customer int REFERENCES customer, total numeric);
CREATE VIEW open AS SELECT c.id, c.name, i.total FROM customer c JOIN invoice i ON i.customer = c.id;
CREATE MATERIALIZED VIEW sums AS SELECT name, sum(total) FROM open GROUP BY name;
CREATE INDEX by_email ON customer (lower(email));
CREATE FUNCTION names() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(name) FROM customer); END';
CREATE FUNCTION row_of(c customer) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION other() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN customers_all; END';
CREATE VIEW counted AS SELECT names() AS x;
CREATE SEQUENCE numbers;
CREATE SCHEMA \"my own\";
CREATE TABLE \"my own\".\"Größe\" (x int DEFAULT nextval('numbers'));
CREATE VIEW \"my own\".\"a \"\"b\" AS SELECT x FROM \"my own\".\"Größe\";
";

fn project() -> Project {
    let project = Project::with(&[("20240101000000_core_a.sql", SCHEMA)]);
    project.nu("migrate run db -q | ignore").text();
    project
}

#[test]
fn dependents_are_found_to_any_depth() {
    let project = project();
    let impact = |names: &str| {
        let script = format!(
            "migrate impact db {names} | each {{|row| $'($row.depth) ($row.kind) ($row.name) < ($row.via) ($row.certain)' }} | to json -r"
        );
        let output = project.nu(&script);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output.json()
    };
    assert_eq!(
        impact("customer"),
        json!([
            "1 constraint public.invoice invoice_customer_fkey < public.customer true",
            "1 function public.names() < public.customer false",
            "1 view public.open < public.customer true",
            "1 function public.row_of(public.customer) < public.customer true",
            "2 view public.counted < public.names() false",
            "2 materialized view public.sums < public.open true",
        ])
    );
    assert_eq!(
        impact("customer.email"),
        json!(["1 index public.by_email < public.customer.email true"])
    );
    assert_eq!(
        impact("public.numbers"),
        json!(["1 default \"my own\".\"Größe\".x < public.numbers true"])
    );
    assert_eq!(
        impact("'\"my own\".\"Größe\".x'"),
        json!(["1 view \"my own\".\"a \"\"b\" < \"my own\".\"Größe\".x true"])
    );
    assert_eq!(
        impact("names 'view open'"),
        json!([
            "1 view public.counted < public.names() true",
            "1 materialized view public.sums < public.open true",
        ])
    );
    // What holds the ledger holds nothing of the user's.
    assert_eq!(impact("sums"), json!([]));
}

#[test]
fn what_is_not_there_is_named() {
    let project = project();
    let error = project
        .nu("migrate impact db customer nowhere customer.nope")
        .stderr;
    assert!(error.contains("nowhere, customer.nope"), "{error}");
    assert_eq!(
        project.code("migrate impact db nowhere"),
        "migrate::no_such_object"
    );
    assert_eq!(project.code("migrate impact db"), "migrate::bad_flag");
}

#[test]
fn it_needs_no_rights_and_changes_nothing() {
    let project = project();
    let role = format!("impact_{}", std::process::id());
    project.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
    let found = project.nu(&format!(
        "$env.PGUSER = '{role}'; $env.PGPASSWORD = 'x'; migrate impact db public.open | get name | to json -r"
    ));
    project.sql(&format!("DROP ROLE {role}"));
    assert_eq!(found.json(), json!(["public.sums"]), "{}", found.stderr);
}
