//! What a file uses of another track without saying that it requires it.

use serde_json::{Value, json};

use super::PARTIES;
use crate::support::Project;

fn needs(project: &Project, options: &str) -> Value {
    let script = format!(
        "migrate validate db {options} | where rule in [missing-requirement foreign-object] | each {{|row| $'($row.severity) ($row.place): ($row.message)' }} | to json -r"
    );
    let output = project.nu(&script);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.json()
}

#[test]
fn what_is_used_of_another_track_and_not_required_is_found() {
    let project = Project::with(&PARTIES);
    project.write(
        "db/acme/20240101000000_acme_a.sql",
        "-- migrate: requires impl/20240101000000\nCREATE VIEW own AS SELECT vat FROM customer;\n",
    );
    let by_word = "warning impl/20240101000000: it uses the relation customer of track core, and does not require core/20240101000000";
    // Nothing is recorded yet.
    let by_acme = by_word.replace("impl/", "acme/");
    assert_eq!(needs(&project, ""), json!([by_acme, by_word]));
    project.nu("migrate run db -q | ignore").text();
    let by_impl = "warning impl/20240101000000: it uses the column public.customer.name of track core, and does not require core/20240101000000";
    assert_eq!(needs(&project, ""), json!([by_impl]));
    // A pending file says it, for itself and not for those before it.
    project.write(
        "db/impl/20240201000000_impl_b.sql",
        "-- migrate: requires core/20240101000000\nCREATE VIEW b AS SELECT id FROM customer;\n",
    );
    project.write(
        "db/acme/20240201000000_acme_b.sql",
        "CREATE TABLE mine (c int REFERENCES customer);\nALTER TABLE public.customer ADD acme int;\n",
    );
    let by_acme = "warning acme/20240201000000: it uses the table public.customer of track core, and does not require core/20240101000000";
    assert_eq!(needs(&project, ""), json!([by_acme, by_impl]));
    assert_eq!(
        project.code("migrate validate db --strict"),
        "migrate::invalid"
    );
    let allowed = project.nu("$env.MIGRATE_ALLOW = 'missing-requirement'; migrate validate db --strict | where severity == error | length");
    assert_eq!(allowed.text(), "0");
    project.write(
        "db/migrate.json",
        r#"{"touch": "declared", "tracks": {"acme": {"touch": "own"}}}"#,
    );
    let strict = needs(&project, "");
    let strict: Vec<_> = strict
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        strict.iter().all(|found| found.starts_with("error ")),
        "{strict:?}"
    );
    assert!(
        strict.contains(
            &"error acme/20240201000000: it changes the table public.customer of track core"
        ),
        "{strict:?}"
    );
    assert_eq!(strict.len(), 3);
}

#[test]
fn what_is_used_of_another_tracks_pending_file_is_found() {
    let project = Project::with(&[
        (
            "core/20240101000000_core_a.sql",
            "CREATE TABLE customer (id int PRIMARY KEY);\n",
        ),
        (
            "core/20240102000000_core_b.sql",
            "CREATE VIEW names AS SELECT id FROM customer;\n",
        ),
        (
            "impl/20240103000000_impl_a.sql",
            "CREATE TABLE invoice (customer int REFERENCES customer);\nALTER TABLE public.customer ADD vat text;\n",
        ),
        (
            "acme/20240104000000_acme_a.sql",
            "-- migrate: requires core/20240102000000\nCREATE TEMP TABLE invoice AS SELECT id FROM names;\nTABLE invoice;\n",
        ),
    ]);
    let found = "warning impl/20240103000000: it uses the relation customer of track core, and does not require core/20240101000000";
    for options in ["", "--offline", "--track impl"] {
        assert_eq!(needs(&project, options), json!([found]), "{options}");
    }
    assert_eq!(needs(&project, "--track acme"), json!([]));
    assert_eq!(
        project.code("migrate validate db --offline --strict"),
        "migrate::invalid"
    );
    project.write(
        "db/migrate.json",
        r#"{"tracks": {"impl": {"touch": "own"}}}"#,
    );
    assert_eq!(
        needs(&project, ""),
        json!([
            "error impl/20240103000000: it changes the relation public.customer of track core",
            found.replace("warning", "error")
        ])
    );
    assert_eq!(project.code("migrate run db -q"), "migrate::touch_refused");
    project.remove("db/migrate.json");
    project.nu("migrate run db -q | ignore").text();
    let after = needs(&project, "").to_string();
    assert!(
        after.contains("does not require core/20240101000000"),
        "{after}"
    );
}
