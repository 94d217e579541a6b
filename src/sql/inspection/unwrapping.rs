//! A script without the BEGIN and COMMIT around it.

use std::ops::Range;

use crate::sql::lexer::Item;
use crate::sql::quote::Argument;
use crate::sql::script::Script;

/// A script without its outer pair: blanks take its place, so that every line stays where it is.
/// Its `\ir` is bound to the folder where the script really is.
pub fn unwrapped(script: &Script<'_>, pair: &[Range<usize>; 2]) -> Vec<u8> {
    let mut content = script.content.to_vec();
    for at in pair.iter().flat_map(Clone::clone) {
        let byte = at
            .checked_sub(script.offset)
            .and_then(|at| content.get_mut(at));
        if let Some(byte) = byte.filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
    }
    let folder = script
        .path
        .parent()
        .unwrap_or(script.path)
        .to_string_lossy();
    let folder = Argument(&format!("{folder}/")).to_string();
    let mut bound = Vec::with_capacity(content.len());
    let mut done = 0;
    for item in script.items.iter() {
        let Item::Command(command) = item else {
            continue;
        };
        let relative = ["ir", "include_relative"].contains(&command.name.as_str());
        // Without an argument, psql has its own words for it.
        let is_bound = command
            .arguments
            .first()
            .is_none_or(|argument| argument.text.starts_with(b"/"));
        if relative && !is_bound {
            let name_end = command.range.start + 1 + command.name.len();
            bound.extend(content.get(done..command.range.start).unwrap_or_default());
            // psql joins quoted and unquoted parts that touch into one argument.
            bound.extend(format!("\\i {folder}").bytes());
            let blanks = content.get(name_end..).unwrap_or_default();
            let blanks = blanks
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            done = name_end + blanks;
        }
    }
    bound.extend(content.get(done..).unwrap_or_default());
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::inspection::inspect;
    use crate::sql::script::script;

    #[test]
    fn unwrapping_keeps_every_line_and_finds_its_includes() {
        let text = "\u{feff}-- ü\nBEGIN\n;\n\\ir parts/x.sql\n\\ir :file\n\\ir '/abs'\n\\ir\nSELECT 1; COMMIT;\n";
        let script = script(text);
        let pair = inspect(&script, &[]).outer_pair.unwrap();
        let bare = String::from_utf8(unwrapped(&script, &pair)).unwrap();
        assert_eq!(
            bare,
            "\u{feff}-- ü\n     \n \n\\i '/db/'parts/x.sql\n\\i '/db/':file\n\\ir '/abs'\n\\ir\nSELECT 1;        \n"
        );
    }
}
