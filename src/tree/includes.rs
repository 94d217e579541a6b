//! The files that a migration includes: which, and what is in them.
//! Finds literal `\i`, `\ir` and `\copy ... from`; what psql works out at run time is not seen.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::sql::lexer::{Command, Item, scan};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    pub path: PathBuf,
    pub content: Vec<u8>,
    /// Is it a script, or data?
    pub is_script: bool,
}

/// Reads everything a script includes, at any depth, each file once, in the order of inclusion.
/// `folder` is where psql stands. A file that is not there is left to psql, which says so best.
pub fn follow(script: &Path, content: &[u8], folder: &Path) -> Vec<Included> {
    let mut seen = BTreeSet::from([script.to_owned()]);
    let mut found = Vec::new();
    collect(script, content, folder, &mut seen, &mut found);
    found
}

fn collect(
    script: &Path,
    content: &[u8],
    folder: &Path,
    seen: &mut BTreeSet<PathBuf>,
    found: &mut Vec<Included>,
) {
    // Most files include nothing, and a look for the words is much cheaper than a scan.
    if memmem::find(content, b"\\i").is_none() && memmem::find(content, b"\\copy").is_none() {
        return;
    }
    for item in scan(content) {
        let Item::Command(command) = item else {
            continue;
        };
        let Some((path, is_script)) = target(&command, script, folder) else {
            continue;
        };
        if !seen.insert(path.clone()) {
            continue;
        }
        let Ok(content) = fs::read(&path) else {
            continue;
        };
        found.push(Included {
            path: path.clone(),
            content: content.clone(),
            is_script,
        });
        if is_script {
            collect(&path, &content, folder, seen, found);
        }
    }
}

/// The file a meta-command reads, and whether it is a script.
fn target(command: &Command, script: &Path, folder: &Path) -> Option<(PathBuf, bool)> {
    let literal = |index: usize| command.arguments.get(index)?.literal();
    match command.name.as_str() {
        "i" | "include" => Some((folder.join(literal(0)?), true)),
        "ir" | "include_relative" => Some((script.parent()?.join(literal(0)?), true)),
        "copy" => {
            let is_from = |index: &usize| {
                literal(*index).is_some_and(|word| word.eq_ignore_ascii_case("from"))
            };
            let from = (0..command.arguments.len()).find(is_from)?;
            let source = literal(from + 1)?;
            let is_file = !["stdin", "pstdin", "program"].contains(&source.to_lowercase().as_str());
            is_file.then(|| (folder.join(source), false))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_relative_and_circular() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("parts")).unwrap();
        let write = |name: &str, content: &str| fs::write(root.join(name), content).unwrap();
        write("parts/a.sql", "\\ir b.sql\n");
        write("parts/b.sql", "\\ir a.sql\n\\copy t from 'rows.csv'\n");
        write("rows.csv", "1\n");
        let content = b"\\ir parts/a.sql\n\\i parts/a.sql\n\\i missing.sql\n\\i :x\n\
                        \\copy t from program 'ls'\n\\copy t to 'out.csv'\nSELECT '\\i rows.csv';\n";
        let found = follow(&root.join("m.sql"), content, root);
        let names: Vec<_> = found
            .iter()
            .map(|found| found.path.strip_prefix(root).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["parts/a.sql", "parts/b.sql", "rows.csv"]);
        assert!(!found[2].is_script);
    }
}
