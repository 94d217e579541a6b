//! Templates: each is a sound start, applies as it is on an empty database, and can be one's own.

use nu_plugin_migrate::testing::TEMPLATES;

use crate::support::Project;

/// Roles belong to the server, which other tests use as well.
fn drop_role(project: &Project, role: &str) {
    if project.sql(&format!("SELECT to_regrole('{role}') IS NOT NULL")) == "t" {
        project.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}

#[test]
fn each_applies_as_it_is_on_an_empty_database() {
    for name in TEMPLATES.iter() {
        let project = Project::new();
        let output = project.nu(&format!(
            "migrate add db/core 'template {name}' --template {name} | ignore\n\
             migrate run db --quiet --set {{demo_data: true}} | length"
        ));
        assert_eq!(output.text(), "1", "{name}: {}", output.stderr);
        drop_role(&project, "template_role");
    }
}

#[test]
fn all_of_them_apply_together_and_are_valid() {
    let project = Project::new();
    let adds: String = TEMPLATES
        .iter()
        .map(|name| format!("migrate add db/core 'together {name}' --template {name} --with-validation | ignore\n"))
        .collect();
    let count = TEMPLATES.len().to_string();
    let output = project.nu(&format!(
        "{adds}let findings = migrate validate db --quiet | where severity == error\n\
         if ($findings | is-not-empty) {{ error make {{msg: ($findings | to json)}} }}\n\
         migrate run db --quiet | length"
    ));
    assert_eq!(output.text(), count, "{}", output.stderr);
    // What each is for is there.
    for (what, query) in [
        (
            "the comment",
            "SELECT obj_description('together_table'::regclass) = 'together_table'",
        ),
        (
            "the column",
            "SELECT count(*) = 1 FROM pg_attribute WHERE attname = 'together_column' AND attnotnull",
        ),
        (
            "the index",
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'together_index'::regclass",
        ),
        (
            "the key",
            "SELECT convalidated FROM pg_constraint WHERE conname = 'together_foreign_key'",
        ),
        (
            "the value",
            "SELECT enum_range(NULL::example_state)::text = '{new,together_enum_value,done}'",
        ),
        ("the function", "SELECT together_function(100) = 19"),
        (
            "the partitions",
            "SELECT count(*) = 12 FROM pg_inherits WHERE inhparent = 'together_dynamic_sql'::regclass",
        ),
        (
            "the rows",
            "SELECT string_agg(code, '') = 'AB' FROM together_load_csv",
        ),
        (
            "the role",
            "SELECT has_table_privilege('together_role', 'together_table', 'SELECT')",
        ),
        (
            "the extension",
            "SELECT count(*) = 1 FROM pg_extension WHERE extname = 'pgcrypto'",
        ),
        ("no demo", "SELECT count(*) = 0 FROM together_conditional"),
    ] {
        assert_eq!(project.sql(query), "t", "{what}");
    }
    project.sql("INSERT INTO example DEFAULT VALUES; UPDATE example SET together_column = 'x'");
    assert_eq!(
        project.sql("SELECT updated_at IS NOT NULL FROM example"),
        "t",
        "the trigger"
    );
    assert_eq!(
        project.sql("SELECT count(*) FROM together_view"),
        "1",
        "the view"
    );
    drop_role(&project, "together_role");
}

#[test]
fn a_backfill_goes_on_where_it_was() {
    let project = Project::new();
    project
        .nu("migrate add db/core value --template backfill | ignore")
        .text();
    project.sql("CREATE TABLE example (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value text);
        INSERT INTO example (value) SELECT CASE WHEN n <= 10000 THEN 'done' END FROM generate_series(1, 25000) AS n");
    let notices = project.nu("migrate run db --quiet --full | get 0.notices | to text");
    assert!(notices.text().ends_with("done up to 25000"), "{notices:?}");
    assert_eq!(
        project.sql("SELECT count(*) FILTER (WHERE value = 'done') || ' ' || count(*) FILTER (WHERE value = 'value ' || id) FROM example"),
        "10000 15000"
    );
}

#[test]
fn ones_own_templates_come_from_the_tree_the_settings_or_a_file() {
    let mut project = Project::new();
    project.write(
        "db/templates/audit.sql",
        "-- {{title}} of {{track}}\nCREATE TABLE {{identifier}}_audit ();\n",
    );
    project.write("shared/table.sql", "-- ours\nSELECT 1;\n");
    project.write("one.sql", "-- a file\nSELECT 2;\n");
    project.write("db/migrate.json", "{\"templates\": \"../shared\"}");
    let first_line = |script: &str| {
        project
            .nu(&format!("{script} | open --raw $in.0.file | lines | first"))
            .text()
            .to_owned()
    };
    assert_eq!(
        first_line("migrate add db 'price list' -t core --template audit"),
        "-- price list of core"
    );
    assert_eq!(
        first_line("migrate add db b -t core --template table"),
        "-- ours"
    );
    assert_eq!(
        first_line("migrate add db c -t core --template ./one.sql"),
        "-- a file"
    );
    assert_eq!(
        first_line("migrate add db d -t core --template one.sql --no-transaction"),
        "-- migrate: no-transaction"
    );
    assert_eq!(
        project.code("migrate add db e -t core --template nowhere.sql"),
        "migrate::unreadable_file"
    );
    let error = project
        .nu("migrate add db e -t core --template tabel")
        .stderr;
    for expected in [
        "migrate::unknown_template",
        "audit",
        "foreign-key",
        "given here",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(project.nu("migrate run db --quiet | length").text(), "4");
    project.unset("PGDATABASE");
}

#[test]
fn the_help_names_all_of_them() {
    let project = Project::new();
    let help = project.nu("help migrate add").text().replace('\n', " ");
    for name in TEMPLATES.iter() {
        assert!(help.contains(name), "{name}: {help}");
    }
}

#[test]
fn own_templates_and_settings_are_found_from_the_same_place_upwards() {
    let project = Project::new();
    project.write("erp/migrate.json", "{\"templates\": \"./shared\"}");
    project.write("erp/templates/audit.sql", "-- above the tree\n");
    project.write("erp/shared/billing.sql", "-- of the settings\n");
    project.write("erp/db/core/20240101000000_core_a.sql", "SELECT 1;\n");
    for directory in ["erp", "erp/db", "erp/db/core"] {
        for (template, first) in [
            ("audit", "-- above the tree"),
            ("billing", "-- of the settings"),
        ] {
            let add = format!(
                "migrate add {directory} x -t core --template {template} | open --raw $in.0.file | lines | first"
            );
            assert_eq!(project.nu(&add).text(), first, "{directory}");
        }
    }
    // A nearer folder comes first.
    project.write("erp/db/templates/audit.sql", "-- in the tree\n");
    let add = "migrate add erp/db/core y -t core --template audit | open --raw $in.0.file | lines | first";
    assert_eq!(project.nu(add).text(), "-- in the tree");
}

#[test]
fn a_file_for_outside_of_a_transaction_does_not_speak_of_one() {
    let project = Project::new();
    let add = "migrate add db/core x --no-transaction | open --raw $in.0.file";
    let text = project.nu(add).text().to_owned();
    assert!(text.starts_with("-- migrate: no-transaction\n"), "{text}");
    assert!(text.contains("Runs outside of a transaction"), "{text}");
    assert!(!text.contains("Runs in one transaction"), "{text}");
}
