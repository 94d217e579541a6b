//! The tables of the documents are complete.

use std::collections::BTreeSet;

use nu_plugin::Plugin;
use nu_plugin_migrate::MigratePlugin;
use nu_plugin_migrate::testing::{Directive, Key, TEMPLATES};
use regex::Regex;
use strum::IntoEnumIterator;
use walkdir::WalkDir;

use crate::support::Project;

const REFERENCE: &str = include_str!("../docs/reference.md");
const GUIDE: &str = include_str!("../docs/guide.md");

#[test]
fn the_settings_table_says_what_the_code_says() {
    for key in Key::iter() {
        let row = REFERENCE
            .lines()
            .find(|line| line.contains(&format!("| `{key}` | `{}` |", key.variable())))
            .unwrap_or_else(|| panic!("{key} is not in the table"));
        if let Some(flag) = key.flag() {
            assert!(row.contains(&format!("`--{flag}`")), "{row}");
        }
        if let Some(default) = key.default_text() {
            assert!(row.contains(&format!("`{default}`")), "{row}: {default}");
        }
    }
}

/// The codes stand at the errors themselves, all over the source.
#[test]
fn the_error_table_has_every_code() {
    let code = Regex::new(r"code\(migrate::(\w+)\)").unwrap();
    let mut codes = std::collections::BTreeSet::new();
    for entry in WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")) {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|end| end == "rs") {
            let source = std::fs::read_to_string(entry.path()).unwrap();
            codes.extend(code.captures_iter(&source).map(|found| found[1].to_owned()));
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(
            REFERENCE.contains(&format!("`migrate::{code}`")),
            "migrate::{code} is not in the reference"
        );
    }
}

#[test]
fn the_commands_the_directives_and_the_templates_are_all_there() {
    for command in MigratePlugin.commands() {
        let name = command.name();
        let row = format!("| `{name} ");
        assert!(name == "migrate" || REFERENCE.contains(&row), "{name}");
    }
    for directive in Directive::iter() {
        let name: &str = directive.into();
        let row = REFERENCE
            .lines()
            .any(|line| line.starts_with(&format!("| `-- migrate: {name}")));
        assert!(row, "{name}");
    }
    for template in TEMPLATES.iter() {
        assert!(GUIDE.contains(&format!("`{template}`")), "{template}");
    }
}

#[test]
fn every_column_is_explained() {
    let (_, columns) = REFERENCE.split_once("## Columns").unwrap();
    let (columns, _) = columns.split_once("\n## ").unwrap();
    let names: Vec<_> = columns
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .collect();
    let mut given = BTreeSet::new();
    for command in MigratePlugin.commands() {
        for (_, output) in command.signature().input_output_types {
            let nu_protocol::Type::Table(columns) = output else {
                continue;
            };
            for (column, _) in columns.iter() {
                let name = format!("`{column}`");
                given.insert(name.clone());
                assert!(
                    names.contains(&name.as_str()),
                    "{}: {column}",
                    command.name()
                );
            }
        }
    }
    for name in names.into_iter().filter(|name| name.starts_with('`')) {
        assert!(given.contains(name), "no command gives {name}");
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
