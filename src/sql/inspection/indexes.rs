//! Whose index is it? What was left invalid is told of the file that makes an index of that name.

use std::ops::Range;

use memchr::memmem;

use crate::sql::lexer::{Item, scan};

/// Does a statement of this script, outright or in the text of a DO block, make or rebuild an index
/// of this name, given with or without schema and quotes?
pub fn names_index(script: &[u8], index: &str) -> bool {
    let name = index.rsplit('.').next().unwrap_or(index).trim_matches('"');
    let text = |range: &Range<usize>| script.get(range.clone()).unwrap_or_default();
    scan(script).iter().any(|item| match item {
        Item::Statement(statement) if statement.has(&["INDEX"]) => {
            names(text(&statement.range), name)
        }
        Item::Statement(statement) => statement.literals.iter().any(|literal| {
            let literal = text(literal);
            names(literal, "INDEX") && names(literal, name)
        }),
        Item::Command(_) => false,
    })
}

/// Is this a whole name in the text? Names are folded to one case unless they are quoted.
fn names(text: &[u8], name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let continues = |byte: Option<&u8>| {
        byte.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
        })
    };
    memmem::find_iter(&text, name.as_bytes()).any(|start| {
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        !continues(before) && !continues(text.get(start + name.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_named_by_its_whole_name_where_one_is_made() {
        for text in [
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS Invoice_Customer ON invoice (customer);",
            "REINDEX INDEX CONCURRENTLY sales.\"invoice_customer\";",
            "DO $$ BEGIN EXECUTE 'CREATE INDEX invoice_customer ON invoice (customer)'; END $$;",
        ] {
            assert!(names_index(text.as_bytes(), "invoice_customer"), "{text}");
        }
        for text in [
            "CREATE INDEX CONCURRENTLY invoice_customer_2 ON invoice (customer);",
            "CREATE INDEX CONCURRENTLY old_invoice_customer ON invoice (customer);",
            "CREATE INDEX invoice_customerü ON invoice (customer);",
            "-- like invoice_customer\nCREATE INDEX x ON invoice (customer);",
            "SELECT invoice_customer FROM t;",
        ] {
            assert!(!names_index(text.as_bytes(), "invoice_customer"), "{text}");
        }
        let odd = b"CREATE INDEX \"Odd name\" ON t (a);";
        assert!(names_index(odd, "sales.\"Odd name\""));
    }
}
