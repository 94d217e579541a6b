//! What a script has of its caller, and which database it reaches.

use super::{A, B, refused, with_script};

#[test]
fn the_callers_context_arrives() {
    let mut project = with_script(
        "use helpers.nu greet\n\
         use std/assert\n\
         assert equal $env.LIST [1 two]\n\
         assert equal $env.RECORD {a: {b: 5sec}}\n\
         assert equal $env.MOMENT 2024-01-01\n\
         assert equal $env.NUMBER 5\n\
         assert equal $env.TEXT `größe's \"x\" $y`\n\
         assert equal $env.NO_CLOSURE? null\n\
         assert equal $env.PARTLY {x: 1}\n\
         assert equal $env.config.table.mode light\n\
         assert equal $env.PWD $env.EXPECTED_PWD\n\
         assert equal (version).version $env.EXPECTED_VERSION\n\
         assert equal (greet) hello\n\
         assert equal (shout) AHOY\n\
         assert equal (which 'migrate run').0.type plugin\n\
         assert equal (migrate history db) []\n\
         'all of it'",
    );
    project.write("modules/helpers.nu", "export def greet [] { 'hello' }");
    project.write("prelude.nu", "def shout [] { 'AHOY' }");
    project.set("TEXT", "größe's \"x\" $y");
    let output = project.nu(
        "$env.LIST = [1 two]; $env.RECORD = {a: {b: 5sec}}; $env.MOMENT = 2024-01-01; $env.NUMBER = 5\n\
         $env.NO_CLOSURE = {|| 1}; $env.PARTLY = {f: {|| 1}, x: 1}; $env.config.table.mode = 'light'\n\
         $env.NU_LIB_DIRS = [modules]; $env.MIGRATE_PRELUDE = 'prelude.nu'\n\
         $env.EXPECTED_PWD = (pwd); $env.EXPECTED_VERSION = (version).version\n\
         migrate run db --full | get 1.validation.0.result",
    );
    assert_eq!(output.text(), "all of it", "{}", output.stderr);
}

#[test]
fn a_script_knows_its_migration_and_what_comes_before_it() {
    let project = with_script("$env.MIGRATION | reject execution_id database psql file");
    let output = project.nu(
        "let rows = migrate run db --full\n\
         $rows | get 1.validation.0.result | update timestamp {|r| $r.timestamp | format date '%F' } | to json -r",
    );
    let expected = format!(
        "{{\"track\":\"core\",\"version\":\"20240102000000\",\"name\":\"{B}.sql\",\
         \"description\":\"b\",\"timestamp\":\"2024-01-02\",\
         \"ledger\":{{\"schema\":\"public\",\"prefix\":\"migrations_\"}},\"variables\":{{}},\
         \"planned\":[{{\"track\":\"core\",\"version\":\"20240101000000\",\"name\":\"{A}.sql\",\
         \"description\":\"a\"}}]}}"
    );
    assert_eq!(output.text(), expected, "{}", output.stderr);
    // The run's id and database are those of the result.
    let project = with_script("[$env.MIGRATION.execution_id $env.MIGRATION.database]");
    let output = project.nu("let rows = migrate run db --full\n\
         $rows.1.validation.0.result == [$rows.1.execution_id $env.PGDATABASE]");
    assert_eq!(output.text(), "true");
}

#[test]
fn scripts_reach_the_same_database_whatever_named_it() {
    let mut project = with_script(
        "use migrate/checks.nu *\n\
         ^psql -X -A -t -c 'SELECT current_database()' | str trim\n\
         | [$in (query 'SELECT current_database() AS name' | get 0.name) (migrate history db | length)]",
    );
    let database = project.database.clone();
    let [host, port, user, password] =
        ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"].map(|name| project.environment[name].clone());
    for name in ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"] {
        project.unset(name);
    }
    let expected = format!("[\"{database}\",\"{database}\",0]");
    let url = format!("postgresql://{user}:{password}@{host}:{port}/{database}");
    let conninfo =
        format!("host={host} port={port} user={user} password={password} dbname={database}");
    project.write(
        "service.conf",
        format!("[erp]\nhost={host}\nport={port}\nuser={user}\ndbname={database}\n[other]\nhost={host}\nport={port}\nuser={user}\ndbname=postgres\n"),
    );
    project.write("db/migrate.json", format!("{{\"database\": \"{url}\"}}"));
    let service = "$env.PGSERVICEFILE = (pwd | path join service.conf)";
    for (way, session) in [
        ("flag", format!("migrate validate db -d '{url}'")),
        ("conninfo", format!("migrate validate db -d '{conninfo}'")),
        (
            "variable",
            format!("$env.DATABASE_URL = '{url}'; migrate validate db -c empty.json"),
        ),
        ("settings file", "migrate validate db".to_owned()),
        (
            "configuration",
            format!("$env.config.plugins.migrate = {{database: '{url}'}}; migrate validate db"),
        ),
        (
            "service",
            format!(
                "{service}; $env.PGPASSWORD = '{password}'; $env.PGSERVICE = 'erp'; migrate validate db -c empty.json"
            ),
        ),
        (
            "service by flag",
            format!(
                "{service}; $env.PGPASSWORD = '{password}'; migrate validate db -d service=erp"
            ),
        ),
        (
            "a service that is overruled",
            format!(
                "{service}; $env.PGPASSWORD = '{password}'; $env.PGSERVICE = 'other'; migrate validate db -d {database}"
            ),
        ),
    ] {
        project.write("empty.json", "{}");
        let output = project.nu(&format!(
            "{session} --quiet | where rule == validation-passed | get 0.message"
        ));
        let flat = output.text().replace(", ", ",").replace('\n', "");
        assert!(
            flat.contains(&expected.replace('"', "")) || flat.contains(&expected),
            "{way}: {output:?}"
        );
    }
}

#[test]
fn scripts_can_only_read_unless_they_say_otherwise() {
    let write = "^psql -X -q -c 'CREATE TABLE made_by_script ()'";
    let project = with_script(write);
    let error = refused(&project, "migrate run db");
    assert!(error.contains("read-only transaction"), "{error}");
    let project = with_script(&format!("# migrate: read-write\n{write}"));
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "3");
    assert_eq!(project.tables(), "a b c made_by_script migrations_core");
    let project = with_script("# migrate: late\n# migrate: read-write\n");
    assert!(refused(&project, "migrate run db").contains("can only read"));
}

#[test]
fn a_prelude_cannot_switch_validation_off() {
    for prelude in [
        "def save [...x: any, --raw, --force] { }",
        "def \"to nuon\" [] { 'x' }",
        "def exit [code?: int] { }",
        "exit 0",
        "error make {msg: 'bad prelude'}",
        "let x = (",
    ] {
        for script in ["false", "error make {msg: x}"] {
            let mut project = with_script(script);
            project.write("prelude.nu", prelude);
            project.set("MIGRATE_PRELUDE", "prelude.nu");
            refused(&project, "migrate run db");
        }
    }
}

#[test]
fn nobody_else_can_read_what_a_script_gets() {
    let project = with_script(
        "let mode = (^stat -c '%a' ($NU_LIB_DIRS | first | path dirname)); $mode | str trim",
    );
    assert_eq!(
        project
            .nu("migrate run db --full | get 1.validation.0.result")
            .text(),
        "700"
    );
    // Without a connection there is no use for a password, and it stays where it is.
    let project = with_script("let x = (");
    let script = "$env.config.plugins.migrate = {database: 'postgresql://me:s3cret@h/erp'}; migrate validate db --offline --quiet | to text";
    assert!(!project.nu(script).text().contains("s3cret"));
}
