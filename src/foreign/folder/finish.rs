//! From a piece of theirs to a file of ours: what the tool does around the SQL becomes directives. Pure.

use std::path::Path;

use super::{Imported, Outcome, Piece};
use crate::foreign::Tool;
use crate::sql::inspection::{inspect, needs_no_transaction};
use crate::sql::lexer::BYTE_ORDER_MARK;
use crate::sql::script::Script;
use crate::sql::variables::Variables;
use crate::sql::variables::usage::unset;
use crate::tree::{Name, Track, directives};

/// The file with its directives on top. The text of the other tool stays as it is.
pub(super) fn finish(tool: Tool, track: &Track, piece: Piece) -> Result<Imported, String> {
    let script = Script::new(Path::new(&piece.from), &piece.content);
    let inspection = inspect(&script, &[]);
    let mut lines = Vec::new();
    // golang-migrate sends a file as one message, and a lonely statement then has no transaction.
    let is_outside = piece.is_outside
        || tool == Tool::GolangMigrate && !needs_no_transaction(&script).is_empty();
    if is_outside {
        lines.push("no-transaction");
    } else if !inspection.transaction_control.is_empty() {
        lines.push(match inspection.outer_pair {
            Some(_) => "transaction-control unwrap",
            None => "transaction-control separate",
        });
    }
    // Only psql has variables: elsewhere, a colon is a colon.
    if tool != Tool::Sqitch && !unset(&script, &[], &Variables::new()).is_empty() {
        lines.push("allow unset-variable");
    }
    let top: String = lines
        .iter()
        .map(|line| format!("-- migrate: {line}\n"))
        .collect();
    // psql skips the mark only where a file begins.
    let (mark, text) = match piece.content.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => (BYTE_ORDER_MARK, text),
        None => (&b""[..], piece.content.as_slice()),
    };
    let content = [mark, top.as_bytes(), text].concat();
    directives::read(script.path, &content).map_err(|error| error.to_string())?;
    Ok(Imported {
        from: piece.from,
        outcome: Outcome::File {
            name: Name {
                track: track.clone(),
                version: piece.version,
                description: piece.description,
            },
            side: piece.side,
            content,
            directives: lines,
        },
    })
}
