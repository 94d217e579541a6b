//! Up and down in one file, between marks. What is between them is not touched.

use std::sync::LazyLock;

use regex::bytes::{Match, Regex};

use super::Side;
use crate::foreign::Tool;
use crate::sql::lexer::{Item, scan};

/// What is between two marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    pub side: Side,
    pub content: &'a [u8],
    pub is_outside: bool,
}

/// The blocks of a dbmate file. Each mark says whether its block is outside of a transaction.
///
/// # Errors
/// It has no mark, or SQL before the first one.
pub fn dbmate(content: &[u8]) -> Result<Vec<Block<'_>>, String> {
    blocks(content, &DBMATE, |mark| says(&OUTSIDE, mark))
}

/// The blocks of a goose file. One mark says for all of the file that it is outside of a transaction.
///
/// # Errors
/// As [`dbmate`]; or the tool would put variables into it.
pub fn goose(content: &[u8]) -> Result<Vec<Block<'_>>, String> {
    if says(&ENVSUB, content) {
        return Err(
            "it has +goose ENVSUB, and its ${...} must be written as psql variables first"
                .to_owned(),
        );
    }
    let is_outside = says(&NO_TRANSACTION, content);
    blocks(content, &GOOSE, |_| is_outside)
}

fn blocks<'a>(
    content: &'a [u8],
    mark: &Option<Regex>,
    is_outside: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Block<'a>>, String> {
    let marks: Vec<_> = mark
        .iter()
        .flat_map(|mark| mark.captures_iter(content))
        .filter_map(|found| Some((found.get(0)?, found.name("side")?.as_bytes())))
        .collect();
    let first = marks
        .first()
        .map_or(content.len(), |(whole, _)| whole.start());
    // Neither tool runs it; whoever wrote it wants it to.
    if let Some(line) = content
        .get(..first)
        .and_then(first_line)
        .filter(|_| !marks.is_empty())
    {
        return Err(format!("the SQL in line {line} is before the first mark"));
    }
    let ends = marks.iter().skip(1).map(|(next, _)| next.start());
    let blocks = marks.iter().zip(ends.chain([content.len()]));
    let block = |((whole, side), end): (&(Match<'a>, &[u8]), usize)| Block {
        side: if side.eq_ignore_ascii_case(b"down") {
            Side::Down
        } else {
            Side::Up
        },
        content: content.get(whole.end()..end).unwrap_or_default(),
        is_outside: is_outside(whole.as_bytes()),
    };
    Ok(blocks.map(block).collect())
}

/// The line of the first thing that is no comment.
fn first_line(text: &[u8]) -> Option<usize> {
    scan(text).into_iter().next().map(|item| match item {
        Item::Statement(statement) => statement.line,
        Item::Command(command) => command.line,
    })
}

/// Another tool whose marks a file has.
pub fn marked_for_another(tool: Tool, content: &[u8]) -> Option<Tool> {
    let marks = [(Tool::Dbmate, &DBMATE), (Tool::Goose, &GOOSE)];
    let mut found = marks
        .into_iter()
        .filter(|(other, mark)| *other != tool && says(mark, content));
    found.next().map(|(tool, _)| tool)
}

fn says(pattern: &Option<Regex>, text: &[u8]) -> bool {
    pattern
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(text))
}

/// The patterns are constant; the tests need each of them.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static DBMATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?m)^\x{FEFF}?--[ \t]*migrate:(?<side>up|down)\b[^\n]*(?:\n|\z)"));
static OUTSIDE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"transaction:[ \t]*false"));
static GOOSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?mi)^\x{FEFF}?--[ \t]*\+goose[ \t]+(?<side>up|down)\b[^\n]*(?:\n|\z)")
});
static NO_TRANSACTION: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?mi)^--[ \t]*\+goose[ \t]+no[ \t]+transaction\b"));
static ENVSUB: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?mi)^--[ \t]*\+goose[ \t]+envsub[ \t]+on\b"));
