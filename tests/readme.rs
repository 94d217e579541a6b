//! The README's tables are complete.

use nu_plugin_migrate::settings::Key;

use crate::support::Project;

const README: &str = include_str!("../README.md");

#[test]
fn the_settings_table_has_every_setting() {
    for key in Key::ALL {
        let row = README
            .lines()
            .find(|line| line.contains(&format!("| `{key}` | `{}` |", key.variable())));
        assert!(row.is_some(), "{key} is not in the table");
    }
}

#[test]
fn the_error_table_has_every_code() {
    let source = include_str!("../src/error/code.rs");
    let codes: Vec<_> = source
        .split('"')
        .filter(|part| part.starts_with("migrate::"))
        .collect();
    assert!(codes.len() > 20);
    for code in codes {
        assert!(
            README.contains(&format!("`{code}`")),
            "{code} is not in the README"
        );
    }
}

#[test]
fn the_example_tree_applies() {
    let project = Project::new();
    let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/erp");
    assert_eq!(
        project.nu(&format!("migrate run '{tree}' | length")).text(),
        "6"
    );
    assert_eq!(project.sql("SELECT count(*) FROM product"), "3");
}
