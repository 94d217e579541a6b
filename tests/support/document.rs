//! A document with commands in it and what they give.

use regex::Regex;

/// A ```` ```nu ```` block, and the ```` ```text ```` block right behind it, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The commands.
    pub(crate) code: String,
    /// What they are said to print.
    pub(crate) output: Option<String>,
    /// The lines of that output in the document, for blessing.
    output_lines: Option<std::ops::Range<usize>>,
}

/// All blocks of a document, in their order.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let lines: Vec<_> = document.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at] != "```nu" {
            at += 1;
            continue;
        }
        let code = fenced(&lines, at);
        at = code.end + 1;
        let next = (at..lines.len()).find(|&line| !lines[line].is_empty());
        let output = next
            .filter(|&line| lines[line] == "```text")
            .map(|line| fenced(&lines, line));
        blocks.push(Block {
            code: lines[code].join("\n"),
            output: output.clone().map(|output| lines[output].join("\n")),
            output_lines: output,
        });
    }
    blocks
}

/// The sessions of a document: ```` ```text ```` blocks in which a command stands behind `> `, and
/// what it prints below it.
pub(crate) fn sessions(document: &str) -> Vec<Block> {
    let lines: Vec<_> = document.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at] != "```text" || !lines[at + 1].starts_with("> ") {
            at += 1;
            continue;
        }
        let block = fenced(&lines, at);
        at = block.end + 1;
        let prompts: Vec<_> = block
            .clone()
            .filter(|&line| lines[line].starts_with("> "))
            .collect();
        for (index, &prompt) in prompts.iter().enumerate() {
            let mut end = prompts.get(index + 1).copied().unwrap_or(block.end);
            while lines[end - 1].is_empty() {
                end -= 1;
            }
            blocks.push(Block {
                code: lines[prompt].trim_start_matches("> ").to_owned(),
                output: Some(lines[prompt + 1..end].join("\n")),
                output_lines: Some(prompt + 1..end),
            });
        }
    }
    blocks
}

/// The lines between a fence and its end.
fn fenced(lines: &[&str], fence: usize) -> std::ops::Range<usize> {
    let length = lines[fence + 1..]
        .iter()
        .position(|line| *line == "```")
        .expect("a fence that is closed");
    fence + 1..fence + 1 + length
}

/// The document with other outputs.
pub(crate) fn blessed(document: &str, found: &[Block], outputs: &[String]) -> String {
    let mut lines: Vec<String> = document.lines().map(str::to_owned).collect();
    for (block, output) in found.iter().zip(outputs).rev() {
        if let Some(range) = block.output_lines.clone() {
            lines.splice(range, output.lines().map(str::to_owned));
        }
    }
    lines.join("\n") + "\n"
}

/// Output without what differs from run to run: times, ids, and the widths that follow from them.
pub(crate) fn masked(output: &str) -> String {
    let mut text = unwrapped(output);
    for (pattern, shown) in [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>"),
        (
            r"\d+(\.\d+)?(ns|µs|ms|sec|min)( ?\d+(ns|µs|ms|sec))*",
            "<time>",
        ),
        (r"\bnow\b|\b(a|\d+) ?(second|minute)s? ?ago\b", "<moment>"),
        (r"\d{14}_", "<version>_"),
        (r"server:[^,]+,zone:[^}]+", "server:<server>,zone:<zone>"),
        (r"─+", "─"),
        (r"[ \t]+", " "),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, shown)
            .into_owned();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

/// Output whose table rows have one line each and no spaces: where a cell breaks follows from the
/// width of the others, and so from how long something took.
fn unwrapped(output: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut row: Vec<String> = Vec::new();
    for line in output.lines() {
        let cells = cells(line);
        let goes_on = cells.len() == row.len() && cells.first().is_some_and(String::is_empty);
        if goes_on && !row.is_empty() {
            for (whole, piece) in row.iter_mut().zip(&cells) {
                whole.push_str(piece);
            }
            lines.pop();
        } else {
            row = cells;
        }
        lines.push(if row.is_empty() {
            line.to_owned()
        } else {
            format!("│ {} │", row.join(" │ "))
        });
    }
    lines.join("\n")
}

/// The cells of a line of a table, without spaces; nothing for any other line.
fn cells(line: &str) -> Vec<String> {
    line.trim()
        .strip_prefix('│')
        .and_then(|line| line.strip_suffix('│'))
        .map(|line| line.split('│').map(|cell| cell.replace(' ', "")).collect())
        .unwrap_or_default()
}
