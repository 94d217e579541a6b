//! The measurements still run: in miniature, for what they print and not for how long they take.

use std::process::Command;

use crate::support::nu::{NU, PLUGIN};
use crate::support::server::program;

#[test]
fn the_benchmark_runs() {
    if program("initdb").is_none() || which::which("python3").is_err() {
        eprintln!("no test: it needs initdb and python3");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart.svg");
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/run.py"))
        .args(["all", "--rounds", "1", "--n", "2", "--latency", "0,1"])
        .args(["--only", "nu_plugin_migrate"])
        .args(["--databases", "2", "--large", "100", "--plugin", PLUGIN])
        .arg("--nu")
        .arg(&*NU)
        .arg("--chart")
        .arg(&chart)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    // With each latency; and psql and ours on many databases.
    for (row, count) in [
        ("| psql | ", 3),
        ("| nu_plugin_migrate | ", 3),
        ("| nu_plugin_migrate, cold | ", 2),
        ("| nu_plugin_migrate, each | ", 2),
        ("| nu_plugin_migrate, kept | ", 2),
    ] {
        let rows: Vec<_> = said.lines().filter(|line| line.starts_with(row)).collect();
        assert_eq!(rows.len(), count, "{said}");
        assert!(rows.iter().all(|row| !row.contains("exit")), "{said}");
    }
    assert!(said.contains("N = 2, 1 ms each way"), "{said}");
    assert!(
        said.contains("| each | par-each | par-each --threads "),
        "{said}"
    );
    assert!(said.contains("| status --offline | "), "{said}");
    let chart = std::fs::read_to_string(chart).unwrap();
    assert!(chart.contains("nu_plugin_migrate, each"), "{chart}");
}
