//! `migrate drift` and `migrate snapshot`: what was changed by hand, and the schema as files.

use serde_json::{Value, json};

use crate::support::Project;

fn project() -> Project {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x');\n\
             CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n--- table: no\nSELECT 1\n$$;\n",
        ),
        (
            "impl/20240101000000_impl_a.sql",
            "CREATE VIEW v AS SELECT id FROM customer;\n",
        ),
    ]);
    project.nu("migrate run db -q | ignore").text();
    project
}

fn drift(project: &Project, options: &str) -> Value {
    let script = format!(
        "migrate drift db --quiet {options} | each {{|row| $'($row.kind) ($row.name): ($row.difference)' }} | to json -r"
    );
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.json()
}

const BY_HAND: &str = "ALTER TABLE customer ALTER name DROP DEFAULT; DROP VIEW v; CREATE TABLE extra (); \
     COMMENT ON TABLE customer IS 'mine'; GRANT SELECT ON customer TO PUBLIC";

#[test]
fn a_replay_of_what_is_applied_shows_what_was_done_by_hand() {
    let project = project();
    // A script looks at a database in use, and pending files are no drift.
    project.write("db/core/20240101000000_core_a.nu", "error make no");
    project.write(
        "db/core/20240102000000_core_b.sql",
        "CREATE TABLE later ();\n",
    );
    assert_eq!(drift(&project, ""), json!([]));
    assert_eq!(drift(&project, "--replay --all"), json!([]));
    let empty = Project::with(&[("20240101000000_core_a.sql", "CREATE TABLE a ();\n")]);
    empty.sql("CREATE TABLE b ()");
    assert_eq!(drift(&empty, ""), json!(["table public.b: unexpected"]));
    project.sql(BY_HAND);
    let by_hand = [
        "column public.customer.name: different",
        "table public.extra: unexpected",
        "view public.v: missing",
    ];
    assert_eq!(drift(&project, ""), json!(by_hand));
    let all = drift(&project, "--all");
    let text = all.to_string();
    for found in [
        "comment table public.customer: unexpected",
        "grant table public.customer: unexpected",
        "owner table public.extra: unexpected",
    ] {
        assert!(text.contains(found), "{text}");
    }
    let sides = project.nu("migrate drift db -q | where kind == column | first | [$in.expected $in.actual] | to json -r");
    assert_eq!(
        sides.json(),
        json!(["text NOT NULL DEFAULT 'x'::text", "text NOT NULL"])
    );
    let whose = project.nu("migrate drift db -q | each {|row| $'($row.name) ($row.track) ($row.since | describe)' } | to json -r");
    assert_eq!(
        whose.json(),
        json!([
            "public.customer.name core datetime",
            "public.extra  nothing",
            "public.v impl datetime"
        ])
    );
    let ledgers = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    assert_eq!(project.sql(ledgers), "4", "nothing was installed");
}

#[test]
fn a_history_without_all_files_is_not_replayed() {
    let project = project();
    assert_eq!(
        project.code("migrate drift db/core -q"),
        "migrate::not_replayable"
    );
    let error = project.nu("migrate drift db/core -q").stderr;
    assert!(error.contains("20240101000000_impl_a.sql"), "{error}");
    assert_eq!(
        project.code("migrate drift db --replay --against schema"),
        "migrate::bad_flag"
    );
}

#[test]
fn a_snapshot_is_a_file_per_object_and_is_compared() {
    let project = project();
    let snapshot = "migrate snapshot db --to schema | each {|row| $'($row.kind) ($row.name): ($row.state)' } | to json -r";
    assert_eq!(
        project.nu(snapshot).json(),
        json!([
            "extension plpgsql: written",
            "function public.f(): written",
            "schema public: written",
            "table public.customer: written",
            "view public.v: written",
        ])
    );
    let table = std::fs::read_to_string(project.path("schema/table/public.customer.sql")).unwrap();
    assert_eq!(
        table,
        "--- table: public.customer\n\n\
         --- column: public.customer.id\ninteger NOT NULL\n\n\
         --- column: public.customer.name\ntext NOT NULL DEFAULT 'x'::text\n\n\
         --- constraint: public.customer customer_pkey\nPRIMARY KEY (id)\n\n\
         --- index: public.customer_pkey\nCREATE UNIQUE INDEX customer_pkey ON public.customer USING btree (id)\n"
    );
    assert_eq!(drift(&project, "--against schema"), json!([]));
    project.sql(BY_HAND);
    assert_eq!(
        drift(&project, "--against schema"),
        json!([
            "column public.customer.name: different",
            "table public.extra: unexpected",
            "view public.v: missing",
        ])
    );
    assert_eq!(
        project
            .nu("migrate snapshot db --to schema | where state != same | get state | to json -r")
            .json(),
        json!(["written", "written", "removed"])
    );
    assert!(!project.path("schema/view/public.v.sql").exists());
    assert_eq!(drift(&project, "--against schema"), json!([]));
    // With all, the files hold more.
    project
        .nu("migrate snapshot db --to full --all | ignore")
        .text();
    assert_eq!(drift(&project, "--against full --all"), json!([]));
    let table = std::fs::read_to_string(project.path("full/table/public.customer.sql")).unwrap();
    assert!(
        table.contains("--- comment: table public.customer\nmine\n"),
        "{table}"
    );
    assert!(
        table.contains("--- grant: table public.customer\npublic SELECT\n"),
        "{table}"
    );
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let project = project();
    assert_eq!(
        project.code("migrate snapshot db --to db"),
        "migrate::no_snapshot"
    );
    assert_eq!(project.code("migrate snapshot db"), "migrate::bad_flag");
    assert_eq!(
        project.code("migrate drift db --against db"),
        "migrate::no_snapshot"
    );
    project.write("empty/x.txt", "");
    assert_eq!(
        project.code("migrate drift db --against empty"),
        "migrate::no_snapshot"
    );
    assert_eq!(
        project.code("migrate drift db --against nowhere"),
        "migrate::unreadable_file"
    );
    let before = std::fs::read_dir(project.path("db")).unwrap().count();
    assert_eq!(before, 2);
}
