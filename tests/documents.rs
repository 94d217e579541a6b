//! Every command in every README is run, in the order of its document, and gives what the
//! document says. `MIGRATE_TEST_BLESS=1` writes the outputs anew.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Project;
use crate::support::document::{Block, blessed, blocks, masked, sessions};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Between the outputs of two blocks.
const MARK: &str = "<<<< next block >>>>";

/// Runs a document's blocks in one nushell, in a copy of a folder, on a database of its own.
#[track_caller]
fn holds_true(readme: &Path, folder: &Path, find: fn(&str) -> Vec<Block>) {
    let document = fs::read_to_string(readme).unwrap();
    let blocks = find(&document);
    assert!(!blocks.is_empty(), "{}", readme.display());
    let project = Project::new();
    copy(folder, &project.path("copy"));
    let database = format!("\"{}\"", project.database);
    let session: String = blocks
        .iter()
        .map(|block| format!("do --env {{\n{}\n}} | print\nprint '{MARK}'\n", block.code))
        .collect();
    // A document's database is called as people would; the tests share a server.
    let session = session.replace("\"erp\"", &database);
    let output = project.nu(&format!("cd copy\n{session}"));
    assert_eq!(
        output.code,
        Some(0),
        "{}: {}",
        readme.display(),
        output.stderr
    );
    let outputs: Vec<_> = output
        .stdout
        .split(&format!("{MARK}\n"))
        .map(|output| output.trim_end().to_owned())
        .collect();
    if std::env::var_os("MIGRATE_TEST_BLESS").is_some() {
        let different = blocks.iter().zip(&outputs).any(|(block, output)| {
            block
                .output
                .as_ref()
                .is_some_and(|said| masked(said) != masked(output))
        });
        if different {
            fs::write(readme, blessed(&document, &blocks, &outputs)).unwrap();
        }
        return;
    }
    for (block, output) in blocks.iter().zip(&outputs) {
        if let Some(said) = &block.output {
            let (said, output) = (masked(said), masked(output));
            assert!(
                said == output,
                "{}:\n{}\nis said to give:\n{said}\nand gives:\n{output}",
                readme.display(),
                block.code
            );
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn readmes() -> Vec<PathBuf> {
    let examples = Path::new(ROOT).join("examples");
    let mut found: Vec<_> = fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("README.md"))
        .filter(|readme| readme.exists())
        .collect();
    found.sort();
    found
}

#[test]
fn examples() {
    let readmes = readmes();
    assert!(!readmes.is_empty());
    for readme in readmes {
        holds_true(&readme, readme.parent().unwrap(), blocks);
    }
}

#[test]
fn the_readme() {
    let root = Path::new(ROOT);
    let readme = root.join("README.md");
    holds_true(&readme, &root.join("examples"), sessions);
    let empty = tempfile::tempdir().unwrap();
    holds_true(&readme, empty.path(), blocks);
}

#[test]
fn masking_keeps_what_matters() {
    let one = "│ a │ 3ms │\n├───┼─────┤ 4m";
    let other = "│ a │ 12ms 3µs │\n├───┼──────────┤ 4m";
    assert_eq!(masked(one), masked(other));
    assert_ne!(masked("│ a │ 3ms │"), masked("│ b │ 3ms │"));
}
