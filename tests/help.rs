//! Help texts and their examples: complete, and every one of them run.

use nu_plugin::Plugin;
use nu_plugin_migrate::MigratePlugin;

use crate::support::{Project, assert_golden};

#[test]
fn every_example_runs() {
    for command in MigratePlugin.commands() {
        let examples = command.examples();
        assert!(!examples.is_empty(), "{} has no example", command.name());
        for example in examples {
            let mut project = Project::with(&[
                ("core/20240101000000_core_a.sql", "SELECT 1;\n"),
                ("core/20240102000000_core_b.sql", "SELECT 1;\n"),
                ("impl/20240101000000_impl_a.sql", "SELECT 1;\n"),
            ]);
            let database = format!("dbname={}", project.database);
            project.set("STAGING", &database).set("EDITOR", "true");
            let output = project.nu(example.example);
            assert_eq!(
                output.code,
                Some(0),
                "{}: {}",
                example.example,
                output.stderr
            );
        }
    }
}

#[test]
fn help_fits_80_columns_and_has_examples_enough() {
    for command in MigratePlugin.commands() {
        let name = command.name();
        for line in command.extra_description().lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        assert!(command.examples().len() >= 4, "{name} needs more examples");
    }
}

#[test]
fn help_says_what_every_column_means() {
    for command in MigratePlugin.commands() {
        let help = command.extra_description();
        let entries: Vec<(&str, &str)> = help
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_once("  "))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        for (name, meaning) in &entries {
            assert!(!meaning.trim().is_empty(), "{}: {name}", command.name());
        }
        for (_, output) in command.signature().input_output_types {
            let nu_protocol::Type::Table(columns) = output else {
                continue;
            };
            for (column, _) in columns.iter() {
                let is_listed = entries.iter().any(|(name, _)| name == column);
                assert!(is_listed, "{} does not list {column}", command.name());
            }
        }
    }
}

#[test]
fn help_of_every_command() {
    let project = Project::new();
    for command in MigratePlugin.commands() {
        let name = command.name();
        let help = project.nu_of_80_columns(&format!("help {name}"));
        // nushell does not break them, and a line break in one is a gap in its menus.
        let flags = help.text().lines().skip_while(|line| *line != "Flags:");
        for line in flags.take_while(|line| !line.is_empty()) {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        assert_golden(&format!("help_{}", name.replace(' ', "_")), help.text());
    }
}

#[test]
fn the_bare_command_lists_the_others() {
    let project = Project::new();
    let output = project.nu("migrate");
    for command in MigratePlugin.commands() {
        assert!(output.text().contains(command.name()), "{}", output.stdout);
    }
}

#[test]
fn what_a_command_gives_can_be_kept_in_a_variable() {
    let project = Project::with(&[
        ("20240101000000_core_a.sql", "SELECT 1;\n"),
        ("20240231000000_core_no_date.sql", "SELECT 1;\n"),
    ]);
    project.write("db/20240101000000_core_a.nu", "print hello; 5");
    let before_and_after = [
        "migrate status db",
        "migrate status db --summary",
        "migrate history db",
        "migrate run db --dry-run",
        "migrate validate db",
        "migrate validate db --offline",
        "migrate run db",
        "migrate status db",
        "migrate status db --summary",
        "migrate history db",
        "migrate run db",
        "migrate repair db --forget 20240231000000_core_no_date.sql",
        "migrate status db",
        "migrate run db",
        "migrate add db new",
        "migrate status db",
    ];
    for command in before_and_after {
        let output = project.nu(&format!("let kept = {command}; $kept | describe"));
        assert_eq!(output.code, Some(0), "{command}: {}", output.stderr);
    }
}
