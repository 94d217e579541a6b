//! What `validate` finds in a statement without running it, and what `rehearse` finds by running it:
//! measured on a corpus of hazards, and told in the guide as it is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::server::SERVER;
use crate::support::{Project, assert_golden};

const HAZARDS: &str = include_str!("corpus/hazards.sql");
const SETUP: &str = include_str!("corpus/setup.sql");

#[test]
fn what_each_way_finds() {
    let project = Project::new();
    project.sql(SETUP);
    if SERVER.version() / 10_000 != 15 {
        // Locks and rewrites are PostgreSQL's own, and differ from major to major.
        return;
    }
    let statements: Vec<_> = HAZARDS.lines().collect();
    assert!(statements.len() >= 60);
    for (number, statement) in statements.iter().enumerate() {
        project.write(
            &format!("db/{number:03}/20240101000000_core_x.sql"),
            format!("{statement}\n"),
        );
    }
    let rows = project.nu(
        "ls db | get name | sort | each {|folder| {
            rules: (migrate validate $folder --quiet | get rule)
            effects: (try {
                migrate rehearse $folder --quiet | first
                | {
                    locks: ($in.locks | where blocks in [everybody writers] | each {|lock| $\"($lock.relation) ($lock.mode)\" })
                    rewrites: $in.rewrites, indexes: $in.indexes, rows: $in.rows
                }
            } catch {|error| {error: ($error.details.msg | parse --regex 'SQLSTATE (?<code>\\w+)' | get 0.code)} })
        } } | to json -r",
    );
    let rows = rows.json();
    let mut table = String::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (statement, row) in statements.iter().zip(rows.as_array().unwrap()) {
        let validate = list(&row["rules"]);
        let rehearse = effects(&row["effects"]);
        let found = match (validate.is_empty(), rehearse.is_empty()) {
            (false, false) => "both",
            (false, true) => "validate",
            (true, false) => "rehearse",
            (true, true) => "neither",
        };
        *counts.entry(found).or_default() += 1;
        table +=
            &format!("{found}: {statement}\n    validate: {validate}\n    rehearse: {rehearse}\n");
    }
    table += &format!("{} statements: {counts:?}\n", statements.len());
    assert_golden("corpus", &table);
    let guide = include_str!("../docs/guide.md");
    for (found, count) in counts {
        assert!(
            guide.contains(&format!("| {found} | {count} |")),
            "{found} {count}"
        );
    }
}

fn list(values: &Value) -> String {
    let texts = values
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap());
    texts.collect::<Vec<_>>().join(", ")
}

fn effects(found: &Value) -> String {
    if let Some(error) = found.get("error") {
        return format!("SQLSTATE {}", error.as_str().unwrap());
    }
    let mut told = vec![];
    for (what, key) in [
        ("locks", "locks"),
        ("rewrites", "rewrites"),
        ("builds", "indexes"),
    ] {
        let text = list(&found[key]);
        if !text.is_empty() {
            told.push(format!("{what} {text}"));
        }
    }
    if found["rows"].as_i64().unwrap() > 0 {
        told.push(format!("{} rows", found["rows"]));
    }
    told.join("; ")
}
