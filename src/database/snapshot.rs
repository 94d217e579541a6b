//! A schema as text, a file per object: written so that a person reads it and a difference is a
//! difference of the schema, and read again. Pure; must not touch a disk.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::catalog::{Catalog, Entry, Object};

/// What an object's line begins with.
const HEAD: &str = "--- ";
/// What is put before a definition's line that could be taken for such a line.
const ESCAPE: &str = "---";
/// File systems take 255 bytes.
const LONGEST_NAME: usize = 180;

/// A file of the snapshot: the object with all that is part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub kind: String,
    pub name: String,
    /// Below the snapshot's folder.
    pub path: String,
    pub text: String,
}

pub fn files(catalog: &Catalog) -> Vec<File> {
    let mut texts: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for entry in catalog.entries() {
        let Entry(kind, name, part_of, definition) = &entry;
        let whole = part_of.clone().unwrap_or_else(|| format!("{kind} {name}"));
        let (head, parts) = texts.entry(whole).or_default();
        let text = described(kind, name, definition.as_deref().unwrap_or_default());
        if part_of.is_none() {
            *head = text;
        } else {
            parts.push(text);
        }
    }
    let kinds: BTreeMap<String, (String, String)> = catalog
        .entries()
        .map(|Entry(kind, name, ..)| (format!("{kind} {name}"), (kind, name)))
        .collect();
    texts
        .into_iter()
        .map(|(whole, (head, parts))| {
            let (kind, name) = kinds
                .get(&whole)
                .cloned()
                .unwrap_or_else(|| ("other".to_owned(), whole));
            let text: Vec<_> = [head]
                .into_iter()
                .filter(|head| !head.is_empty())
                .chain(parts)
                .collect();
            File {
                path: format!("{}/{}.sql", kind.replace(' ', "-"), file_name(&name)),
                kind,
                name,
                text: text.join("\n"),
            }
        })
        .collect()
}

/// Is it a text of [`files`]?
pub fn is_ours(text: &str) -> bool {
    text.starts_with(HEAD)
}

/// The object that a text of [`files`] is about.
pub fn head(text: &str) -> Option<Object> {
    let Entry(kind, name, ..) = entries(text).into_iter().next()?;
    Some((kind, name))
}

/// Reads what [`files`] has written.
pub fn read<'a>(texts: impl Iterator<Item = &'a str>) -> Catalog {
    Catalog::new(texts.flat_map(entries))
}

fn described(kind: &str, name: &str, definition: &str) -> String {
    let name = name.replace('\\', "\\\\").replace('\n', "\\n");
    let mut text = format!("{HEAD}{kind}: {name}\n");
    for line in definition.lines() {
        if line.starts_with(ESCAPE) {
            text += "-";
        }
        text += line;
        text += "\n";
    }
    text
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines() {
        if let Some((kind, name)) = line
            .strip_prefix(HEAD)
            .and_then(|head| head.split_once(": "))
        {
            let name = unescaped(name);
            // The first is the whole.
            let whole = entries.first().map(|it| format!("{} {}", it.0, it.1));
            entries.push(Entry(kind.to_owned(), name, whole, Some(String::new())));
        } else if let Some(Entry(_, _, _, Some(definition))) = entries.last_mut() {
            let is_escaped = line.starts_with(ESCAPE);
            *definition += line.get(usize::from(is_escaped)..).unwrap_or_default();
            *definition += "\n";
        }
    }
    entries
}

fn unescaped(name: &str) -> String {
    let mut plain = String::new();
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(
                characters
                    .next()
                    .map(|next| if next == 'n' { '\n' } else { next }),
            ),
            other => plain.push(other),
        }
    }
    plain
}

/// A name for a file, on any system.
fn file_name(name: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "._-,() []".contains(character);
    let mut plain = String::new();
    for (index, character) in name.chars().enumerate() {
        if is_plain(character) && !(index == 0 && character == '.') {
            plain.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                plain += &format!("%{byte:02X}");
            }
        }
    }
    if plain.len() <= LONGEST_NAME {
        return plain;
    }
    let digest: String = Sha256::digest(name)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut short: String = plain;
    while short.len() > LONGEST_NAME {
        short.pop();
    }
    format!("{short}-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, name: &str, part_of: Option<&str>, definition: &str) -> Entry {
        Entry(
            kind.to_owned(),
            name.to_owned(),
            part_of.map(str::to_owned),
            Some(definition.to_owned()),
        )
    }

    #[test]
    fn what_is_written_is_read_again() {
        let tricky = "BEGIN\n--- table: x\n---- y\n---\n\n-- z\nEND";
        let catalog = Catalog::new([
            entry("table", "public.t", None, ""),
            entry("column", "public.t.a", Some("table public.t"), "integer"),
            entry("function", "public.f(integer, text)", None, tricky),
            entry("view", "public.\"a\\n\nb: c\"", None, " SELECT 1;\n"),
            entry(
                "comment",
                "table public.t",
                Some("table public.t"),
                "--- \nx",
            ),
        ]);
        let files = files(&catalog);
        let again = read(files.iter().map(|file| file.text.as_str()));
        assert_eq!(super::super::catalog::compare(&catalog, &again), []);
        let parts = |catalog: &Catalog| -> Vec<_> { catalog.entries().map(|it| it.2).collect() };
        assert_eq!(parts(&again), parts(&catalog));
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "function/public.f(integer, text).sql",
                "table/public.t.sql",
                "view/public.%22a%5Cn%0Ab%3A c%22.sql",
            ]
        );
        assert_eq!(
            files.get(1).unwrap().text,
            "--- table: public.t\n\n--- column: public.t.a\ninteger\n\n--- comment: table public.t\n---- \nx\n"
        );
        assert!(files.iter().all(|file| is_ours(&file.text)));
        let windows = files
            .iter()
            .map(|file| file.text.replace('\n', "\r\n"))
            .collect::<Vec<_>>();
        let again = read(windows.iter().map(String::as_str));
        assert_eq!(super::super::catalog::compare(&catalog, &again), []);
    }

    #[test]
    fn a_long_name_stays_one_of_its_own() {
        let long = |end: &str| file_name(&format!("{}{end}", "ü".repeat(150)));
        assert!(long("a").len() < 200);
        assert_ne!(long("a"), long("b"));
        assert_eq!(file_name("../x"), "%2E.%2Fx");
    }
}
