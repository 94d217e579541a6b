//! Whose index is it? What was left invalid is told of the file that makes an index of that name.

use memchr::memmem;

use crate::sql::lexer::Item;
use crate::sql::script::Script;

/// Does a statement of this script, outright or in the text of a DO block, make or rebuild an index
/// of this name, given with or without schema and quotes?
pub fn names_index(script: &Script<'_>, index: &str) -> bool {
    let name = index.rsplit('.').next().unwrap_or(index).trim_matches('"');
    script.items.iter().any(|item| match item {
        Item::Statement(statement) if statement.has(&["INDEX"]) => {
            names(script.text(&statement.range), name)
        }
        Item::Statement(statement) => statement.literals.iter().any(|literal| {
            let literal = script.text(literal);
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
    use crate::sql::script::script;

    #[test]
    fn an_index_is_named_by_its_whole_name_where_one_is_made() {
        for text in [
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS Invoice_Customer ON invoice (customer);",
            "REINDEX INDEX CONCURRENTLY sales.\"invoice_customer\";",
            "DO $$ BEGIN EXECUTE 'CREATE INDEX invoice_customer ON invoice (customer)'; END $$;",
        ] {
            assert!(names_index(&script(text), "invoice_customer"), "{text}");
        }
        for text in [
            "CREATE INDEX CONCURRENTLY invoice_customer_2 ON invoice (customer);",
            "CREATE INDEX CONCURRENTLY old_invoice_customer ON invoice (customer);",
            "CREATE INDEX invoice_customerü ON invoice (customer);",
            "-- like invoice_customer\nCREATE INDEX x ON invoice (customer);",
            "SELECT invoice_customer FROM t;",
        ] {
            assert!(!names_index(&script(text), "invoice_customer"), "{text}");
        }
        let odd = "CREATE INDEX \"Odd name\" ON t (a);";
        assert!(names_index(&script(odd), "sales.\"Odd name\""));
    }
}
