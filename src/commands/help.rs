//! Help texts: lines broken for a terminal, and a list of the columns with their meaning.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::table::Row;

/// How wide a line of a help text may be.
const WIDTH: usize = 80;

/// A table that a command gives: a heading, and each column with its meaning.
pub struct Legend {
    heading: String,
    columns: Vec<(&'static str, &'static str)>,
}

/// The columns that a command gives.
pub fn columns<R: Row>() -> Legend {
    legend::<R>("Columns:".to_owned())
}

/// Those that it gives with a flag.
pub fn columns_with<R: Row>(flag: &str) -> Legend {
    legend::<R>(format!("Other columns with --{flag}:"))
}

fn legend<R: Row>(heading: String) -> Legend {
    let columns = R::columns().into_iter();
    Legend {
        heading,
        columns: columns
            .map(|column| (column.name, column.meaning))
            .collect(),
    }
}

/// A help text with its lines broken for a terminal, since nushell shows it as it is, and the columns.
pub fn help(text: &'static str, tables: &[Legend]) -> &'static str {
    static KNOWN: Mutex<BTreeMap<&'static str, &'static str>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // One text for each command, as long as the plugin runs.
    known
        .entry(text)
        .or_insert_with(|| (broken(text) + &lists(tables)).leak())
}

/// What an earlier table explains in the same words is not said again.
fn lists(tables: &[Legend]) -> String {
    let mut text = String::new();
    let mut said = Vec::new();
    for table in tables {
        let columns = table.columns.iter();
        let new: Vec<_> = columns.filter(|column| !said.contains(*column)).collect();
        let longest = new.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        text += &format!("\n\n{}", table.heading);
        for (name, meaning) in &new {
            let indent = format!("\n{:longest$}    ", "");
            let room = WIDTH.saturating_sub(longest + 4);
            let meaning = paragraph(meaning, room).replace('\n', &indent);
            text += &format!("\n  {name:longest$}  {meaning}");
        }
        said.extend(new.into_iter().copied());
    }
    text
}

/// Paragraphs are apart by an empty line.
fn broken(text: &str) -> String {
    let paragraphs: Vec<_> = text.split("\n\n").map(|it| paragraph(it, WIDTH)).collect();
    paragraphs.join("\n\n")
}

fn paragraph(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = |line: &String| line.chars().count() + 1 + word.chars().count() <= width;
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits(line) => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
