//! Up and down in one file, between marks. What is between them is not touched.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Side;

/// What is between two marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    pub side: Side,
    pub content: &'a [u8],
    pub is_outside: bool,
}

/// The blocks of a dbmate file; `None` where it has none. Each mark says whether its block is outside
/// of a transaction.
pub fn dbmate(content: &[u8]) -> Option<Vec<Block<'_>>> {
    blocks(content, &DBMATE, |mark| says(&OUTSIDE, mark))
}

/// The blocks of a goose file. One mark says for all of the file that it is outside of a transaction.
pub fn goose(content: &[u8]) -> Option<Vec<Block<'_>>> {
    let is_outside = says(&NO_TRANSACTION, content);
    blocks(content, &GOOSE, |_| is_outside)
}

fn blocks<'a>(
    content: &'a [u8],
    mark: &Option<Regex>,
    is_outside: impl Fn(&[u8]) -> bool,
) -> Option<Vec<Block<'a>>> {
    let marks: Vec<_> = mark.as_ref()?.captures_iter(content).collect();
    let mut blocks = Vec::new();
    for (place, found) in marks.iter().enumerate() {
        let whole = found.get(0)?;
        let next = marks.get(place + 1).and_then(|next| next.get(0));
        let end = next.map_or(content.len(), |next| next.start());
        let is_down = found.name("side")?.as_bytes().eq_ignore_ascii_case(b"down");
        blocks.push(Block {
            side: if is_down { Side::Down } else { Side::Up },
            content: content.get(whole.end()..end)?,
            is_outside: is_outside(whole.as_bytes()),
        });
    }
    (!blocks.is_empty()).then_some(blocks)
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
    LazyLock::new(|| pattern(r"(?m)^--[ \t]*migrate:(?<side>up|down)\b[^\n]*(?:\n|\z)"));
static OUTSIDE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"transaction:[ \t]*false"));
static GOOSE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?mi)^--[ \t]*\+goose[ \t]+(?<side>up|down)\b[^\n]*(?:\n|\z)"));
static NO_TRANSACTION: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?mi)^--[ \t]*\+goose[ \t]+no[ \t]+transaction\b"));
