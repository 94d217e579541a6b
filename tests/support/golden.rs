//! Whole rendered texts, kept in files. `MIGRATE_TEST_BLESS=1` writes them anew.

use std::path::Path;
use std::{env, fs};

/// Compares a text with `tests/golden/{name}.txt`.
#[track_caller]
pub(crate) fn assert_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    let found: String = found
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    if env::var_os("MIGRATE_TEST_BLESS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; found:\n{found}", path.display()));
    assert!(expected == found, "expected:\n{expected}\nfound:\n{found}");
}
