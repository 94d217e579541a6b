//! `migrate squash`: one migration in place of many, and what databases make of it.

use std::fs;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::Project;
use crate::support::server::SERVER;

const A: &str = "20240101000000_core_a.sql";
const B: &str = "20240102000000_core_b.sql";
const C: &str = "20240103000000_core_c.sql";
const D: &str = "20240104000000_core_d.sql";
const S: &str = "20240103000001_core_squash.sql";

/// Of everything that a schema may hold and that is easily lost on the way.
const RICH: &str = r#"
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE SCHEMA "Größe ""x""";
CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE customer (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL DEFAULT 'nobody',
    kind varchar(10) CHECK (kind IN ('a', 'b')),
    mood mood,
    size positive,
    double int GENERATED ALWAYS AS (size * 2) STORED,
    gone int,
    made timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE customer DROP COLUMN gone;
COMMENT ON TABLE customer IS 'a comment; with -- signs and \ backslash';
CREATE INDEX customer_name ON customer (lower(name)) WHERE kind = 'a';
CREATE VIEW "Größe ""x"""."Sicht" AS SELECT id, (ARRAY[1, 2, 3])[1:2] AS part FROM customer WHERE kind IN ('a', 'b');
CREATE MATERIALIZED VIEW total AS SELECT count(*) FROM customer;
CREATE FUNCTION greet(who text) RETURNS text LANGUAGE plpgsql AS $$
-- Name: fake; Type: TABLE; Schema: public; Owner: -
BEGIN
    RETURN 'hello; ' || who;
END $$;
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT x * 2; END;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.made := now(); RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON customer USING (name = current_user);
GRANT SELECT ON customer TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
CREATE TABLE measured (at date NOT NULL, value float) PARTITION BY RANGE (at);
CREATE TABLE measured_2024 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE empty (x int);
SELECT lo_create(4711), lo_put(4711, 0, 'a large object');
CREATE RULE nothing AS ON DELETE TO measured DO INSTEAD NOTHING;
CREATE STATISTICS together (dependencies) ON id, size FROM customer;
CREATE TEXT SEARCH CONFIGURATION mine (COPY = english);
CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted();
REVOKE DELETE ON empty FROM CURRENT_USER;
CREATE SEQUENCE numbers START 7;
SELECT nextval('numbers');
"#;

const ROWS: &str = r"
INSERT INTO customer (name, kind, mood, size) VALUES
    (E'tab\there', 'a', 'it''s ok', 3), (E'\\. and \\N', 'b', NULL, NULL), ('ALTER TABLE x OWNER TO y;', NULL, 'sad', 1);
UPDATE customer SET name = name || ' changed' WHERE size = 3;
INSERT INTO measured VALUES ('2024-05-01', 1.5), ('2024-06-01', 'NaN');
REFRESH MATERIALIZED VIEW total;
";

fn project() -> Project {
    // PostgreSQL 14 brought it.
    let is_there = |line: &&str| SERVER.version() >= 140_000 || !line.contains("BEGIN ATOMIC");
    let rich: Vec<_> = RICH.lines().filter(is_there).collect();
    Project::with(&[
        (&format!("core/{A}"), &rich.join("\n")),
        (&format!("core/{B}"), ROWS),
        (
            &format!("core/{C}"),
            "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY customer_kind ON customer (kind);\n",
        ),
        (
            &format!("core/{D}"),
            "ALTER TABLE customer ADD later int;\n",
        ),
    ])
}

/// Three files that make a table each, and the file that replaces the first two of them.
fn small() -> Project {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n"),
        (B, "CREATE TABLE b (id int);\n"),
        (C, "CREATE TABLE c (id int);\n"),
    ]);
    project
        .nu("migrate squash ./db --to 20240102000000 -q")
        .text();
    project
}

const SMALL: &str = "20240102000001_core_squash.sql";

/// The states, by the last letters of the name.
fn states(project: &Project) -> serde_json::Value {
    project
        .nu("migrate status ./db | each { [($in.name | str replace -r '^.*core_(.*).sql$' '$1') $in.state] } | to json")
        .json()
}

fn names(project: &Project, script: &str) -> serde_json::Value {
    project.nu(&format!("{script} | get name | to json")).json()
}

#[test]
fn one_file_makes_what_many_make() {
    let project = project();
    let made = project.nu("migrate squash ./db --track core --to 20240103000000 -q | to json");
    assert_eq!(
        made.json(),
        json!([{"name": S, "state": "written", "migrations": 3,
                "replaces": "core/20240101000000..core/20240103000000", "requires": "",
                "file": project.path(&format!("db/core/{S}")).display().to_string()}])
    );
    assert_eq!(project.tables(), "", "the target is not touched");
    let text = fs::read_to_string(project.path(&format!("db/core/{S}"))).unwrap();
    assert!(
        text.starts_with(
            "-- migrate: replaces core/20240101000000..core/20240103000000\n\
             -- migrate: made-of 20240101000000 20240102000000 20240103000000\n"
        ),
        "{text}"
    );
    assert!(
        !text.contains("OWNER TO postgres") && !text.contains("\\restrict"),
        "{text}"
    );
    // A fresh database runs it in their place, with what comes later.
    for old in [A, B, C] {
        project.remove(&format!("db/core/{old}"));
    }
    assert_eq!(names(&project, "migrate run ./db"), json!([S, D]));
    assert_eq!(project.sql("SELECT count(*) FROM customer"), "3");
    assert_eq!(
        project.sql("SELECT name FROM customer WHERE size = 3"),
        "tab\there changed"
    );
    assert_eq!(project.sql("SELECT nextval('numbers')"), "8");
    assert_eq!(
        project.sql("SELECT convert_from(lo_get(4711), 'UTF8')"),
        "a large object"
    );
    assert_eq!(
        project.nu("migrate validate ./db | to json").json(),
        json!([])
    );
    assert_eq!(
        project
            .nu("migrate rehearse ./db --scratch | to json")
            .json(),
        json!([])
    );
}

#[test]
fn a_database_that_has_all_of_it_counts_it_as_applied() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        (B, "CREATE TABLE b (id int);\n"),
        (C, "CREATE TABLE c (id int);\n"),
    ]);
    project.nu("migrate run ./db --to 20240102000000").text();
    project
        .nu("migrate squash ./db --to 20240102000000 -q")
        .text();
    assert_eq!(
        states(&project),
        json!([
            ["a", "applied"],
            ["b", "applied"],
            ["squash", "applied"],
            ["c", "pending"]
        ])
    );
    // And without the old files.
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    assert_eq!(
        states(&project),
        json!([
            ["a", "replaced"],
            ["b", "replaced"],
            ["squash", "applied"],
            ["c", "pending"]
        ])
    );
    assert_eq!(
        project.nu("migrate validate ./db | to json").json(),
        json!([])
    );
    assert_eq!(
        names(&project, "migrate run ./db --to 20240102000000"),
        json!([])
    );
    assert_eq!(names(&project, "migrate run ./db"), json!([C]));
    assert_eq!(names(&project, "migrate run ./db"), json!([]));
    assert_eq!(project.nu("migrate drift ./db | to json").json(), json!([]));
    assert_eq!(
        names(&project, "migrate history ./db"),
        json!([A, B, C]),
        "what ran is what the ledger says"
    );
    let summary =
        "migrate status ./db --summary | select total applied pending missing failed | to json";
    assert_eq!(
        project.nu(summary).json(),
        json!([{"total": 2, "applied": 2, "pending": 0, "missing": 0, "failed": 0}])
    );
    assert_eq!(
        project
            .nu("migrate rehearse ./db --scratch | to json")
            .json(),
        json!([])
    );
}

#[test]
fn a_database_that_has_some_of_it_is_refused_with_the_way_out() {
    let project = small();
    let content = |file: &str| fs::read_to_string(project.path(&format!("db/{file}"))).unwrap();
    let (squash, a, b) = (content(SMALL), content(A), content(B));
    project.remove(&format!("db/{SMALL}"));
    project.nu("migrate run ./db --steps 1").text();
    project.write(&format!("db/{SMALL}"), squash);
    assert_eq!(
        states(&project),
        json!([
            ["a", "applied"],
            ["b", "pending"],
            ["squash", "partial"],
            ["c", "pending"]
        ])
    );
    assert_eq!(project.code("migrate run ./db"), "migrate::partly_replaced");
    let rules = "migrate validate ./db | where severity == error | get rule | to json";
    assert_eq!(project.nu(rules).json(), json!(["partly-replaced"]));
    // The old files are gone: the way out begins with them.
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    assert_eq!(project.code("migrate run ./db"), "migrate::partly_replaced");
    let said = project.nu("migrate run ./db").stderr;
    assert!(said.contains("core/20240102000000"), "{said}");
    assert_eq!(
        project.code("migrate run ./db --to 20240102000000"),
        "migrate::missing",
        "without the files nothing can be completed"
    );
    project.write(&format!("db/{A}"), a);
    project.write(&format!("db/{B}"), b);
    assert_eq!(
        names(
            &project,
            "migrate run ./db --track core --to 20240102000000"
        ),
        json!([B])
    );
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    assert_eq!(names(&project, "migrate run ./db"), json!([C]));
}

#[test]
fn a_fresh_database_may_still_go_the_old_way_up_to_a_point() {
    let project = small();
    assert_eq!(
        names(&project, "migrate run ./db --to 20240101000000"),
        json!([A])
    );
    assert_eq!(
        names(&project, "migrate run ./db --to 20240102000000"),
        json!([B])
    );
    assert_eq!(names(&project, "migrate run ./db"), json!([C]));
}

#[test]
fn requirements_of_other_tracks_hold() {
    let needing = "-- migrate: requires core/20240102000000\nCREATE TABLE i AS SELECT * FROM b;\n";
    let project = small();
    project.write("impl/20240101000000_impl_i.sql", needing);
    project.write("db/20240101000000_impl_i.sql", needing);
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    // A tree of its own has none of core's files; the ledger tells.
    assert_eq!(
        project.code("migrate run ./impl"),
        "migrate::unmet_requirement"
    );
    project.nu("migrate run ./db --track core").text();
    assert_eq!(
        names(&project, "migrate run ./impl --dry-run")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        names(&project, "migrate run ./impl")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        project
            .nu("migrate validate ./db | where severity == error | to json")
            .json(),
        json!([])
    );

    let fresh = small();
    fresh.write("db/20240101000000_impl_i.sql", needing);
    fresh.remove(&format!("db/{A}"));
    fresh.remove(&format!("db/{B}"));
    assert_eq!(
        names(&fresh, "migrate run ./db"),
        json!([SMALL, C, "20240101000000_impl_i.sql"])
    );
}

#[test]
fn what_the_range_requires_of_others_stays_required() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        (
            B,
            "-- migrate: requires impl/20240102000000\nCREATE VIEW b AS SELECT * FROM i JOIN j USING (id);\n",
        ),
        ("20240101000000_impl_i.sql", "CREATE TABLE i (id int);\n"),
        ("20240102000000_impl_j.sql", "CREATE TABLE j (id serial);\n"),
        ("20240103000000_impl_k.sql", "CREATE TABLE k (id int);\n"),
    ]);
    let made = "migrate squash ./db --track core --to 20240102000000 -q | get requires.0";
    assert_eq!(project.nu(made).text(), "impl/20240102000000");
    let text = fs::read_to_string(project.path(&format!("db/{SMALL}"))).unwrap();
    assert!(
        text.contains("-- migrate: requires impl/20240102000000\n"),
        "{text}"
    );
    assert!(!text.contains("CREATE TABLE public.i"), "{text}");
    assert_eq!(
        names(&project, "migrate run ./db"),
        json!([
            "20240101000000_impl_i.sql",
            "20240102000000_impl_j.sql",
            SMALL,
            "20240103000000_impl_k.sql"
        ])
    );
}

#[test]
fn what_cannot_be_proven_leaves_no_file() {
    let squash = |files: &[(&str, &str)]| {
        let project = Project::with(files);
        let code = project.code("migrate squash ./db --track core --to 20240109000000 -q");
        let files = fs::read_dir(project.path("db")).unwrap().count();
        (code, files)
    };
    let refused = |code: &str, files: usize| (format!("migrate::{code}"), files);
    let a = (A, "CREATE TABLE a (id int);\n");
    // A change to another track's table is in no dump of core's objects.
    let foreign = [
        a,
        (
            B,
            "-- migrate: requires impl/20240101000000\nALTER TABLE i ADD x int;\n",
        ),
        ("20240101000000_impl_i.sql", "CREATE TABLE i (id int);\n"),
    ];
    assert_eq!(squash(&foreign), refused("squash_differs", 3));
    let rows = [
        a,
        (
            B,
            "-- migrate: requires impl/20240101000000\nINSERT INTO i VALUES (1);\n",
        ),
        ("20240101000000_impl_i.sql", "CREATE TABLE i (id int);\n"),
    ];
    assert_eq!(squash(&rows), refused("squash_differs", 3));
    let entangled = [
        a,
        (B, "-- migrate: requires impl/20240101000000\nSELECT 1;\n"),
        (
            "20240101000000_impl_i.sql",
            "-- migrate: requires core/20240101000000\nCREATE TABLE i (id int);\n",
        ),
    ];
    assert_eq!(squash(&entangled), refused("squash_entangled", 3));
    let bridge = [
        a,
        (B, "-- migrate: before impl/20240101000000\nSELECT 1;\n"),
        ("20240101000000_impl_i.sql", "CREATE TABLE i (id int);\n"),
    ];
    assert_eq!(squash(&bridge), refused("squash_entangled", 3));
    let role = [a, (B, "CREATE ROLE squash_nobody;\n")];
    assert_eq!(squash(&role), refused("squash_reaches", 2));
    assert_eq!(squash(&[a]), refused("nothing_to_squash", 1));
    let broken = [a, (B, "SELECT * FROM nowhere;\n")];
    assert_eq!(squash(&broken), refused("sql_failed", 2));
    let taken = [
        a,
        (B, "SELECT 1;\n"),
        ("20240109000000_core_x.sql", "SELECT 1;\n"),
        ("20240109000001_core_y.sql", "SELECT 1;\n"),
    ];
    assert_eq!(squash(&taken), refused("nothing_to_squash", 4));
}

#[test]
fn a_part_of_it_is_not_undone() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        ("20240101000000_core_a.down.sql", "DROP TABLE a;\n"),
        (B, "CREATE TABLE b (id int);\n"),
        ("20240102000000_core_b.down.sql", "DROP TABLE b;\n"),
    ]);
    project.nu("migrate run ./db").text();
    project
        .nu("migrate squash ./db --to 20240102000000 -q")
        .text();
    assert_eq!(project.code("migrate undo ./db"), "migrate::squashed");
    let said = project.nu("migrate undo ./db").stderr;
    assert!(said.contains(SMALL) && said.contains(B), "{said}");
    for old in [
        A,
        B,
        "20240101000000_core_a.down.sql",
        "20240102000000_core_b.down.sql",
    ] {
        project.remove(&format!("db/{old}"));
    }
    assert_eq!(project.code("migrate undo ./db"), "migrate::squashed");
    assert_eq!(project.tables(), "a b migrations_core");

    let fresh = small();
    fresh.nu("migrate run ./db --to 20240102000001").text();
    assert_eq!(fresh.code("migrate undo ./db"), "migrate::no_undo");
}

#[test]
fn repair_keeps_what_it_stands_on_and_may_give_it_a_row_of_its_own() {
    let project = small();
    let squash = fs::read(project.path(&format!("db/{SMALL}"))).unwrap();
    project.remove(&format!("db/{SMALL}"));
    project.nu("migrate run ./db").text();
    project.write(&format!("db/{SMALL}"), squash);
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    let forget = format!("migrate repair ./db --forget {A}");
    assert_eq!(project.code(&forget), "migrate::repair_refused");
    let mark = format!("migrate repair ./db --mark-applied {SMALL}");
    project.nu(&mark).text();
    assert_eq!(
        project.code(&mark),
        "migrate::repair_refused",
        "it has a row now"
    );
    project.nu(&forget).text();
    project
        .nu(&format!("migrate repair ./db --forget {B}"))
        .text();
    assert_eq!(
        states(&project),
        json!([["squash", "applied"], ["c", "applied"]])
    );
    let again = small();
    let replaced = format!("migrate repair ./db --mark-applied {A}");
    assert_eq!(again.code(&replaced), "migrate::repair_refused");
}

#[test]
fn a_squash_is_squashed() {
    let project = small();
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    project
        .nu("migrate squash ./db --to 20240103000000 -q")
        .text();
    let text = fs::read_to_string(project.path(&format!("db/{S}"))).unwrap();
    assert!(
        text.starts_with(
            "-- migrate: replaces core/20240101000000..core/20240103000000\n\
             -- migrate: made-of 20240102000001 20240103000000\n\
             -- migrate: made-of 20240101000000 20240102000000 as 20240102000001\n"
        ),
        "{text}"
    );
    project.remove(&format!("db/{SMALL}"));
    project.remove(&format!("db/{C}"));
    assert_eq!(names(&project, "migrate run ./db"), json!([S]));
    // A database from before the first one.
    project.sql("DROP TABLE a, b, c, migrations_core");
    for (file, table) in [(A, "a"), (B, "b"), (C, "c")] {
        project.write(
            &format!("old/{file}"),
            format!("CREATE TABLE {table} (id int);\n"),
        );
    }
    project.nu("migrate run ./old").text();
    assert_eq!(names(&project, "migrate run ./db"), json!([]));
    assert_eq!(
        states(&project),
        json!([
            ["a", "replaced"],
            ["b", "replaced"],
            ["c", "replaced"],
            ["squash", "applied"]
        ])
    );
}

#[test]
fn a_file_that_came_too_late_is_refused() {
    let project = small();
    project.write("db/20240101120000_core_late.sql", "SELECT 1;\n");
    assert_eq!(project.code("migrate run ./db"), "migrate::out_of_order");
    let said = project.nu("migrate run ./db").stderr;
    assert!(said.contains("20240101120000_core_late.sql"), "{said}");
    assert_eq!(project.tables(), "");
}

#[test]
fn a_dry_run_proves_it_and_leaves_nothing() {
    let project = Project::with(&[(A, "CREATE TABLE a (id int);\n"), (B, "SELECT 1;\n")]);
    let script = "migrate squash ./db --to 20240102000000 -q --dry-run | get state.0";
    assert_eq!(project.nu(script).text(), "planned");
    assert_eq!(fs::read_dir(project.path("db")).unwrap().count(), 2);
    project.write(&format!("db/{SMALL}"), "SELECT 1;\n");
    assert_eq!(
        project.code("migrate squash ./db --to 20240102000000 -q"),
        "migrate::nothing_to_squash",
        "the name is taken"
    );
}

#[test]
fn another_tools_history_of_the_old_files_is_that_of_the_new_one() {
    let project = small();
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    project.sql(
        "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); \
         INSERT INTO schema_migrations VALUES ('20240101000000'); \
         CREATE TABLE a (id int); CREATE TABLE b (id int)",
    );
    let adopt = "migrate adopt ./db --from dbmate";
    assert_eq!(project.code(adopt), "migrate::partly_replaced");
    project.sql("INSERT INTO schema_migrations VALUES ('20240102000000')");
    let rows = project.nu(&format!(
        "{adopt} | each {{ [$in.version $in.state] }} | to json"
    ));
    assert_eq!(
        rows.json(),
        json!([
            ["20240102000001", "marked"],
            ["20240101000000", "replaced"],
            ["20240102000000", "replaced"]
        ])
    );
    assert_eq!(names(&project, "migrate run ./db"), json!([C]));
    // golang-migrate keeps the last version alone.
    project.sql(
        "DROP TABLE schema_migrations, c, migrations_core; \
         CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO schema_migrations VALUES (20240101000000, false)",
    );
    let adopt = "migrate adopt ./db --from golang-migrate";
    assert_eq!(project.code(adopt), "migrate::partly_replaced");
    project.sql("UPDATE schema_migrations SET version = 20240102000000");
    project.nu(adopt).text();
    assert_eq!(names(&project, "migrate run ./db"), json!([C]));
}

#[test]
fn a_baseline_does_not_cut_it() {
    let project = small();
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    let inside = "migrate adopt ./db --baseline 20240102000000";
    assert_eq!(project.code(inside), "migrate::partly_replaced");
    let whole = "migrate adopt ./db --baseline 20240102000001";
    assert_eq!(names(&project, whole), json!([SMALL]));
    assert_eq!(names(&project, "migrate run ./db"), json!([C]));
}

#[test]
fn a_check_that_requires_one_of_them_passes() {
    let check = "use migrate/checks.nu *\nrequire-migration core 20240102000000\n";
    let project = small();
    project.remove(&format!("db/{A}"));
    project.remove(&format!("db/{B}"));
    project.write("db/20240101000000_impl_i.sql", "SELECT 1;\n");
    project.write("db/20240101000000_impl_i.nu", check);
    // Planned in the same run, and then in the database.
    assert_eq!(
        names(&project, "migrate run ./db")
            .as_array()
            .unwrap()
            .len(),
        3
    );
    project.write("db/20240102000000_impl_j.sql", "SELECT 1;\n");
    project.write("db/20240102000000_impl_j.nu", check);
    assert_eq!(
        names(&project, "migrate run ./db")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    project.write("db/20240103000000_impl_k.sql", "SELECT 1;\n");
    project.write(
        "db/20240103000000_impl_k.nu",
        check.replace("20240102", "20240109"),
    );
    assert_eq!(
        project.code("migrate run ./db"),
        "migrate::validation_failed"
    );
}

#[test]
fn ctrl_c_leaves_no_file_and_no_database() {
    let project = Project::with(&[
        (A, "CREATE TABLE a (id int);\nSELECT pg_sleep(31);\n"),
        (B, "SELECT 1;\n"),
    ]);
    let squash = project
        .command("migrate squash ./db --to 20240102000000 -q")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let at_work = "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(31);' AND state = 'active'";
    project.wait_until(at_work);
    let scratch =
        project.sql("SELECT datname FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(31);'");
    kill(
        Pid::from_raw(i32::try_from(squash.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = squash.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("migrate::interrupted"), "{said}");
    let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{scratch}'");
    assert_eq!(project.sql(&left), "0");
    assert_eq!(fs::read_dir(project.path("db")).unwrap().count(), 2);
}

#[test]
fn who_may_not_make_databases_squashes_on_a_server_of_its_own() {
    let project = Project::with(&[
        (
            A,
            "CREATE TABLE a (id int);\nALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;\n",
        ),
        (B, "CREATE TABLE b (id int);\n"),
    ]);
    project.sql("CREATE ROLE squash_nobody_else LOGIN PASSWORD 'x'");
    let squash = format!(
        "migrate squash ./db --to 20240102000000 -q -d 'user=squash_nobody_else password=x dbname={}' | get state.0",
        project.database
    );
    let output = project.nu(&squash);
    project.sql("DROP ROLE squash_nobody_else");
    assert_eq!(output.text(), "written");
    let text = fs::read_to_string(project.path(&format!("db/{SMALL}"))).unwrap();
    assert!(text.contains("FOR ROLE CURRENT_USER"), "{text}");
    assert!(
        !text.contains("squash_nobody_else") && !text.contains("OWNER TO migrate"),
        "{text}"
    );
    assert_eq!(names(&project, "migrate run ./db"), json!([SMALL]));
}

#[test]
fn a_schema_for_the_ledgers_is_no_part_of_it() {
    let mut project = Project::with(&[
        (A, "CREATE TABLE a (id int);\n"),
        (B, "CREATE TABLE b (id int);\n"),
    ]);
    project
        .set("MIGRATE_SCHEMA", "ops \"ü\"")
        .set("MIGRATE_TABLE_PREFIX", "done_");
    project.sql(r#"CREATE SCHEMA "ops ""ü""""#);
    project
        .nu("migrate squash ./db --to 20240102000000 -q")
        .text();
    let text = fs::read_to_string(project.path(&format!("db/{SMALL}"))).unwrap();
    assert!(!text.contains("ops") && !text.contains("done_"), "{text}");
    assert_eq!(names(&project, "migrate run ./db"), json!([SMALL]));
}
