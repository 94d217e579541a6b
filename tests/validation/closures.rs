//! Closures, in the calling shell.

use super::{B, C, with_script};

#[test]
fn closures_are_evaluated_in_this_shell() {
    let project = with_script("1");
    let session = "def forbidden [] { ['b'] }\nlet limit = 10\n";
    let output = project.nu(&format!(
        "{session}migrate run db --check {{|migration| if $migration.description in (forbidden) {{ error make {{msg: $\"limit ($limit)\"}} }} }}"
    ));
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("limit 10") && output.stderr.contains("in this check"),
        "{}",
        output.stderr
    );
    assert_eq!(project.tables(), "");
    let output = project.nu(&format!(
        "{session}migrate run db --quiet --full --check {{|migration| $\"($migration.description) ($limit)\" }} | each {{|row| $row.validation.result.0 }} | to json -r"
    ));
    assert_eq!(
        output.text(),
        "[\"a 10\",\"b 10\",\"c 10\"]",
        "{}",
        output.stderr
    );
}

#[test]
fn closures_of_the_configuration_come_first_and_must_be_closures() {
    let project = with_script("1");
    let run = |checks: &str, command: &str| {
        project.nu(&format!(
            "$env.config.plugins.migrate = {{checks: {checks}}}\n{command}"
        ))
    };
    let error = run(
        "{|m| error make {msg: $\"no ($m.track)\"} }",
        "migrate run db",
    )
    .stderr;
    assert!(
        error.contains("no core") && error.contains("$env.config.plugins.migrate.checks"),
        "{error}"
    );
    let error = run("[{|m| 1} {|m| $m.description != 'c' }]", "migrate run db").stderr;
    assert!(
        error.contains("it gave `false`") && error.contains(&format!("{C}.sql")),
        "{error}"
    );
    for bad in ["5", "[1]", "'x'"] {
        assert!(
            run(bad, "migrate status db")
                .stderr
                .contains("expected a closure"),
            "{bad}"
        );
    }
    assert_eq!(project.tables(), "");
    let names = run(
        "{|m| 1}",
        "migrate run db --full --check {|m| 2} | get 1.validation.check | to json -r",
    );
    assert_eq!(
        names.text(),
        format!(
            "[\"$env.config.plugins.migrate.checks for {B}.sql\",\"--check for {B}.sql\",\"{B}.nu\"]"
        )
    );
}

#[test]
fn a_closure_that_ends_with_a_program_must_not_hide_its_failure() {
    let project = with_script("1");
    for (check, code) in [
        ("^sh -c 'exit 3'", 1),
        ("^sh -c 'echo x; exit 3'", 1),
        ("let x = (^sh -c 'exit 3'); $x", 1),
        ("^sh -c 'exit 3'; true", 1),
        ("let x = (^sh -c 'echo x'); $x", 0),
        ("^sh -c 'exit 3' | complete", 0),
    ] {
        let output = project.nu(&format!(
            "migrate run db --quiet --check {{|m| {check} }} | ignore"
        ));
        assert_eq!(output.code, Some(code), "{check}: {}", output.stderr);
        project.sql("DROP TABLE IF EXISTS a, b, c, migrations_core");
    }
}
