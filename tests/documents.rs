//! Every command in every document is run, in the order of its document, and gives what the
//! document says. `MIGRATE_TEST_BLESS=1` writes the outputs anew. Links lead somewhere, and a table
//! of contents has every heading. The source names pages and headings that exist.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::Project;
use crate::support::document::{Block, blessed, blocks, masked, sessions};
use crate::support::nu::PLUGIN;

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
        .map(|block| format!("{}\nprint '{MARK}'\n", printed(block)))
        .collect();
    // A document's database is called as people would; the tests share a server.
    let session = session.replace("\"erp\"", &database);
    let output = project.nu_of_80_columns(&format!("cd copy\n{session}"));
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
        .map(|output| as_at_home(output.trim_end(), &project))
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

/// An output with the place that a reader would have.
fn as_at_home(output: &str, project: &Project) -> String {
    let known = |name| project.environment.get(name).map_or("", String::as_str);
    let here = format!(
        "{}:{} as {}",
        known("PGHOST"),
        known("PGPORT"),
        known("PGUSER")
    );
    output
        .replace(&project.database, "erp")
        .replace(&here, "localhost:5432 as alice")
}

/// A block's commands, which print what a person would see. An error ends only a nu of its own.
fn printed(block: &Block) -> String {
    let code = &block.code;
    let fails = (block.output.as_ref())
        .is_some_and(|output| output.lines().any(|line| line.starts_with("Error: ")));
    if fails {
        format!(
            "^$nu.current-exe --no-config-file --no-std-lib --plugins '[{PLUGIN}]' \
             --commands r#'{code}'# | complete | get stderr | print"
        )
    } else {
        format!("do --env {{\n{code}\n}} | print")
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
fn the_pages() {
    let mut shown = 0;
    for page in pages() {
        if blocks(&fs::read_to_string(&page).unwrap()).is_empty() {
            continue;
        }
        let empty = tempfile::tempdir().unwrap();
        holds_true(&page, empty.path(), blocks);
        shown += 1;
    }
    assert!(shown > 2, "{shown} pages show commands");
}

/// The pages in `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(Path::new(ROOT).join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|page| page.extension().is_some_and(|end| end == "md"))
        .collect();
    found.sort();
    found
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut documents = [pages(), readmes()].concat();
    documents.push(Path::new(ROOT).join("README.md"));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for found in link.captures_iter(&prose(&text)) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(file.exists(), "{}: {target}", document.display());
            let there = heading.is_empty()
                || anchors(&fs::read_to_string(&file).unwrap()).contains(&heading.to_owned());
            assert!(there, "{}: {target}", document.display());
        }
    }
}

#[test]
fn every_page_begins_with_its_headings() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let headings = anchors(&text);
        for anchor in headings.iter().skip(1) {
            assert!(
                text.contains(&format!("](#{anchor})")),
                "{} has no link to {anchor} on top",
                page.display()
            );
        }
    }
}

/// What can be linked in a document: its headings, as GitHub names them.
fn anchors(document: &str) -> Vec<String> {
    prose(document)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// A document without its code.
fn prose(document: &str) -> String {
    let mut code = false;
    let mut lines = Vec::new();
    for line in document.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// A place that a message, a help text or a comment of the source names: `docs/PAGE.md`, perhaps with
/// `#heading` or `under "Heading"` behind it, or `examples/NAME`.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    file: String,
    heading: Option<String>,
}

/// The mentions in a source file, also where a line of a text or a comment ends in between.
fn mentions(source: &str) -> Vec<Mention> {
    let broken = Regex::new(r"\\\n\s*|\n\s*//[/!]? ?").unwrap();
    let text = broken.replace_all(
        source,
        |found: &regex::Captures<'_>| {
            if found[0].starts_with('\\') { "" } else { " " }
        },
    );
    let text = text.replace("\\\"", "\"");
    let mention = Regex::new(
        r#"\b(?<file>(?:docs|examples)/[\w-]+(?:\.\w+)?)(?:#(?<anchor>[\w-]+)|[^."]* under "(?<heading>[^"]+)")?"#,
    );
    mention
        .unwrap()
        .captures_iter(&text)
        .map(|found| Mention {
            file: found["file"].to_owned(),
            heading: (found.name("anchor").or(found.name("heading")))
                .map(|heading| anchor(heading.as_str())),
        })
        .collect()
}

#[test]
fn the_source_names_pages_and_headings_that_exist() {
    let root = Path::new(ROOT);
    let mut named = 0;
    for entry in walkdir::WalkDir::new(root.join("src")) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        let source = fs::read_to_string(entry.path()).unwrap();
        for Mention { file, heading } in mentions(&source) {
            let path = root.join(&file);
            assert!(path.exists(), "{}: {file}", entry.path().display());
            if let Some(heading) = heading {
                let headings = anchors(&fs::read_to_string(&path).unwrap());
                let place = entry.path().display();
                assert!(headings.contains(&heading), "{place}: {file}, {heading}");
                named += 1;
            }
        }
    }
    assert!(named > 0, "the help of `migrate validate` names a heading");
}

#[test]
fn a_mention_may_be_broken() {
    let mention = |file: &str, heading: Option<&str>| Mention {
        file: file.to_owned(),
        heading: heading.map(str::to_owned),
    };
    let source = "\"see docs/a.md#b-c, or docs/a.md, \\\n     under \\\"B `c`\\\"\"\n\
                  /// Explained in `docs/d.md`\n/// under \"E\". Not in docs/ or examples/f.\n";
    assert_eq!(
        mentions(source),
        [
            mention("docs/a.md", Some("b-c")),
            mention("docs/a.md", Some("b-c")),
            mention("docs/d.md", Some("e")),
            mention("examples/f", None),
        ]
    );
}

#[test]
fn masking_keeps_what_matters() {
    let one = "│ a │ 3ms │\n├───┼─────┤ 4m";
    let other = "│ a │ 12ms 3µs │\n├───┼──────────┤ 4m";
    assert_eq!(masked(one), masked(other));
    assert_ne!(masked("│ a │ 3ms │"), masked("│ b │ 3ms │"));
}

#[test]
fn masking_knows_a_cell_that_broke_elsewhere() {
    let one = "│ 0 │ passed in 98ms │ a │\n│   │ and gave 2     │   │";
    let other = "│ 0 │ passed in 1 │ a │\n│   │ 02ms and    │   │\n│   │ gave 2      │   │";
    assert_eq!(masked(one), masked(other));
    let next = "│ 0 │ passed in 98ms │ a │\n│ 1 │ and gave 2     │   │";
    assert_ne!(masked(one), masked(next));
}
