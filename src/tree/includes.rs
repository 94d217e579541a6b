//! The files that a migration includes: which, and what is in them.
//! Finds literal `\i`, `\ir` and `\copy ... from`, from where `\cd` leads; what psql works out at run
//! time is not seen.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::cache::Reader;
use super::text::{Text, each_piece};
use crate::process::interrupt::Interrupt;
use crate::sql::inspection::Violation;
use crate::sql::lexer::{Command, Item, copied_from};
use crate::sql::script::Script;

/// A file that a migration includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    pub path: PathBuf,
    /// Its name as the script says it, the same on every machine.
    pub written: String,
    /// If it is not there, that is left to psql, which says so best.
    pub content: Option<Content>,
    /// Did the first form of the checksum cover it? That one knew neither `\cd` nor `~`.
    pub is_in_first_form: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Script(Text),
    /// Of any size, and not read here.
    Data,
}

/// Where psql is when it begins with a script.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    pub folder: &'a Path,
    pub home: Option<&'a Path>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Includes {
    /// Each file once, in the order of inclusion.
    pub files: Vec<Included>,
    /// Includes that lead back to a file they are in, whatever happens: psql follows them until it
    /// crashes. Within `\if` they may be a loop that ends.
    pub circles: Vec<Violation>,
}

/// Reads everything a script includes, at any depth.
///
/// # Errors
/// The script itself is large, and cannot be read to its end.
pub fn follow(
    script: &Path,
    text: &Text,
    start: Start<'_>,
    (reader, interrupt): (&mut Reader, &Interrupt),
) -> io::Result<Includes> {
    let mut walk = Walk {
        start,
        reader,
        interrupt,
        folder: Some(start.folder.to_owned()),
        seen: BTreeSet::from([script.to_owned()]),
        open: vec![(script.to_owned(), false)],
        found: Includes::default(),
    };
    let script = Including {
        opened_as: script,
        path: script,
        is_in_first_form: true,
    };
    walk.collect(script, text)?;
    Ok(walk.found)
}

struct Walk<'a> {
    start: Start<'a>,
    reader: &'a mut Reader,
    interrupt: &'a Interrupt,
    /// Where psql stands now, if that can be told.
    folder: Option<PathBuf>,
    seen: BTreeSet<PathBuf>,
    /// The scripts that are being read, and whether each is included within `\if`.
    open: Vec<(PathBuf, bool)>,
    found: Includes,
}

#[derive(Clone, Copy)]
struct Including<'a> {
    /// As psql was given it: `\ir` starts from there, relative to where psql stands.
    opened_as: &'a Path,
    path: &'a Path,
    is_in_first_form: bool,
}

impl Walk<'_> {
    fn collect(&mut self, script: Including<'_>, text: &Text) -> io::Result<()> {
        // Most files include nothing, and a look for the words is much cheaper than a scan.
        if !text.has(script.path, self.interrupt, &[b"\\i", b"\\c", b"\\C"])? {
            return Ok(());
        }
        let mut branches = Vec::new();
        match text {
            Text::Large => each_piece(script.path, self.interrupt, |piece| {
                self.collect_piece(script, piece, &mut branches);
            }),
            Text::Held(content) => {
                let whole = Script::new(script.path, content);
                self.collect_piece(script, &whole, &mut branches);
                Ok(())
            }
        }
    }

    /// `branches` has where psql stood before each `\if` that is open.
    fn collect_piece(
        &mut self,
        script: Including<'_>,
        piece: &Script<'_>,
        branches: &mut Vec<Option<PathBuf>>,
    ) {
        for item in piece.items.iter() {
            let Item::Command(command) = item else {
                continue;
            };
            match command.name.as_str() {
                "cd" => self.change_folder(command),
                "if" => branches.push(self.folder.clone()),
                "elif" | "else" => self.folder = branches.last().cloned().unwrap_or_default(),
                "endif" => drop(branches.pop()),
                _ => {
                    let text = piece.text(&command.range);
                    self.include(script, command, text, !branches.is_empty());
                }
            }
        }
    }

    fn change_folder(&mut self, command: &Command) {
        self.folder = match command.arguments.first() {
            None => self.start.home.map(Path::to_owned),
            // psql knows no `~` here.
            Some(folder) => folder
                .literal()
                .and_then(|folder| Some(self.folder.as_ref()?.join(folder))),
        };
    }

    fn include(&mut self, script: Including<'_>, command: &Command, text: &[u8], in_branch: bool) {
        let Some(target) = target(command, text) else {
            return;
        };
        let Some(name) = self.expand(target.written) else {
            return;
        };
        let opened_as = if target.is_beside {
            let folder = script.opened_as.parent().unwrap_or(script.opened_as);
            folder.join(&name)
        } else {
            name
        };
        let path = match &self.folder {
            Some(folder) => folder.join(&opened_as),
            None if opened_as.is_absolute() => opened_as.clone(),
            None => return,
        };
        if let Some(from) = self.open.iter().position(|(open, _)| *open == path) {
            let inside = self.open.iter().skip(from + 1);
            if !in_branch && inside.clone().all(|(_, in_branch)| !in_branch) {
                self.found.circles.push(Violation {
                    path: script.path.to_owned(),
                    line: command.line,
                    found: format!("\\{} {}", command.name, target.written),
                });
            }
        }
        if !self.seen.insert(path.clone()) {
            return;
        }
        let content = if target.is_script {
            self.reader.read(&path).map(Content::Script).ok()
        } else {
            self.reader.has(&path).then_some(Content::Data)
        };
        let first_path = if target.is_beside {
            script
                .path
                .parent()
                .unwrap_or(script.path)
                .join(target.written)
        } else {
            self.start.folder.join(target.written)
        };
        let is_in_first_form = script.is_in_first_form
            && target.is_in_first_form
            && content.is_some()
            && first_path == path
            && !text.trim_ascii_end().ends_with(b";");
        let included = Included {
            path: path.clone(),
            written: target.written.to_owned(),
            content,
            is_in_first_form,
        };
        self.found.files.push(included.clone());
        if let Some(Content::Script(text)) = &included.content {
            self.open.push((path.clone(), in_branch));
            let script = Including {
                opened_as: &opened_as,
                path: &path,
                is_in_first_form,
            };
            // One that cannot be read to its end is left to psql as well.
            let _ = self.collect(script, text);
            self.open.pop();
        }
    }

    /// `~` is the user's home; another user's is not looked up.
    fn expand(&self, name: &str) -> Option<PathBuf> {
        match name.strip_prefix('~') {
            None => Some(PathBuf::from(name)),
            Some("") => self.start.home.map(Path::to_owned),
            Some(rest) => Some(self.start.home?.join(rest.strip_prefix('/')?)),
        }
    }
}

struct Target<'a> {
    written: &'a str,
    is_script: bool,
    /// Is it beside the script, or where psql stands?
    is_beside: bool,
    /// May the first form of the checksum cover it?
    is_in_first_form: bool,
}

/// The file a meta-command reads.
fn target<'a>(command: &'a Command, text: &'a [u8]) -> Option<Target<'a>> {
    let script = |is_beside| {
        Some(Target {
            written: command.arguments.first()?.literal()?,
            is_script: true,
            is_beside,
            is_in_first_form: true,
        })
    };
    match command.name.as_str() {
        "i" | "include" => script(false),
        "ir" | "include_relative" => script(true),
        "copy" => {
            let data = |written, is_in_first_form| Target {
                written,
                is_script: false,
                is_beside: false,
                is_in_first_form,
            };
            // What is found by a FROM between blanks stays what it was in every checksum so far.
            let is_in_one_case = text.starts_with(b"\\copy") || text.starts_with(b"\\COPY");
            let found = between_blanks(command).map(|written| data(written, is_in_one_case));
            found.or_else(|| Some(data(copied_file(text)?, false)))
        }
        _ => None,
    }
}

/// The argument behind FROM.
fn between_blanks(command: &Command) -> Option<&str> {
    let literal = |index: usize| command.arguments.get(index)?.literal();
    let is_from =
        |index: &usize| literal(*index).is_some_and(|word| word.eq_ignore_ascii_case("from"));
    let from = (0..command.arguments.len()).find(is_from)?;
    literal(from + 1).filter(|written| is_file(written))
}

/// The same as psql's own parser reads it: of `\copy t(a)from 'stdin'`.
fn copied_file(text: &[u8]) -> Option<&str> {
    let from = std::str::from_utf8(copied_from(text)?).ok()?;
    match from.strip_prefix('\'') {
        Some(quoted) => quoted.strip_suffix('\''),
        None => Some(from).filter(|written| is_file(written)),
    }
}

fn is_file(word: &str) -> bool {
    !["stdin", "pstdin", "program"].contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn never() -> Interrupt {
        Interrupt::after(std::time::Duration::from_secs(60))
    }

    fn text(content: &[u8]) -> Text {
        Text::Held(content.to_vec())
    }

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
        let start = Start {
            folder: root,
            home: None,
        };
        let found = follow(
            &root.join("m.sql"),
            &text(content),
            start,
            (&mut Reader::new(), &never()),
        )
        .unwrap();
        assert_eq!(
            found
                .circles
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["b.sql, line 1: \\ir a.sql"]
        );
        let found: Vec<_> = found
            .files
            .into_iter()
            .filter(|file| file.content.is_some())
            .collect();
        let names: Vec<_> = found
            .iter()
            .map(|found| found.path.strip_prefix(root).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["parts/a.sql", "parts/b.sql", "rows.csv"]);
        assert_eq!(found[2].content, Some(Content::Data));
    }

    #[test]
    fn from_where_psql_stands() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["sub", "sub/deep", "home", "other"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let write = |name: &str, content: &str| fs::write(root.join(name), content).unwrap();
        for name in [
            "sub/x.sql",
            "sub/deep/z.sql",
            "home/h.sql",
            "home/i.sql",
            "other/o.sql",
        ] {
            write(name, "SELECT 1;\n");
        }
        write("sub/y.sql", "\\cd deep\n\\i z.sql\n");
        let content =
            b"\\cd sub\n\\i x.sql;\n\\i y.sql\n\\cd ..\n\\ir x.sql\n\\i ~/h.sql\n\\cd\n\\i i.sql\n\
                        \\cd :dir\n\\i lost.sql\n\\ir other/o.sql\n";
        let start = Start {
            folder: root,
            home: Some(&root.join("home")),
        };
        let found = follow(
            &root.join("m.sql"),
            &text(content),
            start,
            (&mut Reader::new(), &never()),
        )
        .unwrap()
        .files;
        let names: Vec<_> = found
            .iter()
            .map(|found| (found.written.as_str(), found.content.is_some()))
            .collect();
        assert_eq!(
            names,
            [
                ("x.sql", true),
                ("y.sql", true),
                ("z.sql", true),
                ("x.sql", false),
                ("~/h.sql", true),
                ("i.sql", true),
                ("other/o.sql", true),
            ]
        );
        let first: Vec<_> = found
            .iter()
            .filter(|found| found.is_in_first_form)
            .collect();
        assert_eq!(first.len(), 1, "only what needs no new rule: {first:?}");
    }

    #[test]
    fn data_is_found_as_psql_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["rows.csv", "stdin", "a b"] {
            fs::write(root.join(name), "1\n").unwrap();
        }
        let start = Start {
            folder: root,
            home: None,
        };
        let found = |content: &str| {
            let reader = (&mut Reader::new(), &never());
            let content = text(content.as_bytes());
            let found = follow(&root.join("m.sql"), &content, start, reader);
            let files = found.unwrap().files.into_iter();
            let seen = files.filter(|file| file.content.is_some());
            seen.map(|file| (file.written, file.is_in_first_form))
                .collect::<Vec<_>>()
        };
        for (content, written, is_in_first_form) in [
            ("\\copy t from rows.csv", "rows.csv", true),
            ("\\COPY t from 'a b' csv", "a b", true),
            ("\\Copy t from 'rows.csv'", "rows.csv", false),
            ("\\copy t(a)from 'rows.csv'", "rows.csv", false),
            ("\\copy t from 'stdin'", "stdin", false),
        ] {
            let expected = vec![(written.to_owned(), is_in_first_form)];
            assert_eq!(found(content), expected, "{content}");
        }
        for content in [
            "\\copy t from stdin\n1\n\\.\n",
            "\\copy t from program 'stdin'",
        ] {
            assert_eq!(found(content), [], "{content}");
        }
    }

    #[test]
    fn a_loop_within_if_may_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let start = Start {
            folder: root,
            home: None,
        };
        let circles = |content: &[u8]| {
            let reader = (&mut Reader::new(), &never());
            let found = follow(&root.join("m.sql"), &text(content), start, reader);
            found.unwrap().circles
        };
        assert_eq!(circles(b"\\if :again\n\\ir m.sql\n\\endif\n"), []);
        assert_eq!(circles(b"SELECT 1;\n\\i m.sql\n")[0].line, 2);
    }
}
